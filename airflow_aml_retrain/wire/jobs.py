"""
A job: which one, where in its life, what was said of it; and waiting for it.

Law: a job is created, remembered, and only then started. What must be remembered lies between
two conversations, so `submit` and `start` are two verbs wherever the service has two.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NewType, Protocol

from airflow_aml_retrain.errors import JobCancelled, JobFailed, UnexpectedAnswer
from airflow_aml_retrain.wire.conversation import Conversation, Pause

JobId = NewType("JobId", str)


class JobState(Enum):
    """
    Where a job is in its life.

    Each backend has its own vocabulary and a table from it to this one.
    """

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a service says of one job. Holds no secret, so it may enter XCom."""

    job: JobId
    state: JobState
    details: str = ""

    def require_success(self) -> None:
        """Raise `JobFailed` or `JobCancelled` unless the job succeeded."""
        if self.state is JobState.CANCELLED:
            raise JobCancelled(self.job, self.details)
        if self.state is not JobState.SUCCEEDED:
            raise JobFailed(self.job, self.details)


class JobVerbs(Protocol):
    """The part of a backend that `wait` and `started` speak."""

    def start(self, job: JobId) -> Conversation[None]: ...
    def poll(self, job: JobId) -> Conversation[JobReport]: ...


def wait(
    verbs: JobVerbs, job: JobId, *, every: float, first: Pause | None = None
) -> Conversation[JobReport]:
    """Poll every *every* seconds until the job's state is final; *first* is a pause before that."""
    # Pauses yielded here: thousands wait at once, and a generator more for each would be walked
    # over by every collection of garbage.
    if first is not None:
        yield first
    rest = Pause(every)
    while True:
        report = yield from verbs.poll(job)
        if report.state.is_final:
            return report
        yield rest


def started(verbs: JobVerbs, job: JobId) -> Conversation[None]:
    """Set a created job going; that it already runs, or has run, is as good."""
    try:
        yield from verbs.start(job)
    except UnexpectedAnswer:
        report = yield from verbs.poll(job)
        if report.state is JobState.WAITING:
            raise
