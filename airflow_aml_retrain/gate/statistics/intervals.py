"""
From an estimate to what may be said: an interval, a p-value, the rows that would settle it.

Law: each end of an interval is a bound of its own, missed with a probability of at most *alpha*,
and a p-value is below alpha where that bound is past its limit. Counts are exact where few rows
differ, and for a share alone; everything else follows from the estimate's spread, but that the
AUC of one model may be as small as `least_area` has it.
"""

from dataclasses import dataclass
from math import ceil, inf, isfinite, nan
from typing import Final

from airflow_aml_retrain.gate.estimates import Estimate
from airflow_aml_retrain.gate.metrics import METRICS, Direction, Metric
from airflow_aml_retrain.gate.statistics.distributions import (
    binomial_at_least,
    clopper_pearson,
    normal_above,
    normal_quantile,
    root,
    share_at_least,
    share_at_most,
)
from airflow_aml_retrain.gate.statistics.least_area import least_area
from airflow_aml_retrain.gate.statistics.spread import FEW, Spread, worth

_SURELY: Final = 7.0
"""In standard errors: p-values of few rows are told apart down to 1e-12."""
_USUAL: Final = 0.05
_COUNTLESS: Final = 1e9


def interval(estimate: Estimate, alpha: float) -> tuple[float, float]:
    """Bounds of the estimate's difference, each missed with a probability of at most *alpha*."""
    flips = _flips(estimate, alpha)
    if not isfinite(estimate.se):
        low, high = -inf, inf
    elif flips is None:
        low, high = _spread(estimate).bounds(estimate.difference, alpha)
        low = min(low, _least(estimate, alpha))
    elif estimate.reference is None:
        low, high = clopper_pearson(flips.gains, flips.rows, alpha)
        if estimate.metric == "f1":
            low, high = _f1(low), _f1(high)
    elif flips.discordant < FEW:
        low, high = flips.at_least(alpha), -flips.turned.at_least(alpha)
    else:
        low, high = _spread(estimate).bounds(estimate.difference, alpha)
    return _within_range(estimate, low, high)


def harm_p_value(estimate: Estimate, metric: Metric, margin: float) -> float:
    """
    How likely it is to look so bad for a challenger that is worse by *margin* and no more.

    A share that is alone, with a bound as its `reference`, has its exact binomial probability;
    where few rows differ it is that of McNemar's exact test. NaN where no error can be told.
    """
    if not isfinite(estimate.se):
        return nan
    flips = _flips(estimate, _USUAL)
    if flips is not None and not estimate.against and estimate.reference is not None:
        bound = estimate.reference - margin
        share = bound / (2.0 - bound) if estimate.metric == "f1" else bound
        return flips.so_few(share)
    if flips is not None and estimate.against and flips.discordant < FEW:
        return flips.turned.p_value(margin)
    if metric.direction is Direction.HIGHER:
        return _spread(estimate).mirrored.above(-estimate.difference - margin)
    return _spread(estimate).above(estimate.difference - margin)


def rows_needed(estimate: Estimate, spare: float, alpha: float, power: float) -> int | None:
    """
    How many rows would settle it, were the difference as seen, *spare* away from its limit.

    None where it lies on the limit, and no number of rows would.
    """
    if not spare or not isfinite(estimate.se):
        return None
    times = min_detectable(estimate, alpha, power) / abs(spare)
    rows = estimate.rows * times * times
    return ceil(rows) if rows < _COUNTLESS * estimate.rows else None


def min_detectable(estimate: Estimate, alpha: float, power: float) -> float:
    """The smallest difference that would be found with probability *power*."""
    return (normal_quantile(power) - normal_quantile(alpha)) * estimate.se


@dataclass(frozen=True, slots=True)
class _Flips:
    """Of *rows*, only the one model had *gains* right, and only the other *losses*."""

    rows: float
    gains: float
    losses: float

    @property
    def discordant(self) -> float:
        return self.gains + self.losses

    @property
    def turned(self) -> "_Flips":
        return _Flips(self.rows, self.losses, self.gains)

    def at_least(self, alpha: float) -> float:
        """
        The share of rows by which, at the least, gains outweigh losses.

        Two exact bounds are multiplied: that of the share of gains among the rows that differ,
        whose sign is McNemar's exact test, and that of how many rows differ. Enumerated for all
        means up to 45 gains and losses, it misses the truth with at most 1.04 alpha.
        """
        leaning = 2.0 * share_at_least(self.gains, self.discordant, alpha) - 1.0
        bound = share_at_least if leaning > 0.0 else share_at_most
        return leaning * bound(self.discordant, self.rows, alpha)

    def p_value(self, margin: float) -> float:
        """The probability of so many gains if they outweigh losses by *margin* and no more."""
        if margin == 0.0:
            return binomial_at_least(self.gains, self.discordant, 0.5)

        def short(score: float) -> float:
            return self.at_least(normal_above(-score)) - margin

        if short(_SURELY) <= 0.0:
            return 1.0
        return normal_above(-root(short, -_SURELY, _SURELY))

    def so_few(self, share: float) -> float:
        """The probability of so few gains, or fewer, if each row is one with chance *share*."""
        return binomial_at_least(self.rows - self.gains, self.rows, 1.0 - share)


def _flips(estimate: Estimate, alpha: float) -> _Flips | None:
    """The pairs of *estimate* for what they are worth to an exact bound."""
    pairs = estimate.pairs
    if pairs is None:
        return None
    each = worth(estimate.rows, estimate.effective_rows, estimate.degrees, alpha)
    return _Flips(each * pairs.rows, each * pairs.gains, each * pairs.losses)


def _spread(estimate: Estimate) -> Spread:
    return Spread(estimate.se, estimate.skew, estimate.degrees)


def _least(estimate: Estimate, alpha: float) -> float:
    """The lower bound of an AUC without a model beside it; infinite for all else."""
    if estimate.ranked is None:
        return inf
    each = min(1.0, estimate.effective_rows / estimate.rows)
    least = least_area(estimate.challenger, estimate.ranked, each, alpha)
    return least - (estimate.reference or 0.0)


def _f1(share: float) -> float:
    """F1 is bent from one share: that of hits among hits and errors together."""
    return 2.0 * share / (1.0 + share)


def _within_range(estimate: Estimate, low: float, high: float) -> tuple[float, float]:
    """No wider than the metric's own range, or than a difference of two values in it."""
    metric = METRICS[estimate.metric]
    least, most = metric.low, metric.high
    if estimate.reference is not None:
        least, most = least - most, most - least
    return max(low, least), min(high, most)
