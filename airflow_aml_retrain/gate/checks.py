"""
Checks applied to numbers, each with its one English sentence.

Law: a check passes only by a comparison of two finite numbers that came out in its favour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from sys import float_info
from typing import Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import METRICS, Task, metrics_of
from airflow_aml_retrain.gate.policy import Check
from airflow_aml_retrain.gate.verdict import Outcome

# 0.85 - 0.84 is 0.010000000000000009: the last binary digits decide nothing.
_ROUNDING: Final = 8 * float_info.epsilon


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    A metric of champion and challenger; *difference* is challenger minus champion.

    *champion* is None where only the challenger is known.
    """

    metric: str
    champion: float | None
    challenger: float

    @property
    def difference(self) -> float | None:
        return None if self.champion is None else self.challenger - self.champion


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check, the numbers it was applied to, how it came out and, in one sentence, why."""

    check: Check
    estimate: Estimate
    outcome: Outcome
    reason: str


def estimates(
    task: Task, champion: Mapping[str, float] | None, challenger: Mapping[str, float]
) -> tuple[Estimate, ...]:
    """An estimate of every metric of *task* that the challenger has, in the registry's order."""
    return tuple(
        Estimate(metric.name, (champion or {}).get(metric.name), challenger[metric.name])
        for metric in metrics_of(task)
        if metric.name in challenger
    )


def apply(check: Check, estimate: Estimate) -> CheckResult:
    """The result of *check*; `GateError` where a number that it needs is missing or not finite."""
    _require_usable(check, estimate)
    spare = _spare(check, estimate)
    outcome = Outcome.PASSED if spare >= 0 else Outcome.FAILED
    return CheckResult(check, estimate, outcome, _sentence(check, estimate, spare))


def _require_usable(check: Check, estimate: Estimate) -> None:
    values = {"challenger": estimate.challenger}
    if check.vs is not None:
        if estimate.champion is None:
            msg = (
                f"the check '{check.name}' compares with the champion, and there are no numbers "
                "of a champion; use at_least or at_most, or hand in the champion's"
            )
            raise GateError(msg)
        values["champion"] = estimate.champion
    for who, value in values.items():
        metric = METRICS[estimate.metric]
        if not isfinite(value):
            msg = f"the {who}'s {metric.title} is {value}, which is no number to decide on"
            raise GateError(msg)


def _spare(check: Check, estimate: Estimate) -> float:
    """By how much the check is passed; negative when it is failed."""
    if check.bound is not None:
        spare = -check.subject.loss(check.bound, estimate.challenger)
        size = max(abs(check.bound), abs(estimate.challenger))
    else:
        champion = estimate.champion if estimate.champion is not None else float("nan")
        spare = check.margin - check.subject.loss(champion, estimate.challenger)
        size = max(abs(champion), abs(estimate.challenger))
    return 0.0 if abs(spare) <= _ROUNDING * size else spare


def _sentence(check: Check, estimate: Estimate, spare: float) -> str:
    title = check.subject.title
    start = f"The challenger's {title} is {estimate.challenger:.6g}"
    missed = "" if spare >= 0 else f", missed by {-spare:.3g}"
    if check.vs is None or estimate.champion is None:
        word = "at least" if check.at_least is not None else "at most"
        return f"{start}; {word} {check.bound:.6g} is required{missed}."
    loss = check.subject.loss(estimate.champion, estimate.challenger)
    if loss == 0:
        compared = f"the same as the {check.vs}'s"
    else:
        word = "worse" if loss > 0 else "better"
        compared = f"{abs(loss):.3g} {word} than the {check.vs}'s {estimate.champion:.6g}"
    return f"{start}, {compared}; {_allowance(check.margin)}{missed}."


def _allowance(margin: float) -> str:
    if margin < 0:
        return f"at least {-margin:.6g} better is required"
    if margin == 0:
        return "no worse is required"
    return f"at most {margin:.6g} worse is allowed"
