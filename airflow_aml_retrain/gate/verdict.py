"""
What a decision can be, and how checks add up to it.

Law: only PROMOTE lets a challenger in, and it takes at least one check, all of them passed.
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
    """How one check came out."""

    PASSED = "passed"
    FAILED = "failed"


def decide(outcomes: Iterable[Outcome], *, enough_rows: bool = True) -> Verdict:
    """The verdict over *outcomes* of the checks; too few rows decide nothing either way."""
    seen = set(outcomes)
    if not seen:
        return Verdict.INVALID
    if not enough_rows:
        return Verdict.INCONCLUSIVE
    return Verdict.PROMOTE if seen == {Outcome.PASSED} else Verdict.REJECT
