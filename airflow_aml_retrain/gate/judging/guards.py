"""
Rules that are about no metric: calibration, changed answers, latency and size.

Law: calibration is a veto, failing when the whole interval lies outside its band; the rate of
negative flips must be proven small; churn warns; latency and size are bare numbers.
"""

from collections.abc import Iterator, Mapping
from math import ceil, isfinite

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.judging.results import CheckResult
from airflow_aml_retrain.gate.judging.sentences import bill, figure
from airflow_aml_retrain.gate.plan import rows_for_rate
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION
from airflow_aml_retrain.gate.rules.sections import Calibration, Flips, Operations
from airflow_aml_retrain.gate.scores.calibration import CalibrationReport
from airflow_aml_retrain.gate.scores.flips import FlipReport
from airflow_aml_retrain.gate.verdict import Outcome


def calibration_checks(
    rules: Calibration | None, reports: Mapping[str, CalibrationReport]
) -> Iterator[CheckResult]:
    """The challenger's calibration against its bands; `GateError` where there is none."""
    if rules is None:
        return
    if CHALLENGER not in reports:
        msg = "the policy has rules on calibration, and these are no probabilities of two classes"
        raise GateError(msg)
    report, severity = reports[CHALLENGER], rules.severity.value
    if rules.observed_expected is not None:
        seen = (
            report.observed_expected,
            report.observed_expected_low,
            report.observed_expected_high,
        )
        yield _band("observed / expected", rules.observed_expected, seen, severity)
    if rules.slope is not None:
        seen = (report.slope, report.slope_low, report.slope_high)
        yield _band("calibration slope", rules.slope, seen, severity)
    if rules.max_debiased_ce is not None:
        yield _debiased(rules.max_debiased_ce, report, severity)


def flip_checks(
    rules: Flips | None, report: FlipReport | None, alpha: float, power: float
) -> Iterator[CheckResult]:
    """Rows that only the champion had right, and rows that changed their answer."""
    if rules is None or report is None:
        return
    if rules.max_negative_rate is not None:
        yield _negative_flips(rules.max_negative_rate, report, alpha, power)
    if rules.max_churn is not None:
        yield _at_most("churn", rules.max_churn, report.churn, mode="point", severity="warn")


def operation_checks(rules: Operations | None, facts: Facts) -> Iterator[CheckResult]:
    """Latency and size of the challenger, as the caller measured them."""
    if rules is None:
        return
    if rules.max_p95_latency_ratio is not None:
        old, new = (_latency(facts, model) for model in (CHAMPION, CHALLENGER))
        yield _at_most("p95 latency ratio", rules.max_p95_latency_ratio, new / old)
    if rules.max_model_mb is not None:
        if CHALLENGER not in facts.model_bytes:
            msg = "the policy limits the model's size, and the size is not known"
            raise GateError(msg)
        size = facts.model_bytes[CHALLENGER] / 1e6
        yield _at_most("model size in MB", rules.max_model_mb, size)


def _latency(facts: Facts, model: str) -> float:
    seconds = facts.p95_latency.get(model)
    if seconds is None:
        msg = f"the policy limits the latency, and the {model}'s was not measured"
        raise GateError(msg)
    if not (isfinite(seconds) and seconds > 0):
        msg = f"the {model}'s p95_latency is {seconds}, and must be seconds above 0"
        raise GateError(msg)
    return seconds


def _band(
    what: str, band: tuple[float, float], seen: tuple[float, float, float], severity: str
) -> CheckResult:
    value, low, high = seen
    # Written so that an interval that is none (nan) fails.
    meets = low <= band[1] and high >= band[0]
    return CheckResult(
        name=f"{what} in [{band[0]:g}, {band[1]:g}]",
        metric=what,
        title=what,
        mode="veto",
        severity=severity,
        challenger=value,
        low=low,
        high=high,
        outcome=Outcome.PASSED if meets else Outcome.FAILED,
        reason=_band_sentence(what, band, seen, "meets" if meets else "lies outside"),
    )


def _band_sentence(
    what: str, band: tuple[float, float], seen: tuple[float, float, float], where: str
) -> str:
    value, low, high = seen
    if not isfinite(value):
        return (
            f"The challenger's {what} cannot be told from these scores, so nothing shows that it "
            f"lies outside [{band[0]:g}, {band[1]:g}]."
        )
    return (
        f"The challenger's {what} is {figure(value)}, between {figure(low)} and {figure(high)}, "
        f"which {where} [{band[0]:g}, {band[1]:g}]."
    )


def _debiased(limit: float, report: CalibrationReport, severity: str) -> CheckResult:
    error, low = report.debiased, report.debiased_low
    fits = low <= limit
    what = "debiased calibration error"
    word = "which is not shown to be above" if fits else "which is surely above"
    return CheckResult(
        name=f"{what} at most {limit:g}",
        metric=what,
        title=what,
        mode="veto",
        severity=severity,
        higher_is_better=False,
        bound=limit,
        bound_kind="at_most",
        challenger=error,
        low=low,
        outcome=Outcome.PASSED if fits else Outcome.FAILED,
        reason=f"The challenger's {what} is {figure(error)}, at least {figure(low)}, {word} "
        f"{limit:g}.",
    )


def _negative_flips(limit: float, report: FlipReport, alpha: float, power: float) -> CheckResult:
    rate, low, high = report.negative_rate, report.negative_low, report.negative_high
    needed, said = None, ""
    if high <= limit:
        outcome, word = Outcome.PASSED, "and surely at most"
    elif low > limit:
        outcome, word = Outcome.FAILED, "and surely more than"
    else:
        outcome, word = Outcome.INCONCLUSIVE, "and it is not shown to be at most"
        if rate != limit:
            needed = ceil(rows_for_rate(rate, limit, alpha, power) / report.worth)
        said = f" {bill(needed, report.rows, what='rate')}"
    return CheckResult(
        name=f"negative flips at most {limit:g}",
        metric="negative flips",
        title="rate of negative flips",
        mode="prove",
        severity="fail",
        higher_is_better=False,
        bound=limit,
        bound_kind="at_most",
        challenger=rate,
        low=low,
        high=high,
        alpha=alpha,
        method="clopper-pearson",
        rows=report.rows,
        rows_needed=needed,
        outcome=outcome,
        reason=f"The challenger gets {figure(rate)} of the rows wrong that the champion had right, "
        f"{word} {limit:g}.{said}",
    )


def _at_most(
    what: str, limit: float, value: float, *, mode: str = "point", severity: str = "fail"
) -> CheckResult:
    fits = value <= limit
    return CheckResult(
        name=f"{what} at most {limit:g}",
        metric=what,
        title=what,
        mode=mode,
        severity=severity,
        higher_is_better=False,
        bound=limit,
        bound_kind="at_most",
        challenger=value,
        outcome=Outcome.PASSED if fits else Outcome.FAILED,
        reason=f"The challenger's {what} is {figure(value)}; at most {limit:g} is "
        f"{'allowed' if fits else 'allowed, and it is more'}.",
    )
