"""
Waiting for many batch jobs in one trigger: one client, one token, one look-up for all of them.

Law: what becomes of one job is told of that job alone. As in `JobTrigger` an outage ends nothing,
and `cleanup` cancels nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_aml_retrain.errors import DeadlineExceeded, RetrainError
from airflow_aml_retrain.triggers.events import (
    JobEvent,
    JobsEvent,
    event_of,
    event_of_trouble,
)
from airflow_aml_retrain.triggers.job import resumed
from airflow_aml_retrain.triggers.killing import done_to_its_end
from airflow_aml_retrain.triggers.owner import is_awaited_elsewhere
from airflow_aml_retrain.triggers.reach import backend_in_time
from airflow_aml_retrain.wire.jobs import JobId

if TYPE_CHECKING:
    from airflow_aml_retrain.client.backend import Backend


class JobsTrigger(BaseTrigger):
    """
    Fires once: when all jobs have ended, or *enough* of them, or *linger* seconds after the first.

    It tells which have ended, and how; whoever resumes goes on waiting for the others. At the
    deadline all have ended that have not: by it.

    :param jobs: The ids of the jobs.
    :param conn_id: The connection of the service that runs them.
    :param service: The web service, where the connection is a workspace.
    :param endpoint: The endpoint, where the connection is a workspace.
    :param poll_interval: Seconds between two looks at a job.
    :param deadline: Seconds since 1970; None waits for ever.
    :param enough: How many must have ended. Default: all of them.
    :param linger: Seconds after the first end; None: for ever.
    :param cancel_on_kill: Whether a person who stops the task stops the jobs with it.
    """

    def __init__(
        self,
        jobs: Sequence[str],
        *,
        conn_id: str,
        service: str | None = None,
        endpoint: str | None = None,
        poll_interval: float = 30.0,
        deadline: float | None = None,
        enough: int | None = None,
        linger: float | None = None,
        cancel_on_kill: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's own
        self.jobs = list(jobs)
        self.conn_id = conn_id
        self.service = service
        self.endpoint = endpoint
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.enough = enough
        self.linger = linger
        self.cancel_on_kill = cancel_on_kill

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "jobs": self.jobs,
            "conn_id": self.conn_id,
            "service": self.service,
            "endpoint": self.endpoint,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "enough": self.enough,
            "linger": self.linger,
            "cancel_on_kill": self.cancel_on_kill,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            backend = await self._backend(self.deadline)
        except DeadlineExceeded as exc:
            late = [event_of_trouble(JobId(job), exc) for job in self.jobs]
            yield TriggerEvent(JobsEvent(ended=late, trouble=""))
        except RetrainError as exc:
            yield TriggerEvent(JobsEvent(ended=[], trouble=str(exc)))
        else:
            yield TriggerEvent(JobsEvent(ended=await self._ended(backend), trouble=""))

    async def on_kill(self) -> None:
        """A person stopped the task, so stop the jobs that it was waiting for."""
        if self.cancel_on_kill:
            await done_to_its_end(self._cancel())

    async def _cancel(self) -> None:
        if await is_awaited_elsewhere(self.task_instance):
            return
        left = await cancelled(await self._backend(None), [JobId(job) for job in self.jobs])
        for job, why in left.items():
            self.log.warning("Job %s could not be cancelled: %s", job, why)
        self.log.info(
            "Cancelled %s jobs, because their task was stopped", len(self.jobs) - len(left)
        )

    async def _ended(self, backend: "Backend") -> list[JobEvent]:
        """Wait until there is reason to fire; what has ended until then."""
        waiting = set[asyncio.Task[JobEvent]]()
        try:
            for job in self.jobs:
                waiting.add(asyncio.create_task(self._end_of(backend, JobId(job))))
                # A thousand that begin at once would keep all other triggers from moving.
                await asyncio.sleep(0)
            ended, waiting = await self._awaited(waiting)
        finally:
            for task in waiting:
                task.cancel()
        return [task.result() for task in ended]

    async def _awaited(
        self, waiting: set[asyncio.Task[JobEvent]]
    ) -> tuple[set[asyncio.Task[JobEvent]], set[asyncio.Task[JobEvent]]]:
        """Those that have ended and those that have not, once it is time to fire."""
        enough = min(self.enough or len(waiting), len(waiting))
        ended: set[asyncio.Task[JobEvent]] = set()
        until: float | None = None
        now = asyncio.get_running_loop().time
        while len(ended) < enough and (until is None or now() < until):
            left = None if until is None else until - now()
            done, waiting = await asyncio.wait(
                waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            ended |= done
            if until is None and self.linger is not None:
                until = now() + self.linger
        return ended, waiting

    async def _end_of(self, backend: "Backend", job: JobId) -> JobEvent:
        """How one job ended, or why it is no longer waited for: never an error."""
        try:
            waiting = resumed(backend.verbs, job, every=self.poll_interval)
            return event_of(await backend.arun(waiting, until=self.deadline))
        except RetrainError as exc:
            return event_of_trouble(job, exc)

    async def _backend(self, deadline: float | None) -> "Backend":
        return await backend_in_time(self.conn_id, self.service, self.endpoint, deadline)


async def cancelled(backend: "Backend", jobs: Sequence[JobId]) -> dict[JobId, str]:
    """Cancel *jobs*, side by side; those that could not be, with the reason."""

    async def trouble(job: JobId) -> str:
        try:
            await backend.arun(backend.verbs.cancel(job))
        except RetrainError as exc:
            return str(exc)
        return ""

    said = await asyncio.gather(*(trouble(job) for job in jobs))
    return {job: why for job, why in zip(jobs, said, strict=True) if why}
