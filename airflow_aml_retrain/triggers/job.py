"""
Waiting for a batch job in the triggerer.

An outage never fails or cancels a healthy job: only a final state, the deadline or a person
ends the wait. `cleanup` cancels nothing, for it also runs when a triggerer restarts.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskInstanceState
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from airflow_aml_retrain.errors import DeadlineExceeded, RetrainError
from airflow_aml_retrain.triggers.events import event_of, event_of_trouble
from airflow_aml_retrain.triggers.owner import state_of
from airflow_aml_retrain.wire.conversation import Conversation, pause
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState, wait

if TYPE_CHECKING:
    from airflow_aml_retrain.client.backend import Backend


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
            backend = await self._backend_in_time()
            try:
                job = backend.job(self.reference)
                report = await backend.arun(self._waiting(backend, job), until=self.deadline)
            finally:
                await backend.aclose()
        except RetrainError as exc:
            yield TriggerEvent(event_of_trouble(job, exc))
        else:
            yield self._answer(report)

    async def on_kill(self) -> None:
        """A person stopped the task, so stop the job that it was waiting for."""
        if not self.cancel_on_kill or await self._is_awaited_elsewhere():
            return
        backend = await self._backend()
        try:
            await backend.arun(backend.verbs.cancel(backend.job(self.reference)))
        finally:
            await backend.aclose()
        self.log.info("Cancelled %s, because its task was stopped", self.reference)

    def _waiting(self, backend: "Backend", job: JobId) -> Conversation[JobReport]:
        """
        Wait, beginning with a pause: the task has just looked.

        Without it the trigger could fire while the process that deferred still ends, which 3.3.2
        takes for the failure of the task that has meanwhile been resumed.
        """
        yield from pause(self.poll_interval)
        return (yield from wait(backend.verbs, job, every=self.poll_interval))

    def _answer(self, report: JobReport) -> TriggerEvent:
        if self.end_from_trigger and report.state is JobState.SUCCEEDED:
            # The task has left its value before it deferred: a text that is sent from here
            # arrives with quotes around it (3.3.2 writes it as JSON twice).
            return TaskSuccessEvent()
        return TriggerEvent(event_of(report))

    async def _backend(self) -> "Backend":
        from airflow_aml_retrain.hooks.retrain import abackend_for

        return await abackend_for(self.conn_id, self.service, self.endpoint)

    async def _backend_in_time(self) -> "Backend":
        """The backend, whose look-up may last as long as the wait itself, and not longer."""
        left = None if self.deadline is None else max(1.0, self.deadline - time.time())
        try:
            async with asyncio.timeout(left):
                return await self._backend()
        except TimeoutError as exc:
            msg = f"the deadline has passed before {self.conn_id!r} could be reached"
            raise DeadlineExceeded(msg) from exc

    async def _is_awaited_elsewhere(self) -> bool:
        """
        Whether the task still waits, and only this triggerer lost it.

        Airflow 3.3.2 also calls `on_kill` on triggers that were assigned to another triggerer
        (apache/airflow #73454); a task that a person stopped is no longer deferred.
        """
        from asgiref.sync import sync_to_async

        if self.task_instance is None:
            return False
        state = await sync_to_async(state_of)(self.task_instance)
        return state == TaskInstanceState.DEFERRED
