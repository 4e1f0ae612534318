"""Setting a retraining going."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_aml_retrain.links.task import JobLink, show_job
from airflow_aml_retrain.operators.batch import BatchJob

if TYPE_CHECKING:
    from airflow.sdk import Context


class SubmitBatchRetrainOperator(BaseOperator):
    """
    Submit a retraining job, start it, and return its reference.

    The reference is a URL that names the job and holds no secret. A retry finds the job that it
    had created and starts that one; a cleared task retrains.

    :param inputs: What the job reads: input name to "container/path". (templated)
    :param parameters: The service's global parameters, name to text. (templated)
    :param service: The training web service, by name or id, where *conn_id* is a workspace.
        (templated)
    :param endpoint: Its endpoint; default: the service's default endpoint. (templated)
    :param conn_id: The workspace, or the one service, that trains. (templated)
    :param wasb_conn_id: The storage where *inputs* lie. (templated)
    :param start: False only creates the job, and leaves it to `WaitForJobSensor` to start it. Its
        inputs can be read for a day.
    """

    template_fields: Sequence[str] = (
        "inputs",
        "parameters",
        "service",
        "endpoint",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (JobLink(),)
    ui_color = "#fff4dd"

    def __init__(
        self,
        *,
        inputs: Mapping[str, str],
        parameters: Mapping[str, str] | None = None,
        service: str | None = None,
        endpoint: str | None = None,
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        start: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs = inputs
        self.parameters = parameters
        self.service = service
        self.endpoint = endpoint
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.start = start
        self._job: BatchJob | None = None

    def execute(self, context: "Context") -> str:
        self._job = BatchJob.open(self, context)
        setting = self._job.started if self.start else self._job.created
        reference = setting(self.inputs, self.parameters or {})
        show_job(context, reference, self._job.backend)
        return reference

    def on_kill(self) -> None:
        if self._job:
            self._job.stopped()
