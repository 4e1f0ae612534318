"""
What a task remembers of its job over its retries.

Law: an id is remembered before its job is started, so that for one attempt at retraining at most
one job ever starts. A retry finds the id again; a clear by a person begins anew.
"""

from typing import TYPE_CHECKING, Final

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_aml_retrain.errors import UnexpectedAnswer
from airflow_aml_retrain.wire.jobs import JobId, JobState, wait

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue

    from airflow_aml_retrain.client.backend import Backend

_OVER: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, None})
NOT_ADOPTED: Final = frozenset({JobState.FAILED, JobState.CANCELLED, None})
"""States of a job that a retry does not take up; None: the service no longer knows it."""

_EVERY: Final = 2.0


class JobMemory:
    """
    The job of one attempt at a task, in Airflow's task state store.

    The store outlives a clear (3.3.0 to 3.3.2), so the key holds what a clear raises and a retry
    leaves alone: the number of tries allowed, which Airflow keeps with the task instance.
    """

    def __init__(self, context: "Context") -> None:
        self._store = context["task_state_store"]
        self._key = f"aml-retrain-job-{context['ti'].max_tries}"

    def recall(self) -> JobId | None:
        job = self._recalled("job")
        return JobId(job) if job else None

    def served(self) -> str:
        """The location of the model that served when the job was created, if it was noted."""
        return self._recalled("serving")

    def remember(self, job: JobId, *, serving: str = "") -> None:
        self._note(job=job, serving=serving)

    def forget(self) -> None:
        """The job is over and done with; a retry must not take it up again."""
        self._note()

    def cancelling(self, job: JobId) -> None:
        """The job is about to be cancelled; a retry sees to that before it makes another."""
        self._note(cancelling=job)

    def adoptable(self, backend: "Backend") -> JobId | None:
        """The remembered job, unless it has failed, was cancelled, or is gone."""
        if doomed := self._recalled("cancelling"):
            see_cancelled(backend, JobId(doomed))
            self.forget()
            return None
        job = self.recall()
        if job is None:
            return None
        state = state_on(backend, job)
        return None if state in NOT_ADOPTED else job

    def _note(self, *, job: str = "", serving: str = "", cancelling: str = "") -> None:
        noted: dict[str, JsonValue] = {"job": job, "serving": serving, "cancelling": cancelling}
        self._store.set(self._key, noted, retention=NEVER_EXPIRE)

    def _recalled(self, what: str) -> str:
        match self._store.get(self._key):
            case dict(noted):
                return str(noted.get(what) or "")
            case _:
                return ""


def see_cancelled(backend: "Backend", job: JobId) -> None:
    """A cancellation that a kill cut short must not leave a job running beside the next."""
    if state_on(backend, job) not in _OVER:
        backend.run(backend.verbs.cancel(job))
        backend.run(wait(backend.verbs, job, every=_EVERY))


def state_on(backend: "Backend", job: JobId) -> JobState | None:
    """The job's state; None if the service no longer knows it."""
    try:
        return backend.run(backend.verbs.poll(job)).state
    except UnexpectedAnswer as exc:
        if exc.status != 404:
            raise
        return None
