"""How each check came out: one row of the decision record, with its one English sentence."""

from dataclasses import dataclass

from airflow_aml_retrain.gate.metrics import METRICS
from airflow_aml_retrain.gate.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """
    One check, the numbers it was applied to, how it came out and why.

    *low* and *high* bound *difference* (challenger minus reference), or the challenger's own
    value where it is held against a *bound*, each with the error probability *alpha*. *p_holm* is
    *p_value* after Holm's correction over its family. *rows_needed* would settle what is
    inconclusive; *min_detectable* is the harm that would have been seen.
    """

    name: str
    metric: str
    title: str
    mode: str
    severity: str
    outcome: Outcome
    reason: str
    scope: str = "all"
    vs: str | None = None
    automatic: bool = False
    higher_is_better: bool = True
    margin: float | None = None
    bound: float | None = None
    bound_kind: str | None = None
    reference: float | None = None
    challenger: float | None = None
    difference: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    alpha: float | None = None
    p_value: float | None = None
    p_holm: float | None = None
    method: str | None = None
    rows: int | None = None
    effective_rows: float | None = None
    rows_needed: int | None = None
    min_detectable: float | None = None

    @property
    def is_required(self) -> bool:
        """Whether it takes part in the verdict; a warning does not."""
        return self.severity == "fail"

    @property
    def is_proof(self) -> bool:
        """Whether a challenger that is worse than it allows passes it with probability alpha."""
        return self.is_required and self.mode == "prove" and self.outcome is not Outcome.NOT_MADE

    @property
    def can_prove(self) -> bool:
        """
        Whether passing it speaks for the challenger.

        A veto only speaks against it, and so does a rule that is about no metric: nobody is to
        be promoted for being small or quick.
        """
        return self.mode != "veto" and self.metric in METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceResult:
    """
    One metric in one slice of the rows, the challenger against the champion.

    *rows_needed*, of this slice, would settle what is inconclusive; None where that is not known.
    """

    slice: str
    metric: str
    title: str
    higher_is_better: bool
    rows: int
    positives: int | None
    reference: float | None
    challenger: float
    difference: float
    se: float
    low: float
    high: float
    p_value: float | None
    p_holm: float | None
    min_detectable: float
    underpowered: bool
    outcome: Outcome
    reason: str
    rows_needed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """Something without which nothing can be judged: what was *required*, what was *observed*."""

    name: str
    required: str
    observed: str
    passed: bool
    reason: str
    severity: str = "fail"
