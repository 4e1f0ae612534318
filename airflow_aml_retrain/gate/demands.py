"""
What a policy demands of the challenger, one English sentence a demand.

Law: the words say who carries the burden of proof, since that is what two policies that look
alike differ in.
"""

from collections.abc import Iterator
from typing import Final

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.metrics import Direction, Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rules.check import ALL, Check, Mode, Severity
from airflow_aml_retrain.gate.rules.sections import Calibration, Flips, Operations, Slices

_BURDEN: Final = {
    Mode.PROVE: "It must be proven that",
    Mode.VETO: "It must not come to light that",
    Mode.POINT: "By the bare numbers, whatever chance did to them,",
}
_WHOSE: Final = {
    Against.CHAMPION: "the champion's",
    Against.ANCHOR: "the anchor's",
}


def demands(policy: Policy, severity: Severity) -> Iterator[str]:
    """What makes the difference to a verdict (FAIL), or is only warned of (WARN)."""
    yield from (sentence(each) for each in policy.all_checks() if each.severity is severity)
    if policy.calibration and policy.calibration.severity is severity:
        yield from _of_calibration(policy.calibration)
    if policy.flips:
        yield from _of_flips(policy.flips, severity)
    if policy.slices:
        yield from _of_slices(policy.slices, severity)
    if policy.operations and severity is Severity.FAIL:
        yield from _of_operations(policy.operations)


def sentence(check: Check) -> str:
    """The check as one sentence."""
    where = "" if check.scope == ALL else f" where {check.scope.replace('=', ' is ', 1)}"
    said = f"{_BURDEN[check.mode]} the challenger's {check.subject.title}{where} {_claim(check)}."
    return f"{said} (The guard of decision.anchor against slow decay.)" if check.automatic else said


def percent(share: float) -> str:
    return f"{100 * share:.6g} %"


def _claim(check: Check) -> str:
    if check.mode is Mode.VETO:
        return _harm(check)
    if check.vs is None:
        word = "at least" if check.at_least is not None else "at most"
        return f"is {word} {check.bound:.10g}"
    if check.margin == 0:
        return f"is no worse than {_whose(check)}"
    if check.margin < 0:
        return f"is better than {_whose(check)} by at least {-check.margin:.10g}"
    return f"is at most {check.margin:.10g} worse than {_whose(check)}"


def _harm(check: Check) -> str:
    if check.vs is None:
        word = "below" if check.subject.direction is Direction.HIGHER else "above"
        return f"is {word} {check.bound:.10g}"
    if check.margin == 0:
        return f"is worse than {_whose(check)}"
    if check.margin < 0:
        return f"is not better than {_whose(check)} by at least {-check.margin:.10g}"
    return f"is more than {check.margin:.10g} worse than {_whose(check)}"


def _whose(check: Check) -> str:
    if check.vs in _WHOSE:
        return _WHOSE[check.vs]
    knows = "the mean" if Task.REGRESSION in check.subject.tasks else "how often each label occurs"
    return f"that of a model which knows only {knows}"


def _of_calibration(rules: Calibration) -> Iterator[str]:
    bands = {
        "number of positives seen for each one promised": rules.observed_expected,
        "slope of a recalibration": rules.slope,
    }
    for what, band in bands.items():
        if band is not None:
            low, high = band
            yield f"{_BURDEN[Mode.VETO]} the {what} lies outside {low:g} to {high:g}."
    if rules.max_debiased_ce is not None:
        yield f"The debiased calibration error is at most {rules.max_debiased_ce:g}."


def _of_flips(rules: Flips, severity: Severity) -> Iterator[str]:
    if rules.max_negative_rate is not None and severity is Severity.FAIL:
        yield (
            f"{_BURDEN[Mode.PROVE]} at most {percent(rules.max_negative_rate)} of the rows were "
            "right with the champion and are wrong with the challenger."
        )
    if rules.max_churn is not None and severity is Severity.WARN:
        yield f"The two models' answers differ in at most {percent(rules.max_churn)} of the rows."


def _of_slices(rules: Slices, severity: Severity) -> Iterator[str]:
    small = (
        f"fewer than {rules.min_rows:,} rows, or than {rules.min_positives:,} of its rarest label"
    )
    if severity is Severity.FAIL:
        parts = [f"each {column}" for column in rules.columns]
        parts += [f"each {' and '.join(crossed)} together" for crossed in rules.cross]
        yield from (f"In {', '.join(parts)}: {sentence(check)}" for check in rules.checks())
        if rules.on_underpowered == "inconclusive":
            yield f"No slice has {small}."
    elif rules.on_underpowered == "warn":
        yield f"A slice that has {small}, is too small to be judged."


def _of_operations(rules: Operations) -> Iterator[str]:
    if rules.max_p95_latency_ratio is not None:
        yield (
            "The challenger's 95th percentile of latency is at most "
            f"{rules.max_p95_latency_ratio:g} times the champion's."
        )
    if rules.max_model_mb is not None:
        yield f"The challenger's model has at most {rules.max_model_mb:g} MB."
