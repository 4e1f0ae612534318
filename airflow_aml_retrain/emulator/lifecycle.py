"""
The life of a batch job, as the service sees it.

Rule: every change of a job's status is a row of `LIFECYCLE`. A move that has no row is refused:
for a start, in the service's own words, with 400 `InvalidOperation` / `CannotStartJob`.
"""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """The five words of api-version 2.0, in the order of version 1's integers."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    FINISHED = "Finished"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


class Event(StrEnum):
    """What can happen to a job."""

    START = "start"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


_FINAL: Final = frozenset({Status.FAILED, Status.CANCELLED, Status.FINISHED})

LIFECYCLE: Final = {
    (Status.NOT_STARTED, Event.START): Status.RUNNING,
    (Status.NOT_STARTED, Event.CANCEL): Status.CANCELLED,
    (Status.RUNNING, Event.FINISH): Status.FINISHED,
    (Status.RUNNING, Event.FAIL): Status.FAILED,
    (Status.RUNNING, Event.CANCEL): Status.CANCELLED,
}


class IllegalMove(Exception):
    """The job cannot do that from where it is; *status* is where it is."""

    def __init__(self, status: Status, event: Event) -> None:
        self.status = status
        super().__init__(f"a job that is {status} cannot {event}")


def after(status: Status, event: Event) -> Status:
    """Where *event* takes a job that is *status*; `IllegalMove` if nowhere."""
    try:
        return LIFECYCLE[status, event]
    except KeyError:
        raise IllegalMove(status, event) from None
