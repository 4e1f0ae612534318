"""
What a trigger tells its task about a job.

Law: every event is written by `event_of` or `event_of_trouble` and read by `report_of`, one about
many jobs by `outcomes_of`; an event is data from outside the task's process and is checked before
it is believed.
"""

from typing import TypedDict

from airflow_aml_retrain.errors import (
    DeadlineExceeded,
    RetrainError,
    ServiceUnavailable,
    WireError,
)
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState


class JobEvent(TypedDict):
    """The end of a wait: *state* is a job's final state, "timeout" or "error"."""

    job: str
    state: str
    details: str


def event_of(report: JobReport) -> JobEvent:
    return JobEvent(job=report.job, state=report.state.value, details=report.details)


def event_of_trouble(job: JobId, trouble: RetrainError) -> JobEvent:
    """The wait ended without a final state: time was up, or the service broke its protocol."""
    state = "timeout" if isinstance(trouble, DeadlineExceeded) else "error"
    return JobEvent(job=job, state=state, details=str(trouble))


class JobsEvent(TypedDict):
    """What has ended of many jobs; *trouble* is why none could be asked about, else empty."""

    ended: list[JobEvent]
    trouble: str


def outcomes_of(event: object) -> list[tuple[JobId, JobReport | RetrainError]]:
    """What became of each job that has ended; raises what kept all of them from being asked."""
    match event:
        case {"ended": list(ended), "trouble": ""}:
            return [_outcome(each) for each in ended]
        case {"trouble": str(trouble)} if trouble:
            raise ServiceUnavailable(trouble)
        case other:
            msg = f"expected an event about jobs that ended, got {other!r}"
            raise WireError(msg)


def _outcome(event: object) -> tuple[JobId, JobReport | RetrainError]:
    match event:
        case {"job": str(job), "state": "timeout" | "error"}:
            try:
                return JobId(job), report_of(event)
            except RetrainError as exc:
                return JobId(job), exc
        case _:
            report = report_of(event)
            return report.job, report


def report_of(event: object) -> JobReport:
    """The report of a job that ended; raises what ended the wait otherwise."""
    match event:
        case {"job": str(), "state": "timeout", "details": str(details)}:
            raise DeadlineExceeded(details)
        case {"job": str(), "state": "error", "details": str(details)}:
            raise WireError(details)
        case {"job": str(job), "state": str(state), "details": str(details)} if state in _FINAL:
            return JobReport(JobId(job), JobState(state), details)
        case other:
            msg = f"expected an event about a job that ended, got {other!r}"
            raise WireError(msg)


_FINAL = frozenset(state.value for state in JobState if state.is_final)
