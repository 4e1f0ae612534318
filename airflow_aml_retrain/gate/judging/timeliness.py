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
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows
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


def timely(rows: Rows, policy: Policy, facts: Facts) -> Iterator[Precondition]:
    """The preconditions of *policy* on time; none of them where it names no time column."""
    return (limit.precondition() for limit in _limits(rows, policy, facts))


def _limits(rows: Rows, policy: Policy, facts: Facts) -> Iterator[_Limit]:
    asked, now, met = policy.preconditions, facts.now, rows.quality
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
        yield _after_training(rows, facts, is_required=bool(asked.holdout_after_training))


def _after_training(rows: Rows, facts: Facts, *, is_required: bool) -> _Limit:
    models = [model for model in (CHAMPION, CHALLENGER) if model in rows.scores]
    unknown = [model for model in models if model not in facts.trained_until]
    is_known = not (is_required and unknown)
    return _Limit(
        name="holdout_after_training",
        which="oldest",
        word="not before",
        there=rows.quality.oldest,
        limit=max(facts.trained_until.values(), default=None) if is_known else None,
        otherwise="hold out rows from after both training cut-offs"
        if is_known
        else f"up to when the data of {' and '.join(unknown)} reached must be known; give it, or "
        "leave holdout_after_training out",
    )


def _is_after_training_asked(policy: Policy, facts: Facts) -> bool:
    asked = policy.preconditions.holdout_after_training
    if policy.data.time is None or asked is False:
        return False
    # Where nobody said so, it is asked as far as the cut-offs are known.
    return bool(asked) or bool(facts.trained_until)
