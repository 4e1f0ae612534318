"""
What a task remembers of its job over its retries.

Law: an id is remembered before its job is started, so that for one attempt at retraining at most
one job ever starts. A retry finds the id again; a clear by a person begins anew.
"""

from typing import TYPE_CHECKING, Final

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_aml_retrain.errors import UnexpectedAnswer
from airflow_aml_retrain.wire.jobs import JobId, JobState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend

_NOT_ADOPTED: Final = frozenset({JobState.FAILED, JobState.CANCELLED})


class JobMemory:
    """
    The job of one attempt at a task, in Airflow's task state store.

    The store outlives a clear (3.3.0 to 3.3.2), so the key holds what a clear changes and a
    retry does not: how far the number of tries allowed was raised.
    """

    def __init__(self, context: "Context") -> None:
        task = context["ti"]
        self._store = context["task_state_store"]
        cleared = int(getattr(task, "max_tries", 0) or 0) - int(context["task"].retries or 0)
        self._key = f"aml-retrain-job-{cleared}"

    def recall(self) -> JobId | None:
        job = self._recalled("job")
        return JobId(job) if job else None

    def served(self) -> str:
        """The location of the model that served when the job was created, if it was noted."""
        return self._recalled("serving")

    def remember(self, job: JobId, *, serving: str = "") -> None:
        self._store.set(self._key, {"job": job, "serving": serving}, retention=NEVER_EXPIRE)

    def forget(self) -> None:
        """A retry must not take the job up again: it failed, or we cancelled it."""
        self._store.set(self._key, {"job": "", "serving": ""}, retention=NEVER_EXPIRE)

    def _recalled(self, what: str) -> str:
        match self._store.get(self._key):
            case dict(noted):
                return str(noted.get(what) or "")
            case _:
                return ""

    def adoptable(self, backend: "Backend") -> JobId | None:
        """The remembered job, unless it has failed, was cancelled, or is gone."""
        job = self.recall()
        if job is None:
            return None
        try:
            report = backend.run(backend.verbs.poll(job))
        except UnexpectedAnswer as exc:
            if exc.status != 404:
                raise
            return None
        return None if report.state in _NOT_ADOPTED else job
