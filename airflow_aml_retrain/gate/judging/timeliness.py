"""
Preconditions on the time of the rows: labels settled, rows recent, and newer than all training.

Law: each is one limit that the oldest or the newest row must keep; a limit or a time that is not
known is not kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.judging.results import Precondition
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import Quality
from airflow_aml_retrain.gate.rules.durations import in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """
    The *which* (oldest or newest) row, of time *there*, is to be *word* (not ...) *limit*.

    A limit that moves with the clock is *said* without it: the same input has the same record.
    """

    name: str
    which: str
    word: str
    there: datetime | None
    limit: datetime | None
    otherwise: str
    said: str = ""

    @property
    def is_kept(self) -> bool:
        if self.there is None or self.limit is None:
            return False
        early = self.there <= self.limit
        return early if self.word == "not after" else self.there >= self.limit

    def precondition(self) -> Precondition:
        moment = self.limit.isoformat() if self.limit else "a time that was not given"
        required = f"{self.word} {(self.limit and self.said) or moment}"
        observed = self.there.isoformat() if self.there else "unknown"
        reason = f"The {self.which} row is of {observed}; {required} is required"
        return Precondition(
            name=self.name,
            required=required,
            observed=observed,
            passed=self.is_kept,
            reason=f"{reason}." if self.is_kept else f"{reason}: {self.otherwise}.",
        )


def timely(met: Quality, policy: Policy, facts: Facts) -> Iterator[Precondition]:
    """The preconditions of *policy* on time; none of them where it names no time column."""
    return (limit.precondition() for limit in _limits(met, policy, facts))


def _limits(met: Quality, policy: Policy, facts: Facts) -> Iterator[_Limit]:
    asked, now = policy.preconditions, facts.now
    if asked.label_maturity is not None:
        yield _Limit(
            name="label_maturity",
            which="newest",
            word="not after",
            there=met.newest,
            limit=now - asked.label_maturity if now else None,
            otherwise="its label may still change; hold out older rows",
            said=f"{in_words(asked.label_maturity)} before the decision",
        )
    if asked.max_staleness is not None:
        yield _Limit(
            name="max_staleness",
            which="newest",
            word="not before",
            there=met.newest,
            limit=now - asked.max_staleness if now else None,
            otherwise="collect newer rows",
            said=f"{in_words(asked.max_staleness)} before the decision",
        )
    if _is_after_training_asked(policy, facts):
        yield _Limit(
            name="holdout_after_training",
            which="oldest",
            word="not before",
            there=met.oldest,
            limit=max(facts.trained_until.values(), default=None),
            otherwise="hold out rows from after both training cut-offs",
        )


def _is_after_training_asked(policy: Policy, facts: Facts) -> bool:
    asked = policy.preconditions.holdout_after_training
    if policy.data.time is None or asked is False:
        return False
    # Where nobody said so, it is asked as far as the cut-offs are known.
    return bool(asked) or bool(facts.trained_until)
