"""Waiting for a job that another task has started."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, TaskInstanceState
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import DeadlineExceeded, JobFailed
from airflow_aml_retrain.links.task import JobLink, show_job

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.wire.jobs import JobReport


class WaitForJobSensor(BaseOperator):
    """
    Wait until a job has ended well, and return its reference.

    Looks once and, if the job still runs, waits in the triggerer, where waiting costs no worker.
    A job that failed or was cancelled fails the task at once: waiting again cannot mend it.

    :param job: The job's reference, as `SubmitBatchRetrainOperator` returned it. (templated)
    :param service: As for the task that submitted it. (templated)
    :param endpoint: As for the task that submitted it. (templated)
    :param conn_id: As for the task that submitted it. (templated)
    :param start: Whether to start the job first, where it was only created. So no more jobs run at
        a time than this task may wait for: `max_active_tis_per_dag` counts deferred tasks too.
    :param poll_interval: Seconds between two looks.
    :param timeout: Seconds from the start of this try after which the wait fails; the job is
        then cancelled.
    :param deferrable: False waits on the worker.
    :param cancel_on_kill: Whether stopping the task cancels the job.
    :param end_from_trigger: Whether success ends the task in the triggerer, which saves the
        start of a worker. Task listeners (OpenLineage) are not called then, so None does it where
        there are none, and Airflow refuses True where there are any.
    """

    template_fields: Sequence[str] = ("job", "service", "endpoint", "conn_id")
    operator_extra_links = (JobLink(),)
    ui_color = "#f6ecff"

    def __init__(
        self,
        *,
        job: str,
        service: str | None = None,
        endpoint: str | None = None,
        conn_id: str = "aml_studio_default",
        start: bool = False,
        poll_interval: float = 30.0,
        timeout: float = 24 * 60 * 60.0,
        deferrable: bool = True,
        cancel_on_kill: bool = True,
        end_from_trigger: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.service = service
        self.endpoint = endpoint
        self.conn_id = conn_id
        self.start = start
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill
        self.end_from_trigger = end_from_trigger
        self._task: Any = None

    def execute(self, context: "Context") -> str:
        from airflow_aml_retrain.wire.jobs import started, wait

        self._task = context["ti"]
        backend, deadline = self._backend(), self._deadline(context)
        show_job(context, self.job, backend)
        if self.start:
            backend.run(started(backend.verbs, backend.job(self.job)))
        report = self._looked(backend)
        if not report.state.is_final and self.deferrable:
            context["ti"].xcom_push("return_value", self.job)  # the trigger cannot
            self._defer(deadline)
        if not report.state.is_final:
            waiting = wait(backend.verbs, report.job, every=self.poll_interval)
            try:
                report = backend.run(waiting, until=deadline)
            except DeadlineExceeded:
                self._cancel(backend)
                raise
        return self._ended(report)

    def execute_complete(self, context: "Context", event: object) -> str:
        from airflow_aml_retrain.triggers.events import report_of

        if event == TaskInstanceState.SUCCESS:
            # Only `dag.test()` comes here: it ignores that the trigger has ended the task.
            return self._ended(self._looked(self._backend()))
        try:
            report = report_of(event)
        except DeadlineExceeded:
            self._cancel(self._backend())
            raise
        return self._ended(report)

    def on_kill(self) -> None:
        from airflow_aml_retrain.triggers.owner import is_stopped_by_person

        if self._task and self.cancel_on_kill and is_stopped_by_person(self._task):
            self._cancel(self._backend())

    def _defer(self, deadline: float) -> None:
        from airflow_aml_retrain.triggers.job import JobTrigger

        self.defer(
            trigger=JobTrigger(
                self.job,
                conn_id=self.conn_id,
                service=self.service,
                endpoint=self.endpoint,
                poll_interval=self.poll_interval,
                deadline=deadline,
                cancel_on_kill=self.cancel_on_kill,
                end_from_trigger=self._ends_from_trigger(),
            ),
            method_name="execute_complete",
            # The trigger keeps the deadline itself; this one is for a trigger that cannot.
            timeout=timedelta(seconds=self.timeout + 600),
        )

    def _ends_from_trigger(self) -> bool:
        if self.end_from_trigger is not None:
            return self.end_from_trigger
        from airflow.sdk.listener import get_listener_manager

        return not get_listener_manager().hook.on_task_instance_success.get_hookimpls()

    def _looked(self, backend: "Backend") -> "JobReport":
        return backend.run(backend.verbs.poll(backend.job(self.job)))

    def _ended(self, report: "JobReport") -> str:
        try:
            report.require_success()
        except JobFailed as exc:
            raise AirflowFailException(str(exc)) from exc
        self.log.info("Job %s has ended well", self.job)
        return self.job

    def _cancel(self, backend: "Backend") -> None:
        backend.run(backend.verbs.cancel(backend.job(self.job)))
        self.log.info("Cancelled %s", self.job)

    def _backend(self) -> "Backend":
        from airflow_aml_retrain.hooks.retrain import backend_for

        return backend_for(self.conn_id, self.service, self.endpoint)

    def _deadline(self, context: "Context") -> float:
        start = context["ti"].start_date
        return float(start.timestamp()) + self.timeout
