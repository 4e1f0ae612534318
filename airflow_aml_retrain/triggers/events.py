"""
What a trigger tells its task about a job.

Law: every event is written by `event_of` or `event_of_trouble` and read by `report_of`; an event
is data from outside the task's process and is checked before it is believed.
"""

from typing import TypedDict

from airflow_aml_retrain.errors import DeadlineExceeded, RetrainError, WireError
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
