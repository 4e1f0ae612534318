"""
From two files and a policy to a decision.

Law: a decision is always made. What cannot be judged is INVALID and says why; only what is not
about the data (a connection lost while reading) is left to the caller as an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.binary import binary_metrics
from airflow_aml_retrain.gate.checks import CheckResult, Estimate, apply, estimates
from airflow_aml_retrain.gate.evaluation_csv import read_evaluation
from airflow_aml_retrain.gate.holdout import Holdout, PairedRows, paired, telling_rows
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reader import ScoredRows, read_scored
from airflow_aml_retrain.gate.regression import regression_metrics
from airflow_aml_retrain.gate.verdict import Outcome, Verdict, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What was decided, on what grounds.

    *headline* is one line for a log. *reasons* are the sentences that the verdict rests on;
    *checks* holds every check that was applied, also the passed ones; *estimates* every metric
    that could be computed. *rows* is None where a job's own evaluation was judged, which does not
    say how many there were. *telling_rows* are the numbers (1 is the first after the header) of
    the rows on which the two models differ most.
    """

    policy: Policy | None
    verdict: Verdict
    headline: str
    reasons: tuple[str, ...]
    checks: tuple[CheckResult, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    rows: int | None = None
    holdout: Holdout | None = None
    telling_rows: tuple[int, ...] = ()


def evaluate(champion: BinaryIO, challenger: BinaryIO, policy: Policy) -> Decision:
    """
    Judge two scored CSVs over the same rows in the same order.

    Each holds the label column and the scores of one model. Never raises `GateError`.
    """
    try:
        rows = paired(_read("champion", champion, policy), _read("challenger", challenger, policy))
        return _judged(rows, policy)
    except GateError as exc:
        return invalid(policy, str(exc))


def evaluate_report(champion: BinaryIO | None, challenger: BinaryIO, policy: Policy) -> Decision:
    """
    Judge by the evaluation CSVs of training jobs.

    With *champion* None only absolute checks can be judged. How many rows stand behind the
    numbers is not known, so `min_rows` is not applied, and the reasons say so. Never raises
    `GateError`.
    """
    try:
        theirs = None if champion is None else _read_evaluation("champion", champion)
        ours = _read_evaluation("challenger", challenger)
        numbers = estimates(policy.asked_task, theirs, ours)
        results = _results(policy, numbers)
    except GateError as exc:
        return invalid(policy, str(exc))
    verdict = decide(result.outcome for result in results)
    unknown = "How many rows stand behind the evaluation is not known; min_rows was not applied."
    return Decision(
        policy=policy,
        verdict=verdict,
        headline=_headline(verdict, results, "the job's own evaluation"),
        reasons=(*_reasons(verdict, results), unknown),
        checks=results,
        estimates=numbers,
    )


def invalid(policy: Policy | None, reason: str) -> Decision:
    """The decision when *reason* prevents one; *policy* None when it could not even be read."""
    return Decision(
        policy=policy,
        verdict=Verdict.INVALID,
        headline=f"{Verdict.INVALID}: the champion stays, because {reason}",
        reasons=(reason,),
    )


def _read(who: str, source: BinaryIO, policy: Policy) -> ScoredRows:
    try:
        return read_scored(source, policy)
    except GateError as exc:
        msg = f"{who}: {exc}"
        raise GateError(msg) from exc


def _read_evaluation(who: str, source: BinaryIO) -> Mapping[str, float]:
    try:
        return read_evaluation(source)
    except GateError as exc:
        msg = f"{who}: {exc}"
        raise GateError(msg) from exc


def _judged(rows: PairedRows, policy: Policy) -> Decision:
    count = rows.holdout.rows
    numbers = estimates(
        rows.task,
        _metrics(rows, rows.champion, policy),
        _metrics(rows, rows.challenger, policy),
    )
    results = _results(policy, numbers)
    verdict = decide((result.outcome for result in results), enough_rows=count >= policy.min_rows)
    reasons = _reasons(verdict, results)
    headline = _headline(verdict, results, f"{count} rows")
    if verdict is Verdict.INCONCLUSIVE:
        reasons = (_too_few(count, policy.min_rows),)
        headline = f"{verdict}: {reasons[0]}"
    return Decision(
        policy=policy,
        verdict=verdict,
        headline=headline,
        reasons=reasons,
        checks=results,
        estimates=numbers,
        rows=count,
        holdout=rows.holdout,
        telling_rows=telling_rows(rows.champion, rows.challenger),
    )


def _metrics(rows: PairedRows, scores: NDArray[np.float64], policy: Policy) -> Mapping[str, float]:
    if rows.task is Task.BINARY:
        return binary_metrics(rows.truth.astype(np.bool_, copy=False), scores, policy.threshold)
    return regression_metrics(rows.truth.astype(np.float64, copy=False), scores)


def _results(policy: Policy, numbers: tuple[Estimate, ...]) -> tuple[CheckResult, ...]:
    known = {estimate.metric: estimate for estimate in numbers}
    for check in policy.checks:
        if check.metric not in known:
            there = ", ".join(known) or "none"
            msg = f"the policy checks {check.metric}, and the evaluation has: {there}"
            raise GateError(msg)
    return tuple(apply(check, known[check.metric]) for check in policy.checks)


def _reasons(verdict: Verdict, results: tuple[CheckResult, ...]) -> tuple[str, ...]:
    deciding = Outcome.FAILED if verdict is Verdict.REJECT else Outcome.PASSED
    return tuple(result.reason for result in results if result.outcome is deciding)


def _headline(verdict: Verdict, results: tuple[CheckResult, ...], on: str) -> str:
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    if failed:
        return f"{verdict}: {len(failed)} of {_count(results)} failed on {on}. {failed[0].reason}"
    return f"{verdict}: {_count(results)} passed on {on}. {results[0].reason}"


def _count(results: tuple[CheckResult, ...]) -> str:
    return "1 check" if len(results) == 1 else f"{len(results)} checks"


def _too_few(count: int, needed: int) -> str:
    return (
        f"The hold-out has {count} rows and the policy asks for {needed}; {needed - count} more "
        "are needed before anything is decided."
    )
