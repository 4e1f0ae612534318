"""
Waiting for a batch job in the triggerer.

An outage never fails or cancels a healthy job: only a final state, the deadline or a person
ends the wait. `cleanup` cancels nothing, for it also runs when a triggerer restarts.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from airflow_aml_retrain.errors import RetrainError
from airflow_aml_retrain.triggers.events import event_of, event_of_trouble
from airflow_aml_retrain.triggers.killing import done_to_its_end
from airflow_aml_retrain.triggers.owner import is_awaited_elsewhere
from airflow_aml_retrain.triggers.reach import backend_in_time
from airflow_aml_retrain.wire.conversation import Conversation, Pause
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState, JobVerbs, wait

if TYPE_CHECKING:
    from airflow_aml_retrain.client.backend import Backend

_DEFERRED: Final = 6.0
"""Seconds within which the process that deferred has ended, and Airflow knows."""


class JobTrigger(BaseTrigger):
    """
    Fires once, when the job has ended or the deadline has passed.

    :param reference: The job's URL; holds no secret.
    :param conn_id: The connection of the service that runs it.
    :param service: The web service, where the connection is a workspace.
    :param endpoint: The endpoint, where the connection is a workspace.
    :param poll_interval: Seconds between two looks.
    :param deadline: Seconds since 1970; None waits for ever.
    :param cancel_on_kill: Whether a person who stops the task stops the job with it.
    :param end_from_trigger: Whether success ends the task here; it saves the start of a worker,
        and task listeners are not called.
    """

    def __init__(
        self,
        reference: str,
        *,
        conn_id: str,
        service: str | None = None,
        endpoint: str | None = None,
        poll_interval: float = 30.0,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
        end_from_trigger: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's own
        self.reference = reference
        self.conn_id = conn_id
        self.service = service
        self.endpoint = endpoint
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "reference": self.reference,
            "conn_id": self.conn_id,
            "service": self.service,
            "endpoint": self.endpoint,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "cancel_on_kill": self.cancel_on_kill,
            "end_from_trigger": self.end_from_trigger,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        job = JobId(self.reference)
        try:
            backend = await self._backend(self.deadline)
            job = backend.job(self.reference)
            report = await backend.arun(
                resumed(backend.verbs, job, every=self.poll_interval), until=self.deadline
            )
        except RetrainError as exc:
            yield TriggerEvent(event_of_trouble(job, exc))
        else:
            yield self._answer(report)

    async def on_kill(self) -> None:
        """A person stopped the task, so stop the job that it was waiting for."""
        if self.cancel_on_kill:
            await done_to_its_end(self._cancel())

    async def _cancel(self) -> None:
        if await is_awaited_elsewhere(self.task_instance):
            return
        backend = await self._backend(None)
        await backend.arun(backend.verbs.cancel(backend.job(self.reference)))
        self.log.info("Cancelled %s, because its task was stopped", self.reference)

    def _answer(self, report: JobReport) -> TriggerEvent:
        if self.end_from_trigger and report.state is JobState.SUCCEEDED:
            # The task has left its value before it deferred: a text that is sent from here
            # arrives with quotes around it (3.3.2 writes it as JSON twice).
            return TaskSuccessEvent()
        return TriggerEvent(event_of(report))

    async def _backend(self, deadline: float | None) -> "Backend":
        return await backend_in_time(self.conn_id, self.service, self.endpoint, deadline)


def resumed(verbs: JobVerbs, job: JobId, *, every: float) -> Conversation[JobReport]:
    """
    Wait, beginning with a pause: the task has just looked.

    Without it the trigger could fire while the process that deferred still ends, which 3.3.2
    takes for the failure of the task that has meanwhile been resumed. A triggerer that starts
    begins thousands of waits at once: the first looks are spread over a whole interval, around
    its end, and from then on the crowd stays spread.
    """
    soonest = min(every, max(every / 2, _DEFERRED))
    first = Pause(soonest, spread=max(0.1, 2 * (every / soonest - 1)))
    return wait(verbs, job, every=every, first=first)
