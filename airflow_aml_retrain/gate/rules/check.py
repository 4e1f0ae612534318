"""
One rule about one metric of the challenger.

Law: `margin` always means "may be worse by at most", whichever way the metric is better; 0 is "no
worse" and a negative one demands an improvement. No other sign is the user's to think about.
"""

from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import ClassVar, Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.metrics import Direction, Metric, metric_named
from airflow_aml_retrain.gate.rules.parsing import INTERNAL, Section

ALL: Final = "all"

VETO_ALPHA: Final = 0.05
"""The chance that any of all vetoes of a policy's checks objects to a model that does no harm."""


class Mode(StrEnum):
    """
    Who carries the burden of proof.

    PROVE: the challenger, and doubt is INCONCLUSIVE. VETO: whoever objects, and doubt passes.
    POINT: nobody; two numbers are compared as if they were certain.
    """

    PROVE = "prove"
    VETO = "veto"
    POINT = "point"


class Severity(StrEnum):
    """What a failed check does to the verdict: everything, or nothing."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Check(Section):
    """
    One demand on a *metric* of the challenger.

    Either an absolute bound (*at_least* or *at_most*, as the metric's direction has it), or a
    comparison *vs* champion, anchor or prior with a *margin*. *scope* is "all" rows or those of
    one slice, "column=value". *automatic* checks were added by the policy, not by the user.
    """

    place: ClassVar[str] = "a check"

    metric: str
    _: KW_ONLY
    mode: Mode = Mode.PROVE
    vs: Against | None = None
    margin: float = 0.0
    at_least: float | None = None
    at_most: float | None = None
    scope: str = ALL
    severity: Severity = Severity.FAIL
    automatic: bool = field(default=False, metadata=INTERNAL)

    def called(self, name: str) -> str:
        return f"{name} of the check on {self.metric}"

    def require_sense(self) -> None:
        object.__setattr__(self, "metric", metric_named(self.metric).name)
        if sum(part is not None for part in (self.vs, self.at_least, self.at_most)) != 1:
            self._refuse("say one of at_least, at_most, or vs: champion, anchor or prior")
        if self.scope != ALL and not all(self.scope.partition("=")):
            self._refuse(f"scope is {self.scope!r}, and must be all or column=value")
        if self.vs is None:
            self._require_fitting_bound()
        else:
            self._require_fitting_margin()

    def _require_fitting_bound(self) -> None:
        metric = self.subject
        higher = metric.direction is Direction.HIGHER
        if self.margin:
            self._refuse("a margin needs vs: champion, anchor or prior")
        if (self.at_most if higher else self.at_least) is not None:
            right, wrong = ("at_least", "at_most") if higher else ("at_most", "at_least")
            self._refuse(f"{metric.direction} is better, so say {right}, not {wrong}")
        if self.bound is not None and not metric.low <= self.bound <= metric.high:
            lies = f"[{metric.low:g}, {metric.high:g}], where the metric lies"
            self._refuse(f"the bound {self.bound:.10g} lies outside {lies}")

    def _require_fitting_margin(self) -> None:
        metric = self.subject
        if self.vs is Against.PRIOR and not metric.has_prior:
            self._refuse("it has no prior, a value for who knows only the base rate or the mean")
        if abs(self.margin) >= metric.high - metric.low:
            lies = f"[{metric.low:g}, {metric.high:g}]"
            self._refuse(
                f"the margin {self.margin:.10g} is as wide as {lies}, where the metric lies; "
                "2 percentage points are 0.02"
            )

    def _refuse(self, why: str) -> None:
        msg = f"check on {self.metric}: {why}"
        raise GateError(msg)

    @property
    def subject(self) -> Metric:
        return metric_named(self.metric)

    @property
    def bound(self) -> float | None:
        """The absolute bound; None for a comparison."""
        return self.at_least if self.at_least is not None else self.at_most

    @property
    def name(self) -> str:
        """The check in a few words, by which a decision and its policy know it."""
        mode = "" if self.mode is Mode.PROVE else f" ({self.mode})"
        scope = "" if self.scope == ALL else f" in {self.scope}"
        return f"{self.metric} {self._demand}{scope}{mode}"

    @property
    def _demand(self) -> str:
        if self.vs is None:
            word = "at least" if self.at_least is not None else "at most"
            return f"{word} {self.bound:.10g}"
        if self.margin < 0:
            return f"vs {self.vs}, better by {-self.margin:.10g}"
        return f"vs {self.vs}" + (f", margin {self.margin:.10g}" if self.margin else "")

    def to_mapping(self) -> dict[str, object]:
        """What `parse` reads; of at_least, at_most and vs only the one that was said."""
        given = super(Check, self).to_mapping()
        return {key: value for key, value in given.items() if value is not None}
