"""What is spoken to a web service itself, classic or new: its batch jobs and its answers."""

from collections.abc import Mapping, Sequence

from airflow_aml_retrain.wire.bes import BatchExecution
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.conversation import Conversation
from airflow_aml_retrain.wire.jobs import JobId, JobReport
from airflow_aml_retrain.wire.rrs import Format, RequestResponse
from airflow_aml_retrain.wire.verbs import Row


class ServiceVerbs:
    """
    The half of the verbs that both kinds of web service share.

    *input_name*, *output_name* and *format* are those of `RequestResponse`; *settling* is for how
    many more seconds a 401 or 404 of a fresh service is no error yet.
    """

    __slots__ = ()

    api_url: str
    input_name: str
    output_name: str | None
    format: Format
    settling: float

    def submit(
        self, inputs: Mapping[str, ModelBlob], parameters: Mapping[str, str]
    ) -> Conversation[JobId]:
        """Create a job over *inputs* (input name to blob). It does not run until `start`."""
        return (yield from self._batch.submit(inputs, parameters))

    def start(self, job: JobId) -> Conversation[None]:
        yield from self._batch.start(job)

    def poll(self, job: JobId) -> Conversation[JobReport]:
        return (yield from self._batch.poll(job))

    def cancel(self, job: JobId) -> Conversation[None]:
        yield from self._batch.cancel(job)

    def outputs(self, job: JobId) -> Conversation[Mapping[str, ModelBlob]]:
        """Ask for the results of a job that succeeded, each with a fresh token."""
        return (yield from self._batch.outputs(job))

    def score(self, rows: Sequence[Row]) -> Conversation[list[dict[str, str]]]:
        """Ask the endpoint about *rows*; one answered row for each, in the same order."""
        service = RequestResponse(
            self.api_url, self.input_name, self.output_name, self.format, self.settling
        )
        return (yield from service.score(rows))

    @property
    def _batch(self) -> BatchExecution:
        return BatchExecution(self.api_url, self.settling)
