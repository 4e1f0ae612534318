"""
From scored files and a policy to a decision.

Law: a decision is always made. What cannot be judged is INVALID and says why; only what is not
about the data (a connection lost while reading) is left to the caller as an exception. A use of
the hold-out is spent before anything is estimated, and after all that can be known without that:
the preconditions hold, and every check has what it needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.holdout.ledger import Use
from airflow_aml_retrain.gate.judging.judgement import Judgement, judged, require_judgeable
from airflow_aml_retrain.gate.judging.preconditions import preconditions
from airflow_aml_retrain.gate.judging.results import Precondition
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import CHAMPION, Rows
from airflow_aml_retrain.gate.scores.measured import Scores, measured
from airflow_aml_retrain.gate.verdict import Verdict

Spend = Callable[[Rows], Use]
"""Takes one use of the hold-out of these rows; `GateError` if it has none left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What was decided, on what grounds.

    *policy* is None when it could not even be read, *rows* and *scores* when the files could not
    be; *judgement* when a precondition failed or no use of the hold-out was left. *reason* says
    why it is INVALID.
    """

    policy: Policy | None
    verdict: Verdict
    reason: str = ""
    rows: Rows | None = None
    scores: Scores | None = None
    preconditions: tuple[Precondition, ...] = ()
    use: Use | None = None
    judgement: Judgement | None = None

    @property
    def headline(self) -> str:
        """The decision in one line, for a log."""
        if self.judgement is None:
            return f"{self.verdict}: {self.reason}"
        return self.judgement.headline


def evaluate(
    sources: Mapping[str, BinaryIO],
    policy: Policy,
    *,
    spend: Spend | None = None,
    facts: Facts | None = None,
) -> Decision:
    """
    Judge scored CSV or Parquet files over the same rows, by model ("challenger", "champion").

    Without a champion there is none: who could not look it up must not call this. *spend* takes
    a use of the hold-out from its ledger; without it this is its first. Never raises `GateError`.
    """
    # What reads files is loaded when there are files: a policy is read, and explained, without.
    from airflow_aml_retrain.gate.reading.reader import read_rows

    try:
        rows = read_rows(sources, policy)
        scores = measured(rows, policy.decision.operating_point)
    except GateError as exc:
        return invalid(policy, str(exc))
    return decided(rows, scores, policy, spend=spend, facts=facts or Facts())


def decided(
    rows: Rows, scores: Scores, policy: Policy, *, spend: Spend | None, facts: Facts
) -> Decision:
    """Judge *rows* that are read; *scores* are what was measured on them."""
    decision = Decision(policy=policy, verdict=Verdict.INVALID, rows=rows, scores=scores)
    try:
        met = preconditions(rows, policy, facts)
        decision = replace(decision, preconditions=met)
        _require(met)
        require_champion(policy, is_there=CHAMPION in rows.scores)
        require_judgeable(rows, policy, facts)
        use = spend(rows) if spend else Use.fresh(policy.decision.alpha)
        decision = replace(decision, use=use)
        judgement = judged(rows, scores, policy, use, facts)
    except GateError as exc:
        return replace(decision, reason=str(exc))
    return replace(decision, judgement=judgement, verdict=judgement.verdict)


def invalid(policy: Policy | None, reason: str) -> Decision:
    """The decision when *reason* prevents one; *policy* None when it could not even be read."""
    return Decision(policy=policy, verdict=Verdict.INVALID, reason=reason)


def _require(met: tuple[Precondition, ...]) -> None:
    failed = [each.reason for each in met if not each.passed and each.severity == "fail"]
    if failed:
        raise GateError(" ".join(failed))


def require_champion(policy: Policy, *, is_there: bool) -> None:
    """`GateError` where there is no champion and the policy does not judge without one."""
    if not is_there and policy.decision.on_no_champion == "refuse":
        msg = "there is no champion, and the policy refuses to judge without one"
        raise GateError(msg)
