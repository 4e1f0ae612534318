"""
The Batch Execution Service: jobs of a web service, api-version 2.0.

Classic and new web services speak it alike. Any 2xx is success, and the bodies of start and
cancel are not parsed: no public source says what they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.errors import BadInput, UnknownJobStatus, WireError
from airflow_aml_retrain.wire.blobs import ModelBlob, blob_of, reference_of
from airflow_aml_retrain.wire.conversation import Conversation, Request, Response, ask
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState
from airflow_aml_retrain.wire.references import job_id, job_reference
from airflow_aml_retrain.wire.secret import scrubbed
from airflow_aml_retrain.wire.shapes import shape_of

STATES: Final = {
    "NotStarted": JobState.WAITING,
    "Running": JobState.RUNNING,
    "Failed": JobState.FAILED,
    "Cancelled": JobState.CANCELLED,
    "Finished": JobState.SUCCEEDED,
}
_NUMBERED: Final = tuple(STATES)
"""Services of the first version send the index of the word in this order."""

_VERSION: Final = "?api-version=2.0"


@dataclass(frozen=True, slots=True)
class BatchExecution:
    """
    The jobs of the service at *api_url*.

    *settling* is for how many seconds a 401 or 404 of a fresh endpoint is no error yet.
    """

    api_url: str
    settling: float = 0.0

    def submit(
        self, inputs: Mapping[str, ModelBlob], parameters: Mapping[str, str]
    ) -> Conversation[JobId]:
        """Create a job. It does not run until `start`, so one that is lost costs nothing."""
        body = {
            "Inputs": {
                name: {"ConnectionString": None, **reference_of(blob)}
                for name, blob in inputs.items()
            },
            "Outputs": {},
            "GlobalParameters": dict(parameters),
        }
        url = f"{self.api_url}/jobs{_VERSION}"
        answer = yield from ask(Request("POST", url, body), settling=self.settling)
        return job_id(answer.json())

    def start(self, job: JobId) -> Conversation[None]:
        yield from ask(Request("POST", self._url(job, "/start")))

    def poll(self, job: JobId) -> Conversation[JobReport]:
        answer = yield from ask(Request("GET", self._url(job)))
        return _report(job, answer.json())

    def cancel(self, job: JobId) -> Conversation[None]:
        """Stop *job*; harmless when it has already ended."""
        yield from ask(Request("DELETE", self._url(job)))

    def outputs(self, job: JobId) -> Conversation[Mapping[str, ModelBlob]]:
        """Ask for the results of *job*, which must have succeeded; each has a fresh token."""
        answer = yield from ask(Request("GET", self._url(job)))
        report = _report(job, answer.json())
        if not report.state.is_final:
            msg = f"job {job} has no results yet: it is {report.state.value}; wait for its end"
            raise BadInput(msg)
        report.require_success()
        return _results(answer)

    def _url(self, job: JobId, deed: str = "") -> str:
        return f"{job_reference(self.api_url, job)}{deed}{_VERSION}"


def _report(job: JobId, said: object) -> JobReport:
    match said:
        case {"StatusCode": status, **rest}:
            return JobReport(job, _state(status), scrubbed(str(rest.get("Details") or "")))
        case _:
            msg = f"job {job}: expected a status with StatusCode, got {shape_of(said)}"
            raise WireError(msg)


def _state(status: object) -> JobState:
    word = status
    # `type`, since True is an int as well and no status.
    if type(status) is int and 0 <= status < len(_NUMBERED):
        word = _NUMBERED[status]
    if not isinstance(word, str) or word not in STATES:
        raise UnknownJobStatus(status, STATES)
    return STATES[word]


def _results(answer: Response) -> dict[str, ModelBlob]:
    match answer.json():
        case {"Results": {**results}}:
            return {str(name): blob_of(said) for name, said in results.items()}
        case _:
            # A service without an output module finishes with no results at all.
            return {}
