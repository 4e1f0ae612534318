"""
What a decision can be, and how checks add up to it.

Law: only PROMOTE lets a challenger in, and it takes at least one required check, all of them
passed. What was only a warning, or was not made, never helps.
"""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """
    What the gate says.

    What each makes of an Airflow run is decided by the operators; here everything but PROMOTE
    keeps the champion.
    """

    PROMOTE = "PROMOTE"
    REJECT = "REJECT"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"


class Outcome(StrEnum):
    """How one check came out; a check that was not made has nobody to compare with."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_MADE = "not made"


def decide(required: Iterable[Outcome]) -> Verdict:
    """The verdict over the outcomes of the *required* checks."""
    seen = set(required) - {Outcome.NOT_MADE}
    if not seen:
        return Verdict.INVALID
    if Outcome.FAILED in seen:
        return Verdict.REJECT
    return Verdict.PROMOTE if seen == {Outcome.PASSED} else Verdict.INCONCLUSIVE
