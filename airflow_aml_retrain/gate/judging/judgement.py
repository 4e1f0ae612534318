"""
All checks of a policy, and what they add up to.

Law: PROMOTE needs at least one required check that can prove something and did; vetoes and
slices can only keep a challenger out. Vetoes are corrected as one family, slices as another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.holdout.ledger import Use
from airflow_aml_retrain.gate.judging.checks import Doubt, applied, corrected, left_out
from airflow_aml_retrain.gate.judging.guards import (
    calibration_checks,
    flip_checks,
    operation_checks,
)
from airflow_aml_retrain.gate.judging.results import CheckResult, SliceResult
from airflow_aml_retrain.gate.judging.slice_checks import slice_results
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import ANCHOR, CHAMPION, Rows
from airflow_aml_retrain.gate.rules.check import ALL, VETO_ALPHA, Check, Mode, Severity
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.calibration import CalibrationReport, calibration
from airflow_aml_retrain.gate.scores.flips import FlipReport, flips
from airflow_aml_retrain.gate.scores.groups import groups
from airflow_aml_retrain.gate.scores.measured import Scores, measured
from airflow_aml_retrain.gate.statistics.holm import holm
from airflow_aml_retrain.gate.verdict import Outcome, Verdict, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """
    Every result, and the verdict over them; *deciding* is the result it rests on.

    *rows* is how many there are, of which a check or a slice may see a part.
    """

    verdict: Verdict
    checks: tuple[CheckResult, ...]
    slices: tuple[SliceResult, ...]
    calibration: Mapping[str, CalibrationReport] = field(default_factory=dict)
    flips: FlipReport | None = None
    rows: int = 0

    @property
    def deciding(self) -> CheckResult | SliceResult:
        if self.verdict is Verdict.PROMOTE:
            return next(iter(_proving(self.checks)))
        outcome = Outcome.FAILED if self.verdict is Verdict.REJECT else Outcome.INCONCLUSIVE
        there: list[CheckResult | SliceResult] = [
            *(check for check in self.checks if check.is_required and check.outcome is outcome),
            *(each for each in self.slices if each.outcome is outcome),
        ]
        return (
            max(there, key=lambda each: self._bill(each) or 0)
            if self.verdict is Verdict.INCONCLUSIVE
            else there[0]
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of all results that the verdict rests on."""
        outcome = {
            Verdict.PROMOTE: Outcome.PASSED,
            Verdict.REJECT: Outcome.FAILED,
            Verdict.INCONCLUSIVE: Outcome.INCONCLUSIVE,
        }[self.verdict]
        grounds: list[CheckResult | SliceResult] = [c for c in self.checks if c.is_required]
        if self.verdict is not Verdict.PROMOTE:
            grounds += self.slices
        return tuple(each.reason for each in grounds if each.outcome is outcome)

    @property
    def rows_needed(self) -> int | None:
        """How many rows of hold-out the costliest inconclusive check or slice would need."""
        there: list[CheckResult | SliceResult] = [c for c in self.checks if c.is_required]
        open_ones = [
            each for each in (*there, *self.slices) if each.outcome is Outcome.INCONCLUSIVE
        ]
        return max((bill for each in open_ones if (bill := self._bill(each))), default=None)

    def _bill(self, result: CheckResult | SliceResult) -> int | None:
        """What *result* needs as rows of the whole hold-out, with as many in its part as now."""
        if not result.rows_needed or not result.rows:
            return result.rows_needed
        return ceil(result.rows_needed * max(self.rows, result.rows) / result.rows)

    @property
    def headline(self) -> str:
        return f"{self.verdict}: {self.deciding.reason}"


def require_judgeable(rows: Rows, policy: Policy, facts: Facts) -> None:
    """`GateError` where it is known without an estimate that something cannot be judged."""
    if rows.task is not Task.BINARY:
        _drained(calibration_checks(policy.calibration, {}))
    if policy.slices is not None and CHAMPION in rows.scores:
        groups(rows, policy.slices)
    _drained(operation_checks(policy.operations, facts))
    required = [check for check in policy.all_checks() if check.severity is Severity.FAIL]
    for check in required:
        if check.scope != ALL and not _absent(check, rows, facts):
            _in_scope(rows, check.scope)
    proving = [check for check in required if check.mode is not Mode.VETO]
    left = [left_out(check, why) for check in proving if (why := _absent(check, rows, facts))]
    if len(left) == len(proving):
        require_proof(left)


def _drained(checks: Iterable[CheckResult]) -> None:
    for _ in checks:
        pass


def judged(rows: Rows, scores: Scores, policy: Policy, use: Use, facts: Facts) -> Judgement:
    """Apply every check of *policy*; `GateError` if none is left that could prove anything."""
    vetoes = sum(_is_veto(check) for check in policy.all_checks())
    doubt = Doubt(use.alpha, policy.decision.power, VETO_ALPHA, vetoes)
    reports = _calibrations(scores)
    flipped = (
        flips(rows, scores, use.alpha) if CHAMPION in rows.scores and _has_classes(rows) else None
    )
    results = (
        *_checks(rows, scores, policy, doubt, facts),
        *calibration_checks(policy.calibration, reports),
        *flip_checks(policy.flips, flipped, use.alpha, policy.decision.power),
        *operation_checks(policy.operations, facts),
    )
    require_proof(results)
    slices = slice_results(rows, policy, doubt) if policy.slices else ()
    outcomes = [each.outcome for each in results if each.is_required]
    outcomes += [each.outcome for each in slices]
    return Judgement(
        verdict=decide(outcomes),
        checks=results,
        slices=slices,
        calibration=reports,
        flips=flipped,
        rows=len(rows),
    )


def _checks(
    rows: Rows, scores: Scores, policy: Policy, doubt: Doubt, facts: Facts
) -> list[CheckResult]:
    checks = policy.all_checks()
    by_scope = _Scopes(rows, scores, policy)
    results = [_made(check, rows, by_scope, doubt, facts) for check in checks]
    return _with_holm(checks, results, doubt)


def _made(
    check: Check,
    rows: Rows,
    scores_of: Callable[[str], Scores],
    doubt: Doubt,
    facts: Facts,
) -> CheckResult:
    why = _absent(check, rows, facts)
    if why:
        return left_out(check, why)
    try:
        return applied(check, scores_of(check.scope), doubt)
    except GateError as exc:
        if check.severity is Severity.FAIL:
            raise
        return left_out(check, str(exc))


def _absent(check: Check, rows: Rows, facts: Facts) -> str:
    """Why there is nobody to compare with; empty where there is, or nobody is needed."""
    if check.vs is Against.CHAMPION and CHAMPION not in rows.scores:
        return "there is no champion"
    if check.vs is Against.ANCHOR and ANCHOR not in rows.scores:
        return facts.no_anchor
    return ""


def _in_scope(rows: Rows, scope: str) -> NDArray[np.bool_]:
    """Which rows are in *scope*, which is not all of them."""
    column, _, value = scope.partition("=")
    slicing = rows.slicings[column]
    if value not in slicing.values:
        msg = f"no row of the hold-out is in {scope}, which a check is about"
        raise GateError(msg)
    return np.equal(slicing.codes, slicing.values.index(value))


class _Scopes:
    """
    What was measured on all rows, and on each slice that a check is about (once).

    A slice has the thresholds of all rows: with those the models go into service.
    """

    def __init__(self, rows: Rows, scores: Scores, policy: Policy) -> None:
        self._rows = rows
        point = policy.decision.operating_point
        self._point = scores.cuts if isinstance(scores, BinaryScores) else point
        self._known = {ALL: scores}

    def __call__(self, scope: str) -> Scores:
        if scope not in self._known:
            part = self._rows.where(_in_scope(self._rows, scope))
            self._known[scope] = measured(part, self._point)
        return self._known[scope]


def _with_holm(
    checks: Sequence[Check], results: Sequence[CheckResult], doubt: Doubt
) -> list[CheckResult]:
    done = list(results)
    # Warnings are a family of their own, so that no number of them makes a veto doubtful.
    for severity in Severity:
        family = [
            at
            for at, (check, result) in enumerate(zip(checks, results, strict=True))
            if check.severity is severity and _is_veto(check) and result.p_value is not None
        ]
        adjusted = holm([results[at].p_value or 0.0 for at in family])
        for at, p_holm in zip(family, adjusted, strict=True):
            done[at] = corrected(checks[at], results[at], float(p_holm), doubt.veto_alpha)
    return done


def _is_veto(check: Check) -> bool:
    return check.mode is Mode.VETO


def _calibrations(scores: Scores) -> dict[str, CalibrationReport]:
    if not isinstance(scores, BinaryScores):
        return {}
    return {
        model: calibration(scores.rows, model, counts=scores.histogram(model))
        for model in scores.rows.scores
        if model != ANCHOR
    }


def _has_classes(rows: Rows) -> bool:
    return rows.task is not Task.REGRESSION


def _proving(results: Iterable[CheckResult]) -> Iterable[CheckResult]:
    return (
        each
        for each in results
        if each.is_required and each.can_prove and each.outcome is not Outcome.NOT_MADE
    )


def require_proof(results: Sequence[CheckResult]) -> None:
    """Raise `GateError` if no required check was made that could prove anything."""
    if next(iter(_proving(results)), None) is None:
        why = [each.reason for each in results if each.outcome is Outcome.NOT_MADE]
        msg = " ".join(["nothing is left that could prove the challenger good enough.", *why])
        raise GateError(msg)
