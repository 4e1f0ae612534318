"""
The parts of a policy beside its checks, with what holds where the user says nothing.

Law: the defaults suit a monthly retraining with 2,000 rows of hold-out; nothing that takes a
column the user did not name is on by default, and nothing that is on by default waves a model
through.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import chain
from typing import ClassVar, Literal

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.metrics import Task, metric_named, nearest
from airflow_aml_retrain.gate.rules.check import Check, Mode, Severity
from airflow_aml_retrain.gate.rules.parsing import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Data(Section):
    """
    Which columns say what; None is Azure's name, or that there is no such column.

    *label* is the truth (needed for scored rows), *positive* the value that scores are the
    probability of (None: the second in sorted order, as the Studio has it), *task* None: found.
    """

    place: ClassVar[str] = "data"

    label: str | None = None
    positive: str | None = None
    score: str | None = None
    id: str | None = None
    time: str | None = None
    cluster_key: str | None = None
    task: Task | None = None

    def require_sense(self) -> None:
        named = [each for each in (self.label, self.score, self.id) if each is not None]
        if len(set(named)) < len(named):
            _refuse("data: label, score and id must be three different columns", named)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint(Section):
    """
    From which score a row counts as positive.

    *match* None: *threshold* for both models. Otherwise the champion is taken at *threshold*, and
    the challenger at the threshold of its own where it alerts as often (`alert_rate`) or has the
    same false-positive rate (`fpr`).
    """

    place: ClassVar[str] = "decision.operating_point"

    threshold: float = 0.5
    match: Literal["alert_rate", "fpr"] | None = None

    def require_sense(self) -> None:
        _within(self, "threshold", 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRules(Section):
    """
    How sure is sure, and what happens where checks alone do not say.

    *alpha* is the one-sided chance, for a whole hold-out, of promoting a model that is worse
    than allowed; *power* what plans and "rows needed" are made for.
    """

    place: ClassVar[str] = "decision"

    alpha: float = 0.05
    power: float = 0.80
    operating_point: OperatingPoint = field(default_factory=OperatingPoint)
    on_no_champion: Literal["absolute_only", "refuse"] = "absolute_only"
    on_inconclusive: Literal["keep_champion", "ask"] = "keep_champion"
    approval: Literal["never", "always"] = "never"
    anchor: Literal["auto", "off"] = "auto"

    def require_sense(self) -> None:
        _between(self, "alpha", 0, 0.5)
        _between(self, "power", self.alpha, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRate(Section):
    """The share of positives must be within a factor *max_ratio* of *reference*."""

    place: ClassVar[str] = "preconditions.label_rate"

    reference: float
    max_ratio: float

    def require_sense(self) -> None:
        _between(self, "reference", 0, 1)
        if self.max_ratio <= 1:
            _refuse(f"{self.called('max_ratio')} must be above 1", self.max_ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions(Section):
    """
    What must hold of the data before anything is judged; the verdict is INVALID where it fails.

    *holdout_after_training* None: demanded where `data.time` is named. *max_score_psi* only
    warns.
    """

    place: ClassVar[str] = "preconditions"

    min_rows: int = 100
    min_positives: int = 30
    min_discordant: int = 0
    max_null_fraction: float = 0.0
    max_duplicate_ids: int = 0
    min_matched_fraction: float = 1.0
    score_range: tuple[float, float] | None = (0.0, 1.0)
    label_values: tuple[str, ...] | None = None
    label_maturity: timedelta | None = None
    max_staleness: timedelta | None = None
    holdout_after_training: bool | None = None
    max_train_overlap: float | None = None
    label_rate: LabelRate | None = None
    max_score_psi: float | None = None

    def require_sense(self) -> None:
        for name in ("max_null_fraction", "min_matched_fraction", "max_train_overlap"):
            _within(self, name, 0, 1)
        _positive(self, "min_rows", "max_score_psi")
        if self.score_range is not None:
            low, high = self.score_range
            if not 0 <= low < high <= 1:
                _refuse(f"{self.called('score_range')} must rise within [0, 1]", self.score_range)
        if self.label_values is not None and len(set(self.label_values)) < 2:
            _refuse(f"{self.called('label_values')} must be two or more", self.label_values)

    def needing_time(self) -> tuple[str, ...]:
        """The rules asked for that cannot be applied unless `data.time` is named."""
        asked = ("label_maturity", "max_staleness", "holdout_after_training")
        return tuple(name for name in asked if getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration(Section):
    """
    Vetoes on how well the challenger's probabilities are meant: an interval must meet its band.

    *observed_expected* is the band of positives seen over positives promised, *slope* that of
    the logistic recalibration, *max_debiased_ce* bounds the debiased error (root mean square).
    """

    place: ClassVar[str] = "calibration"

    observed_expected: tuple[float, float] | None = None
    slope: tuple[float, float] | None = None
    max_debiased_ce: float | None = None
    severity: Severity = Severity.FAIL

    def require_sense(self) -> None:
        _one_rule(self, "observed_expected", "slope", "max_debiased_ce")
        _positive(self, "max_debiased_ce")
        for name in ("observed_expected", "slope"):
            band = getattr(self, name)
            if band is not None and not 0 <= band[0] <= 1 <= band[1]:
                _refuse(f"{self.called(name)} must be a band around 1 such as [0.9, 1.1]", band)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips(Section):
    """
    Rows that change sides.

    *max_negative_rate* bounds the share of rows that the champion got right and the challenger
    gets wrong, and must be proven; *max_churn* bounds all disagreement, and only warns.
    """

    place: ClassVar[str] = "flips"

    max_negative_rate: float | None = None
    max_churn: float | None = None

    def require_sense(self) -> None:
        _one_rule(self, "max_negative_rate", "max_churn")
        for name in ("max_negative_rate", "max_churn"):
            _positive(self, name)
            _within(self, name, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices(Section):
    """
    The challenger against the champion in every part of the rows.

    *columns* are sliced by each value, *cross* by each combination of values. *margin* is one
    for all *metrics* or by metric (0 where one is not named). A slice of fewer than *min_rows*
    rows or *min_positives* of the rarer class is underpowered.
    """

    place: ClassVar[str] = "slices"

    columns: tuple[str, ...] = ()
    cross: tuple[tuple[str, ...], ...] = ()
    min_rows: int = 500
    min_positives: int = 30
    max_slices: int = 200
    metrics: tuple[str, ...]
    margin: float | Mapping[str, float] = 0.0
    mode: Mode = Mode.VETO
    family_alpha: float = 0.05
    on_underpowered: Literal["pass", "warn", "inconclusive"] = "warn"
    must_exist: tuple[str, ...] = ()

    def require_sense(self) -> None:
        self._require_metrics()
        _positive(self, "max_slices")
        _between(self, "family_alpha", 0, 0.5)
        if not self.needed:
            _refuse("slices must name columns or cross", [])
        if self.mode is Mode.POINT:
            _refuse("slices.mode must be veto or prove", self.mode.value)
        for crossed in self.cross:
            if len(set(crossed)) < 2:
                _refuse("an entry of slices.cross must be two or more columns", list(crossed))
        for each in self.must_exist:
            column, _, value = each.partition("=")
            if not value or column not in self.needed:
                what = f"an entry of slices.must_exist must be column=value{_of(self.needed)}"
                _refuse(what, each)

    def _require_metrics(self) -> None:
        metrics = tuple(dict.fromkeys(metric_named(each).name for each in self.metrics))
        object.__setattr__(self, "metrics", metrics)
        if isinstance(self.margin, Mapping):
            margins = {metric_named(key).name: each for key, each in self.margin.items()}
            for key in margins:
                if key not in metrics:
                    msg = f"slices.margin has {key!r}, no metric of slices{nearest(key, metrics)}"
                    raise GateError(msg)
            object.__setattr__(self, "margin", margins)
        # Making them also holds each margin against the range of its metric.
        if not self.checks():
            _refuse("slices must name metrics", [])

    def checks(self) -> tuple[Check, ...]:
        """What each slice is held to, as checks of all rows."""
        return tuple(
            Check(metric, vs=Against.CHAMPION, mode=self.mode, margin=self.margin_of(metric))
            for metric in self.metrics
        )

    def margin_of(self, metric: str) -> float:
        return self.margin.get(metric, 0.0) if isinstance(self.margin, Mapping) else self.margin

    @property
    def needed(self) -> tuple[str, ...]:
        """Every column that slices are made of, crossed ones included."""
        return tuple(dict.fromkeys(chain(self.columns, *self.cross)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations(Section):
    """What it costs to serve the challenger, from facts that the caller measured."""

    place: ClassVar[str] = "operations"

    max_p95_latency_ratio: float | None = None
    max_model_mb: float | None = None

    def require_sense(self) -> None:
        _one_rule(self, "max_p95_latency_ratio", "max_model_mb")
        _positive(self, "max_p95_latency_ratio", "max_model_mb")


class Spending(StrEnum):
    """
    How alpha is shared out over the uses of one hold-out.

    Each is safe against more than the one before: FIRST and CHAIN as long as a challenger is
    trained blind to the hold-out and its verdicts, ADAPTIVE even if it is not.
    """

    FIRST = "first"
    ONCE = "once"
    BONFERRONI = "bonferroni"
    CHAIN = "chain"
    ADAPTIVE = "adaptive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse(Section):
    """How often one hold-out may decide, and what each use may spend of alpha."""

    place: ClassVar[str] = "holdout.reuse"

    max_uses: int = 12
    spending: Spending = Spending.FIRST

    def require_sense(self) -> None:
        _positive(self, "max_uses")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutRules(Section):
    """*max_overlap* is the share of rows in common from which two hold-outs count as one."""

    place: ClassVar[str] = "holdout"

    reuse: Reuse = field(default_factory=Reuse)
    max_overlap: float = 0.5

    def require_sense(self) -> None:
        _within(self, "max_overlap", 0, 1)


def _refuse(what: str, given: object) -> None:
    msg = f"{what}, not {given!r}"
    raise GateError(msg)


def _of(columns: Iterable[str]) -> str:
    return f" of a column that slices names ({', '.join(columns)})"


def _within(section: Section, name: str, low: float, high: float) -> None:
    value = getattr(section, name)
    if value is not None and not low <= value <= high:
        _refuse(f"{section.called(name)} must lie in [{low:g}, {high:g}]", value)


def _between(section: Section, name: str, low: float, high: float) -> None:
    value = getattr(section, name)
    if not low < value < high:
        _refuse(f"{section.called(name)} must lie between {low:g} and {high:g}", value)


def _positive(section: Section, *names: str) -> None:
    for name in names:
        value = getattr(section, name)
        if value is not None and value <= 0:
            _refuse(f"{section.called(name)} must be above 0", value)


def _one_rule(section: Section, *names: str) -> None:
    if all(getattr(section, name) is None for name in names):
        msg = f"{section.place} has no rule; say one of {', '.join(names)}, or leave it out"
        raise GateError(msg)
