"""
The challenger against the champion in every slice of the rows.

Law: a slice that is too small to tell anything (blind), or whose numbers are none, never passes:
the policy says whether it is named or keeps the champion. The others are vetoes of one family,
corrected after Holm, or each has to prove itself where the policy asks for that.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, nan

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.grain import TOO_ALIKE
from airflow_aml_retrain.gate.judging.checks import Doubt
from airflow_aml_retrain.gate.judging.results import SliceResult
from airflow_aml_retrain.gate.judging.sentences import bill, figure, worse_or_better
from airflow_aml_retrain.gate.metrics import Direction, metric_named
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import CHAMPION, Rows
from airflow_aml_retrain.gate.rules.check import Mode
from airflow_aml_retrain.gate.rules.sections import Slices
from airflow_aml_retrain.gate.scores.slices import SliceEstimate, is_close, slice_estimates
from airflow_aml_retrain.gate.statistics.holm import holm
from airflow_aml_retrain.gate.statistics.intervals import (
    harm_p_value,
    interval,
    min_detectable,
    rows_needed,
)
from airflow_aml_retrain.gate.verdict import Outcome


def slice_results(rows: Rows, policy: Policy, doubt: Doubt) -> tuple[SliceResult, ...]:
    """A result for each slice and metric; none without a champion."""
    rules = policy.slices
    if rules is None or CHAMPION not in rows.scores:
        return ()
    found = slice_estimates(rows, rules, policy.decision.operating_point)
    if rules.on_underpowered == "pass":
        found = [each for each in found if not each.underpowered]
    family = [at for at, each in enumerate(found) if not each.underpowered and _is_told(each)]
    judged = [_weighed(each, rules, doubt, len(family)) for each in found]
    if rules.mode is Mode.VETO:
        adjusted = holm([_p_value(judged[at]) for at in family])
        for at, p_holm in zip(family, adjusted, strict=True):
            judged[at] = _vetoed(judged[at], float(p_holm), rules)
    return tuple(judged)


def _is_told(found: SliceEstimate) -> bool:
    """Whether there are numbers, and an error of them."""
    estimate = found.estimate
    numbers = (estimate.challenger, estimate.difference, estimate.se)
    return all(isfinite(number) for number in numbers)


def _hangs_on_bits(found: SliceEstimate, rules: Slices, bounds: tuple[float, float]) -> bool:
    """Whether an estimate, as exact as it can be, may be so far off that it decides nothing."""
    estimate, margin = found.estimate, rules.margin_of(found.metric)
    if not estimate.certified or not _is_told(found):
        return False
    if rules.mode is Mode.VETO:
        return is_close(estimate, rules)
    # Only an AUC has a certificate, and of it more is better.
    return any(abs(bound + margin) <= estimate.certified for bound in bounds)


def _p_value(result: SliceResult) -> float:
    """NaN, which `_vetoed` refuses, where there is none."""
    return nan if result.p_value is None else result.p_value


def _weighed(found: SliceEstimate, rules: Slices, doubt: Doubt, family: int) -> SliceResult:
    """The result of a slice beside as many as *family* that may object, before `holm`."""
    metric, estimate = metric_named(found.metric), found.estimate
    margin = rules.margin_of(found.metric)
    alpha = rules.family_alpha if rules.mode is Mode.VETO else doubt.alpha
    # Holm asks this of the first of a family to object, and that is who may be alone in it.
    least = alpha / max(family, 1) if rules.mode is Mode.VETO else alpha
    low, high = interval(estimate, alpha)
    p_value = harm_p_value(estimate, metric, margin)
    result = SliceResult(
        slice=found.slice,
        metric=metric.name,
        title=metric.title,
        higher_is_better=metric.direction is Direction.HIGHER,
        rows=estimate.rows,
        positives=found.positives,
        reference=estimate.reference,
        challenger=estimate.challenger,
        difference=estimate.difference,
        se=estimate.se,
        low=low,
        high=high,
        p_value=p_value if isfinite(p_value) else None,
        p_holm=None,
        min_detectable=min_detectable(estimate, least, doubt.power),
        underpowered=found.underpowered or not _is_told(found),
        outcome=Outcome.PASSED,
        reason="",
    )
    if rules.mode is Mode.PROVE:
        result = replace(result, rows_needed=_needed(found, margin, doubt))
    if found.underpowered:
        return _blind(result, found, rules)
    if _hangs_on_bits(found, rules, (low, high)):
        msg = f"in {found.slice} {TOO_ALIKE}"
        raise GateError(msg)
    if result.underpowered:
        return _untold(result, rules)
    return result if rules.mode is Mode.VETO else _proved(result, margin)


def _needed(found: SliceEstimate, margin: float, doubt: Doubt) -> int | None:
    """How many rows of the slice would prove that it is within *margin*, or that it is not."""
    estimate = found.estimate
    if not _is_told(found):
        return None
    loss = metric_named(found.metric).loss(estimate.reference or 0.0, estimate.challenger)
    return rows_needed(estimate, margin - loss, doubt.alpha, doubt.power)


def _blind(result: SliceResult, found: SliceEstimate, rules: Slices) -> SliceResult:
    """Too few rows to be judged: what they would have proven counts only beside enough of them."""
    hard = _unjudged(rules) is Outcome.INCONCLUSIVE
    needed = max(found.enough, result.rows_needed or 0) if hard and found.enough else None
    more = f" About {needed - result.rows:,} more rows of it would tell." if needed else ""
    count = f"{result.rows:,} rows"
    if result.positives is not None:
        count += f", {result.positives:,} of them positive"
    return replace(
        result,
        outcome=_unjudged(rules),
        reason=f"{result.slice} has {count}: too few to judge its {result.title}; "
        f"{_unseen(result.min_detectable)} could not be seen.{more}",
        rows_needed=needed,
    )


def _untold(result: SliceResult, rules: Slices) -> SliceResult:
    """Enough rows, and yet no numbers: of a ratio over nothing, or beside a constant truth."""
    if isfinite(result.difference):
        why = f"{_seen(result)}, and one of the two is a ratio over nothing, which has no error"
    else:
        why = f"In {result.slice} the {result.title} of challenger or champion is no number"
    return replace(
        result,
        outcome=_unjudged(rules),
        reason=f"{why}; whether it is worse cannot be told.",
        rows_needed=None,
    )


def _unjudged(rules: Slices) -> Outcome:
    hard = rules.on_underpowered == "inconclusive"
    return Outcome.INCONCLUSIVE if hard else Outcome.NOT_MADE


def _unseen(harm: float) -> str:
    return f"a harm below {figure(harm, 3)}" if isfinite(harm) else "a harm of whatever size"


def _vetoed(result: SliceResult, p_holm: float, rules: Slices) -> SliceResult:
    failed = p_holm <= rules.family_alpha
    if not failed and not p_holm > rules.family_alpha:
        msg = (
            f"that the {result.title} is worse in {result.slice} has the probability {p_holm}, "
            "which is no number to decide on"
        )
        raise GateError(msg)
    margin = rules.margin_of(result.metric)
    beyond = f"more than {figure(margin)} worse" if margin else "worse"
    word = "is beyond chance" if failed else "is not shown"
    return replace(
        result,
        p_holm=p_holm,
        outcome=Outcome.FAILED if failed else Outcome.PASSED,
        reason=f"{_seen(result)}; that it is {beyond} {word} (p = {p_holm:.2g} after Holm).",
    )


def _proved(result: SliceResult, margin: float) -> SliceResult:
    low, high = _losses(result)
    if high <= margin:
        outcome, word = Outcome.PASSED, "is shown to be"
    elif low > margin:
        outcome, word = Outcome.FAILED, "is not"
    else:
        outcome, word = Outcome.INCONCLUSIVE, "is not shown to be"
    needed = result.rows_needed if outcome is Outcome.INCONCLUSIVE else None
    said = f" {bill(needed, result.rows)}" if outcome is Outcome.INCONCLUSIVE else ""
    return replace(
        result,
        outcome=outcome,
        reason=f"{_seen(result)}; it {word} within {figure(margin)} of the champion's.{said}",
        rows_needed=needed,
    )


def _losses(result: SliceResult) -> tuple[float, float]:
    if result.higher_is_better:
        return -result.high, -result.low
    return result.low, result.high


def _seen(result: SliceResult) -> str:
    loss = -result.difference if result.higher_is_better else result.difference
    return (
        f"In {result.slice} the challenger's {result.title} is {figure(result.challenger)}, "
        f"{worse_or_better(loss)} against the champion's {figure(result.reference)}"
    )


def worst_first(results: Sequence[SliceResult]) -> list[SliceResult]:
    """The slices in the order in which a person should look at them."""
    return sorted(
        results,
        key=lambda each: (each.underpowered, each.p_value if each.p_value is not None else 1.0),
    )
