"""
Judging by what training jobs said of their own models, where there are no scored rows.

Law: numbers without rows have no doubt that could be told, so only `point` checks can come out;
what was to be proven stays inconclusive, and what was to be vetoed is not made.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import BinaryIO

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.decision import Decision, invalid, require_champion
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.judging.checks import about, left_out, pointed
from airflow_aml_retrain.gate.judging.judgement import Judgement, require_proof
from airflow_aml_retrain.gate.judging.results import CheckResult
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.evaluation_csv import read_evaluation
from airflow_aml_retrain.gate.rules.check import ALL, Check, Mode
from airflow_aml_retrain.gate.rules.sections import Preconditions
from airflow_aml_retrain.gate.verdict import Outcome, decide

_NO_ROWS = "a job's own evaluation does not say how many rows stand behind it"


def evaluate_report(champion: BinaryIO | None, challenger: BinaryIO, policy: Policy) -> Decision:
    """
    Judge by the evaluation CSVs of training jobs.

    With *champion* None there is none, and only absolute checks can be judged: who could not look
    it up must not call this. Never raises `GateError`.
    """
    try:
        theirs = None if champion is None else _read("champion", champion)
        ours = _read("challenger", challenger)
        _require_bare_rules(policy)
        require_champion(policy, is_there=champion is not None)
        results = tuple(_made(check, theirs, ours) for check in policy.all_checks())
        require_proof(results)
    except GateError as exc:
        return invalid(policy, str(exc))
    verdict = decide(each.outcome for each in results if each.is_required)
    judgement = Judgement(verdict=verdict, checks=results, slices=())
    return Decision(policy=policy, verdict=verdict, judgement=judgement)


def _read(who: str, source: BinaryIO) -> Mapping[str, float]:
    try:
        return read_evaluation(source)
    except GateError as exc:
        msg = f"{who}: {exc}"
        raise GateError(msg) from exc


def _require_bare_rules(policy: Policy) -> None:
    for name in ("slices", "calibration", "flips", "operations"):
        if getattr(policy, name) is not None:
            msg = f"the policy has {name}, and {_NO_ROWS}; score rows, or leave {name} out"
            raise GateError(msg)
    asked = [
        each.name
        for each in fields(Preconditions)
        if getattr(policy.preconditions, each.name) != getattr(Preconditions(), each.name)
    ]
    if asked:
        names = ", ".join(asked)
        msg = f"the policy's preconditions ask for {names}, and {_NO_ROWS}; score rows, or leave "
        msg += "them out"
        raise GateError(msg)


def _made(
    check: Check, champion: Mapping[str, float] | None, challenger: Mapping[str, float]
) -> CheckResult:
    if check.metric not in challenger:
        there = ", ".join(challenger)
        msg = f"the policy checks {check.metric}, and the evaluation has: {there}"
        raise GateError(msg)
    if check.vs in {Against.ANCHOR, Against.PRIOR} or check.scope != ALL:
        return left_out(check, _NO_ROWS)
    if check.vs is Against.CHAMPION and champion is None:
        return left_out(check, "no evaluation of the champion was given")
    if check.mode is Mode.VETO:
        return left_out(check, _NO_ROWS)
    reference = champion.get(check.metric) if check.vs and champion is not None else None
    if check.vs and reference is None:
        msg = f"the policy checks {check.metric}, which the champion's evaluation does not have"
        raise GateError(msg)
    if check.mode is Mode.POINT:
        return pointed(check, challenger[check.metric], reference)
    return CheckResult(
        **about(check),
        reference=reference,
        challenger=challenger[check.metric],
        outcome=Outcome.INCONCLUSIVE,
        reason=f"Nothing can be proven of the {check.subject.title}, since {_NO_ROWS}; score the "
        "hold-out, or say mode: point to decide by bare numbers.",
    )
