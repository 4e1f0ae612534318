"""
Checks applied to estimates.

Law: everything is weighed as a *loss*, by how much the challenger is worse, whatever the metric's
direction; a `prove` check passes only when the whole interval of the loss lies within what is
allowed, and a `veto` fails only on harm beyond chance. A number that is none decides nothing.
"""

from dataclasses import dataclass, replace
from math import isfinite
from sys import float_info
from typing import Any, Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.grain import TOO_ALIKE
from airflow_aml_retrain.gate.judging.results import CheckResult
from airflow_aml_retrain.gate.judging.sentences import (
    not_made,
    point_sentence,
    prove_sentence,
    veto_sentence,
)
from airflow_aml_retrain.gate.metrics import Direction
from airflow_aml_retrain.gate.rules.check import VETO_ALPHA, Check, Mode
from airflow_aml_retrain.gate.scores.measured import Scores
from airflow_aml_retrain.gate.statistics.intervals import (
    harm_p_value,
    interval,
    min_detectable,
    rows_needed,
)
from airflow_aml_retrain.gate.verdict import Outcome

# 0.85 - 0.84 is 0.010000000000000009: the last binary digits decide nothing.
_ROUNDING: Final = 8 * float_info.epsilon
_FAMILY: Final = 100
"""More vetoes than any policy has beside its slices."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """
    How sure one must be: error probability *alpha* and *power* of a decision.

    *veto_alpha* is for all *vetoes* on checks together.
    """

    alpha: float
    power: float
    veto_alpha: float = VETO_ALPHA
    vetoes: int = 1


@dataclass(frozen=True, slots=True)
class Weighed:
    """
    A check's estimate as a loss against what is *allowed*.

    *low* and *high* bound the loss, *bounds* the estimate itself; *harm* is the one-sided p-value
    of a loss beyond what is allowed.
    """

    estimate: Estimate
    loss: float
    low: float
    high: float
    allowed: float
    bounds: tuple[float, float]
    harm: float

    @property
    def spare(self) -> float:
        """By how much the loss stays within what is allowed; negative when it does not."""
        spare = self.allowed - self.loss
        size = max(abs(self.estimate.reference or 0.0), abs(self.estimate.challenger))
        return 0.0 if abs(spare) <= _ROUNDING * size else spare


def applied(check: Check, scores: Scores, doubt: Doubt) -> CheckResult:
    """
    The result of *check*; of a veto before Holm's correction, which `corrected` makes.

    Where binning could change how it comes out, the exact estimate is taken instead.
    """
    against = check.vs or Against.NOBODY
    estimate = scores.estimate(check.metric, against)
    _require_numbers(check, estimate)
    if _is_close(check, estimate, doubt):
        estimate = scores.estimate(check.metric, against, exact=True)
        if _is_close(check, estimate, doubt):
            msg = f"{check.name}: {TOO_ALIKE}"
            raise GateError(msg)
    return _result(check, _weighed(check, estimate, doubt.alpha), doubt)


def left_out(check: Check, why: str) -> CheckResult:
    """The result of a check that nobody is there to be compared by."""
    return CheckResult(**about(check), outcome=Outcome.NOT_MADE, reason=not_made(check, why))


def pointed(check: Check, challenger: float, reference: float | None) -> CheckResult:
    """The result of a check of bare numbers; *reference* None: against its own bound."""
    bare = Estimate(
        metric=check.metric,
        against=check.vs or Against.NOBODY,
        challenger=challenger,
        reference=reference,
        difference=challenger - (reference or 0.0),
        se=0.0,
        rows=1,
        effective_rows=1.0,
        method="bare",
    )
    return replace(_result(check, _weighed(check, bare, 0.05), Doubt(0.05, 0.8)), rows=None)


def corrected(check: Check, result: CheckResult, p_holm: float, alpha: float) -> CheckResult:
    """A veto after Holm's correction over the family of all vetoes."""
    outcome = Outcome.PASSED if p_holm > alpha else Outcome.FAILED
    result = replace(result, p_holm=p_holm, outcome=outcome, alpha=alpha)
    return replace(result, reason=veto_sentence(check, result))


def _weighed(check: Check, estimate: Estimate, alpha: float) -> Weighed:
    _require_numbers(check, estimate)
    low, high = bounds = interval(estimate, alpha)
    if check.bound is None:
        compared, allowed = estimate, check.margin
    else:
        # A bound is a reference without doubt, and nothing is allowed below it.
        compared = replace(
            estimate,
            reference=check.bound,
            difference=estimate.challenger - check.bound,
        )
        low, high, allowed = low - check.bound, high - check.bound, 0.0
    loss = check.subject.loss(compared.reference or 0.0, compared.challenger)
    if check.subject.direction is Direction.HIGHER:
        low, high = -high, -low
    harm = harm_p_value(compared, check.subject, allowed)
    return Weighed(compared, loss, low, high, allowed, bounds, harm)


def _require_numbers(check: Check, estimate: Estimate) -> None:
    values = {"challenger": estimate.challenger, str(estimate.against): estimate.reference}
    for who, value in values.items():
        if value is not None and not isfinite(value):
            msg = f"the {who}'s {check.subject.title} is {value}, which is no number to decide on"
            raise GateError(msg)
    if not isfinite(estimate.se):
        msg = f"how sure the {check.subject.title} is cannot be told from {estimate.rows} rows"
        raise GateError(msg)


def _is_close(check: Check, estimate: Estimate, doubt: Doubt) -> bool:
    """Whether what binning may have moved *estimate* by could change the outcome."""
    off = estimate.certified
    moved = [_moved(estimate, by) for by in (-off, off)] if off else []
    ends = [_weighed(check, each, doubt.alpha) for each in moved]
    match check.mode:
        case Mode.PROVE:
            return len({_proved(end) for end in ends}) > 1
        case Mode.POINT:
            return len({end.spare >= 0 for end in ends}) > 1
        case Mode.VETO:
            # What Holm's correction asks of one veto is known only when all are there.
            surely = all(end.harm <= doubt.veto_alpha / _FAMILY for end in ends)
            return bool(ends) and not surely and any(end.harm <= doubt.veto_alpha for end in ends)


def _moved(estimate: Estimate, by: float) -> Estimate:
    """As it would be, were the challenger's value greater by *by*."""
    value, difference = estimate.challenger + by, estimate.difference + by
    if estimate.ranked is not None:
        # An AUC alone has bounds of its own, which are known from 0 to 1.
        value = max(0.0, min(value, 1.0))
    return replace(estimate, challenger=value, difference=difference)


def _proved(weighed: Weighed) -> Outcome:
    if weighed.high <= weighed.allowed:
        return Outcome.PASSED
    return Outcome.FAILED if weighed.low > weighed.allowed else Outcome.INCONCLUSIVE


def _result(check: Check, weighed: Weighed, doubt: Doubt) -> CheckResult:
    estimate = weighed.estimate
    result = CheckResult(
        **about(check),
        reference=None if check.bound is not None else estimate.reference,
        challenger=estimate.challenger,
        difference=None if check.bound is not None else estimate.difference,
        rows=estimate.rows,
        outcome=_outcome(check, weighed),
        reason="",
    )
    if check.mode is Mode.POINT:
        return replace(result, reason=point_sentence(check, result))
    result = replace(
        result,
        se=estimate.se,
        low=weighed.bounds[0],
        high=weighed.bounds[1],
        alpha=doubt.alpha if check.mode is Mode.PROVE else doubt.veto_alpha,
        p_value=weighed.harm if check.mode is Mode.VETO else None,
        method=estimate.method,
        effective_rows=estimate.effective_rows,
        # What is seen even by the veto of which Holm asks most.
        min_detectable=min_detectable(
            estimate, doubt.veto_alpha / max(doubt.vetoes, 1), doubt.power
        ),
        rows_needed=_needed(weighed, doubt) if result.outcome is Outcome.INCONCLUSIVE else None,
    )
    sentence = prove_sentence if check.mode is Mode.PROVE else veto_sentence
    return replace(result, reason=sentence(check, result))


def _outcome(check: Check, weighed: Weighed) -> Outcome:
    match check.mode:
        case Mode.PROVE:
            return _proved(weighed)
        case Mode.POINT:
            return Outcome.PASSED if weighed.spare >= 0 else Outcome.FAILED
        case Mode.VETO:
            return Outcome.PASSED  # until `corrected` has seen the whole family


def _needed(weighed: Weighed, doubt: Doubt) -> int | None:
    return rows_needed(weighed.estimate, weighed.allowed - weighed.loss, doubt.alpha, doubt.power)


def about(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "metric": check.metric,
        "title": check.subject.title,
        "scope": check.scope,
        "vs": str(check.vs) if check.vs else None,
        "mode": check.mode.value,
        "severity": check.severity.value,
        "automatic": check.automatic,
        "higher_is_better": check.subject.direction is Direction.HIGHER,
        "margin": check.margin if check.vs else None,
        "bound": check.bound,
        "bound_kind": None if check.bound is None else _kind(check),
    }


def _kind(check: Check) -> str:
    return "at_least" if check.at_least is not None else "at_most"
