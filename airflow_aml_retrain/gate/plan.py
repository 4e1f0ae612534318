"""
How many rows a policy needs, told before anybody has labelled one.

Law: a number is given only where it can be known: from the margin and from how often two models
answer differently, which takes no labels (reference: gate.md section 5.2). What hangs on the
models' own quality is said to do so, and is planned from an expected value where one is given.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, floor, sqrt
from typing import Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.demands import percent
from airflow_aml_retrain.gate.estimates import Against, Estimate, Pairs
from airflow_aml_retrain.gate.metrics import Task, metric_named
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rules.check import VETO_ALPHA, Check, Mode, Severity
from airflow_aml_retrain.gate.statistics.distributions import normal_quantile
from airflow_aml_retrain.gate.statistics.intervals import interval
from airflow_aml_retrain.gate.statistics.spread import FEW

_ENOUGH: Final = FEW + 5
"""So many rows that differ are expected, and seldom fewer than `FEW` come."""

_LATER = "cannot be told before there are labels; an INCONCLUSIVE decision says it"


@dataclass(frozen=True, slots=True)
class Need:
    """What one *rule* needs: *rows*, or None where that is not known; *why* ends a sentence."""

    rule: str
    rows: int | None
    why: str

    def __str__(self) -> str:
        count = "" if self.rows is None else f"{self.rows:,} rows, "
        return f"{self.rule}: {count}{self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What is known before labels.

    *alpha* is what the next decision may spend. *disagreement* is the share of rows in which two
    models answer differently, *base_rate* that of positives, *rows* how many there are or will
    be. *expected* are values that metrics are believed to have, such as the champion's last.
    """

    alpha: float
    power: float
    disagreement: float | None = None
    rows: int | None = None
    base_rate: float | None = None
    expected: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("disagreement", "base_rate"):
            share = getattr(self, name)
            if share is not None and not 0 < share < 1:
                msg = f"{name} is {share!r}, and must be a share between 0 and 1"
                raise GateError(msg)
        if self.rows is not None and self.rows < 1:
            msg = f"rows is {self.rows!r}, and must be at least 1"
            raise GateError(msg)
        for name, value in self.expected.items():
            metric = metric_named(name)
            if not metric.low <= value <= metric.high:
                lies = f"[{metric.low:g}, {metric.high:g}]"
                msg = f"expected {name} is {value!r}, and must lie in {lies}"
                raise GateError(msg)

    def reach(self, alpha: float) -> float:
        """How many standard errors off a limit is found with the power asked for."""
        return normal_quantile(self.power) - normal_quantile(alpha)


@dataclass(frozen=True, slots=True)
class Plan:
    """What each rule *needs*, for what is *known*; `str` is the plan as text."""

    needs: tuple[Need, ...]
    known: Known
    cluster_key: str | None = None

    @property
    def rows(self) -> int:
        """How many rows are needed, as far as that is known."""
        return max(need.rows or 0 for need in self.needs)

    def __str__(self) -> str:
        known = self.known
        have = "" if known.rows is None else f"; there are {known.rows:,}"
        title = (
            f"At least {self.rows:,} independent rows are needed, as far as can be told{have} "
            f"(power {percent(known.power)}, alpha {percent(known.alpha)}):"
        )
        lines = [title, *(f"* {need}." for need in self.needs)]
        if self.cluster_key:
            lines.append(f"Rows with one {self.cluster_key} go together, and count for less.")
        return "\n".join(lines)


def plan(
    policy: Policy,
    *,
    alpha: float | None = None,
    disagreement: float | None = None,
    rows: int | None = None,
    base_rate: float | None = None,
    expected: Mapping[str, float] | None = None,
) -> Plan:
    """
    The rows that *policy* needs; see `Known` for the rest.

    *alpha* None: all of `decision.alpha`. `GateError` for a share that is none.
    """
    known = Known(
        alpha=policy.decision.alpha if alpha is None else alpha,
        power=policy.decision.power,
        disagreement=disagreement,
        rows=rows,
        base_rate=base_rate,
        expected={metric_named(name).name: value for name, value in (expected or {}).items()},
    )
    checks = (_need(each, known) for each in policy.all_checks() if _is_required(each))
    needs = (*_preconditions(policy, known), *checks, *_flips(policy, known))
    return Plan(needs, known, policy.data.cluster_key)


def _is_required(check: Check) -> bool:
    return check.severity is Severity.FAIL


def _preconditions(policy: Policy, known: Known) -> Iterator[Need]:
    asked = policy.preconditions
    yield Need("preconditions.min_rows", asked.min_rows, "whatever they hold")
    if asked.min_positives and known.base_rate and policy.asked_task != {Task.REGRESSION}:
        rarer = min(known.base_rate, 1 - known.base_rate)
        why = f"for {asked.min_positives:,} of a label that is {percent(rarer)} of them"
        yield Need("preconditions.min_positives", ceil(asked.min_positives / rarer), why)
    if asked.min_discordant and known.disagreement:
        why = f"for {asked.min_discordant:,} that are answered differently"
        count = ceil(asked.min_discordant / known.disagreement)
        yield Need("preconditions.min_discordant", count, why)


def _need(check: Check, known: Known) -> Need:
    if check.mode is Mode.POINT:
        return Need(check.name, None, "bare numbers are compared, whatever their number")
    spread = _spread(check, known)
    if spread is None:
        return Need(check.name, None, _lacking(check, known))
    if check.mode is Mode.VETO:
        return Need(
            check.name, None, "a veto passes with any number" + _seen(spread, VETO_ALPHA, known)
        )
    if check.bound is not None:
        return _for_bound(check, check.bound, spread, known)
    if check.margin > 0:
        why = (
            f"if the two are equally good and differ in {percent(known.disagreement or 0)} of them"
        )
        return Need(check.name, _count_pairs(check, spread, known), why)
    seen = _seen(spread, known.alpha, known)
    return Need(check.name, None, f"how many hangs on how much better it is{seen}")


def _for_bound(check: Check, bound: float, spread: float, known: Known) -> Need:
    value = known.expected[check.metric]
    if check.subject.loss(bound, value) >= 0:
        return Need(check.name, None, f"a value of {value:g} is not enough, whatever their number")
    return Need(check.name, _count(spread, value - bound, known), f"if it is {value:g}")


def _spread(check: Check, known: Known) -> float | None:
    """The variance that one row brings to what is compared; None where it is not known."""
    if check.vs in {Against.CHAMPION, Against.ANCHOR}:
        return _paired(check.metric, known)
    value = known.expected.get(check.metric)
    return None if check.vs or value is None else _alone(check.metric, value, known.base_rate)


def _paired(metric: str, known: Known) -> float | None:
    differ = known.disagreement
    match metric:
        case "accuracy":
            return differ
        case "recall" if differ and known.base_rate:
            # At worst all rows that are answered differently are positive ones.
            return min(1.0, differ / known.base_rate) / known.base_rate
        case _:
            return None


def _alone(metric: str, value: float, base_rate: float | None) -> float | None:
    match metric:
        case "accuracy":
            return value * (1 - value)
        case "recall" if base_rate:
            return value * (1 - value) / base_rate
        case "auc" if base_rate:
            # Hanley and McNeil 1982, for many rows.
            of_negatives = value / (2 - value) - value**2
            of_positives = 2 * value**2 / (1 + value) - value**2
            return of_negatives / (1 - base_rate) + of_positives / base_rate
        case _:
            return None


def _count(spread: float, distance: float, known: Known) -> int:
    return ceil(known.reach(known.alpha) ** 2 * spread / distance**2)


def _count_pairs(check: Check, spread: float, known: Known) -> int:
    """As `_count`; more where so few rows would differ that their bounds are exact, and wider."""
    rows, differ = _count(spread, check.margin, known), known.disagreement or 0.0
    among = (known.base_rate or 1.0) if check.metric == "recall" else 1.0
    while rows * differ < _ENOUGH and not _settles(rows, differ, among, check.margin, known):
        rows += ceil(rows / 100)
    return rows


def _settles(rows: int, differ: float, among: float, margin: float, known: Known) -> bool:
    """Whether what is bad luck for two equals once in 1 - power still proves the *margin*."""
    discordant = min(ceil(rows * differ), FEW - 1)
    gains = floor((discordant - normal_quantile(known.power) * sqrt(discordant)) / 2)
    counted = floor(rows * among)
    unlucky = Estimate(
        metric="accuracy",
        against=Against.CHAMPION,
        challenger=0.5,
        reference=0.5,
        difference=0.0,
        se=0.0,
        rows=counted,
        effective_rows=counted,
        method="planned",
        pairs=Pairs(counted, max(gains, 0), discordant - max(gains, 0)),
    )
    return interval(unlucky, known.alpha)[0] >= -margin


def _seen(spread: float, alpha: float, known: Known) -> str:
    if known.rows is None:
        return ""
    least = known.reach(alpha) * sqrt(spread / known.rows)
    return f"; {known.rows:,} rows would show a difference of {least:.2g}"


def _lacking(check: Check, known: Known) -> str:
    paired = check.vs in {Against.CHAMPION, Against.ANCHOR}
    if paired and check.metric in {"accuracy", "recall"}:
        missing = "disagreement" if known.disagreement is None else "base_rate"
        return f"it can be told from the {missing}"
    if not check.vs and check.metric in {"accuracy", "recall", "auc"}:
        missing = "expected value" if check.metric not in known.expected else "base_rate"
        return f"it can be told from the {missing}"
    return _LATER


def _flips(policy: Policy, known: Known) -> Iterator[Need]:
    limit = policy.flips.max_negative_rate if policy.flips else None
    if limit is None:
        return
    if known.disagreement is None:
        yield Need("flips.max_negative_rate", None, "it can be told from the disagreement")
        return
    rate = known.disagreement / 2
    if rate >= limit:
        why = f"of two that are equally good {percent(rate)} flip, whatever their number"
        yield Need("flips.max_negative_rate", None, why)
        return
    count = rows_for_rate(rate, limit, known.alpha, known.power)
    yield Need("flips.max_negative_rate", count, f"if {percent(rate)} flip, half of all changes")


def rows_for_rate(rate: float, limit: float, alpha: float, power: float) -> int:
    """How many rows tell, with *power*, that a *rate* is not at its *limit*, if they differ."""
    unsure = -normal_quantile(alpha) * sqrt(limit * (1 - limit))
    varying = normal_quantile(power) * sqrt(rate * (1 - rate))
    return ceil(((unsure + varying) / (limit - rate)) ** 2)
