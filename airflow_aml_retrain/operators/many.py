"""Retraining many models at once, in one task."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypedDict

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.exceptions import AirflowTaskTerminated

from airflow_aml_retrain.errors import ModelsFailed, NotConfigured

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_aml_retrain.operators.many_jobs import ManyJobs
    from airflow_aml_retrain.operators.many_memory import Noted

_LINGERING: Final = 2
"""Polls for which further ends are awaited after the first, before new jobs take the places."""


class Retrained(TypedDict):
    """What became of one model: the reference of its job, or (None) why it was not retrained."""

    model: str
    job: str | None
    failure: str


class RetrainManyOperator(BaseOperator):
    """
    Retrain many models with one web service, and return what became of each.

    One task, one trigger, one client: it submits a batch job for each model, waits for all of
    them in the triggerer, and submits the next as others end, so that no more than
    *max_active_jobs* are under way. A model that fails stops no other. A retry takes up the jobs
    that run, and retrains only the models that failed; so it does after an outage, which ends a
    try, but for the last one: that begins no more, and awaits the jobs under way. Returns a list
    of `Retrained`, in the order of *models*, which another task can be expanded over; where the
    task fails, it is left as its result too.

    :param models: A mapping for each model, or the JSON of them: "model" (its name), "inputs"
        (input name to "container/path") and, if there are any, "parameters". (templated)
    :param service: The training web service, by name or id, where *conn_id* is a workspace.
        (templated)
    :param endpoint: Its endpoint; default: the service's default endpoint. (templated)
    :param max_active_jobs: How many jobs may be under way. The service itself runs 40 batch jobs
        of an endpoint at a time and lets others wait.
    :param fail_when: "all": the task fails where no model was retrained, for the others can go on
        without those that failed; "any": where one was not, so that `retries` tries it again;
        "never".
    :param conn_id: The workspace, or the one service, that trains. (templated)
    :param wasb_conn_id: The storage where the inputs lie. (templated)
    :param poll_interval: Seconds between two looks at a job.
    :param timeout: Seconds from the start of this try; what has not ended then is cancelled, and
        its model is not retrained.
    :param cancel_on_kill: Whether stopping the task cancels the jobs.
    """

    template_fields: Sequence[str] = ("models", "service", "endpoint", "conn_id", "wasb_conn_id")
    template_fields_renderers = {"models": "json"}  # noqa: RUF012 - Airflow's
    ui_color = "#fff4dd"

    def __init__(
        self,
        *,
        models: Sequence[Mapping[str, Any]] | str,
        service: str | None = None,
        endpoint: str | None = None,
        max_active_jobs: int = 40,
        fail_when: Literal["all", "any", "never"] = "all",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        poll_interval: float = 30.0,
        timeout: float = 24 * 60 * 60.0,
        cancel_on_kill: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.models = models
        self.service = service
        self.endpoint = endpoint
        self.max_active_jobs = max_active_jobs
        self.fail_when = fail_when
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.cancel_on_kill = cancel_on_kill
        self._jobs: ManyJobs | None = None
        self._task: Any = None

    def execute(self, context: "Context") -> list[Retrained]:
        jobs = self._open(context)
        self._begin(context, jobs, jobs.take_up)
        return self._go_on(context, jobs)

    def execute_complete(self, context: "Context", event: object) -> list[Retrained]:
        jobs = self._open(context)
        jobs.note(event)
        return self._go_on(context, jobs)

    def on_kill(self) -> None:
        from airflow_aml_retrain.triggers.owner import is_stopped_by_person

        if self._jobs is None:
            return
        if not self.cancel_on_kill or not is_stopped_by_person(self._task):
            self.log.info("Leaving the jobs to the next try")
            return
        self._jobs.cancel()
        # Airflow's handler would go on where it was, and start jobs after all.
        raise AirflowTaskTerminated

    def _open(self, context: "Context") -> "ManyJobs":
        from airflow_aml_retrain.operators.many_jobs import ManyJobs, by_name

        self._require_sense()
        self._task = context["ti"]
        self._jobs = ManyJobs.open(self, context, by_name(self.models))
        return self._jobs

    def _go_on(self, context: "Context", jobs: "ManyJobs") -> list[Retrained]:
        """Fill the free places; wait for those who have one; once there are none, it is done."""
        deadline = context["ti"].start_date + timedelta(seconds=self.timeout)
        if timezone.utcnow() > deadline:
            jobs.give_up(f"not by the deadline {deadline.isoformat(timespec='seconds')}")
        self._begin(context, jobs, lambda: jobs.submit(self.max_active_jobs))
        if jobs.under_way:
            self._defer(jobs, deadline)
        return self._ended(context, jobs)

    def _begin(self, context: "Context", jobs: "ManyJobs", begin: Callable[[], None]) -> None:
        """An outage ends a try, and the next goes on; the last awaits what is under way."""
        from airflow_aml_retrain.operators.many_jobs import OUTAGES

        try:
            begin()
        except OUTAGES as exc:
            if context["ti"].try_number <= context["ti"].max_tries:
                raise
            self.log.warning("Beginning no more jobs, for there is no further try: %s", exc)
            jobs.begin_no_more(str(exc))

    def _defer(self, jobs: "ManyJobs", deadline: "datetime") -> NoReturn:
        from airflow_aml_retrain.triggers.jobs import JobsTrigger

        # A worker is woken for a quarter of the places, or for what is free a little later.
        left = bool(jobs.left)
        self.defer(
            trigger=JobsTrigger(
                list(jobs.under_way.values()),
                conn_id=self.conn_id,
                service=self.service,
                endpoint=self.endpoint,
                poll_interval=self.poll_interval,
                deadline=deadline.timestamp(),
                enough=max(1, self.max_active_jobs // 4) if left else None,
                linger=_LINGERING * self.poll_interval if left else None,
                cancel_on_kill=self.cancel_on_kill,
            ),
            method_name="execute_complete",
            # The trigger keeps the deadline itself; this one is for a trigger that cannot.
            timeout=deadline - timezone.utcnow() + timedelta(seconds=600),
        )

    def _ended(self, context: "Context", jobs: "ManyJobs") -> list[Retrained]:
        outcomes = jobs.outcomes()
        failures = {model: noted.why for model, noted in outcomes.items() if noted.failed}
        self.log.info("%s of %s models retrained", len(outcomes) - len(failures), len(outcomes))
        for model, why in failures.items():
            self.log.error("%s was not: %s", model, why)
        result = [_retrained(jobs, model, noted) for model, noted in outcomes.items()]
        if failures and self._is_failure(len(failures), len(outcomes)):
            context["ti"].xcom_push(key="return_value", value=result)
            raise ModelsFailed(failures, len(outcomes))
        return result

    def _is_failure(self, failed: int, of: int) -> bool:
        return {"all": failed == of, "any": True, "never": False}[self.fail_when]

    def _require_sense(self) -> None:
        if self.max_active_jobs < 1:
            msg = f"max_active_jobs: expected at least 1, got {self.max_active_jobs}"
            raise NotConfigured(msg)
        if self.fail_when not in {"all", "any", "never"}:
            msg = f"fail_when: expected 'all', 'any' or 'never', got {self.fail_when!r}"
            raise NotConfigured(msg)


def _retrained(jobs: "ManyJobs", model: str, noted: "Noted") -> Retrained:
    reference = None if noted.failed else jobs.backend.reference(noted.job)
    return Retrained(model=model, job=reference, failure=noted.why)
