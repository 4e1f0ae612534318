"""Scoring the hold-out on an endpoint, as its users' batch jobs would be scored."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import DeadlineExceeded, JobFailed, WireError
from airflow_aml_retrain.links.task import JobLink, show_job
from airflow_aml_retrain.operators.batch import BatchJob
from airflow_aml_retrain.operators.run import folder_of

if TYPE_CHECKING:
    from airflow.sdk import Context

_COMPARED: Final = 20
"""Rows by which the batch job and the request-response service must agree."""


class ScoredData(TypedDict):
    """
    What was scored, by which model.

    *scored* is "container/path"; *before* and *after* are the locations of the endpoint's model
    before and after scoring, empty where they cannot be read.
    """

    scored: str
    job: str
    endpoint: str
    before: str
    after: str


class ScoreBatchOperator(BaseOperator):
    """
    Score rows with an endpoint's batch service, and keep the result in the user's own storage.

    The model's location is read before and after, and some rows are asked of the
    request-response service too: a model that is still spreading answers the two differently,
    which fails the task, so that a retry scores again. Returns `ScoredData`.

    :param data: The rows, a CSV "container/path". (templated)
    :param destination: Where the scored rows go, "container/prefix". (templated)
    :param service: The web service. (templated)
    :param endpoint: The endpoint. (templated)
    :param resource: The updatable resource. Default: the only one. (templated)
    :param input_name: The service's input.
    :param output_name: The service's output. Default: the only one that is a table.
    :param parameters: The service's global parameters. (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    :param poll_interval: Seconds between two looks at the job.
    :param timeout: Seconds from the start of this try after which the job is cancelled.
    :param deferrable: False waits on the worker.
    :param cancel_on_kill: Whether stopping the task cancels the job.
    """

    template_fields: Sequence[str] = (
        "data",
        "destination",
        "service",
        "endpoint",
        "resource",
        "parameters",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (JobLink(),)
    ui_color = "#fff4dd"

    def __init__(
        self,
        *,
        data: str,
        destination: str = "aml-retrain/scored",
        service: str | None = None,
        endpoint: str | None = None,
        resource: str | None = None,
        input_name: str = "input1",
        output_name: str | None = None,
        parameters: Mapping[str, str] | None = None,
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        poll_interval: float = 10.0,
        timeout: float = 6 * 60 * 60.0,
        deferrable: bool = True,
        cancel_on_kill: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data = data
        self.destination = destination
        self.service = service
        self.endpoint = endpoint
        self.resource = resource
        self.input_name = input_name
        self.output_name = output_name
        self.parameters = parameters
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill
        self._job: BatchJob | None = None

    def execute(self, context: "Context") -> ScoredData:
        job = self._job = BatchJob.open(self, context)
        reference = job.started({self.input_name: self.data}, self.parameters or {})
        show_job(context, reference, job.backend)
        deadline = float(context["ti"].start_date.timestamp()) + self.timeout
        if self.deferrable:
            self._defer(reference, deadline)
        return self._scored(context, job, job.waited(every=self.poll_interval, until=deadline))

    def execute_complete(self, context: "Context", event: object) -> ScoredData:
        from airflow_aml_retrain.triggers.events import report_of

        job = self._job = BatchJob.open(self, context)
        job.job = job.memory.recall()
        try:
            report = report_of(event)
        except DeadlineExceeded:
            job.cancel()
            raise
        return self._scored(context, job, report)

    def on_kill(self) -> None:
        if self._job and self.cancel_on_kill:
            self._job.stopped()

    def _defer(self, reference: str, deadline: float) -> None:
        from airflow_aml_retrain.triggers.job import JobTrigger

        self.defer(
            trigger=JobTrigger(
                reference,
                conn_id=self.conn_id,
                service=self.service,
                endpoint=self.endpoint,
                poll_interval=self.poll_interval,
                deadline=deadline,
                cancel_on_kill=self.cancel_on_kill,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout + 600),
        )

    def _scored(self, context: "Context", job: BatchJob, report: Any) -> ScoredData:
        from airflow_aml_retrain.client.scoring import agreement, keep_scored
        from airflow_aml_retrain.hooks.storage import blob_store

        try:
            report.require_success()
        except JobFailed as exc:
            job.memory.forget()
            raise AirflowFailException(str(exc)) from exc
        store = blob_store(self.wasb_conn_id)
        place = f"{self.destination.rstrip('/')}/{folder_of(context)}.csv"
        keep_scored(job.backend, report.job, store, place, output=self.output_name)
        proof = agreement(
            job.backend, store, self.data, place, rows=_COMPARED, every=min(self.poll_interval, 1.0)
        )
        if not proof.holds:
            job.memory.forget()
            msg = f"batch and request-response disagree, so the model is still spreading: {proof}"
            raise WireError(msg)
        return ScoredData(
            scored=place,
            job=job.backend.reference(report.job),
            endpoint=job.backend.uri,
            before=job.memory.served(),
            after=job.serving(),
        )
