"""
Whether scores mean what they say: that of rows scored 0.3 three in ten are positive.

Law: nothing here is a bare number where chance could have made it. The expected calibration error
of a perfect model is not 0 (0.02 over 1,000 rows), so it comes with its floor, and what a rule may
lean on is the ratio of observed to expected positives, the slope of a logistic recalibration, and
the error freed of its bias, each with its bound (reference: gate.md section 5.6).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import inf, nan, pi, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import middles, on_grid, unfold
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.scores.recalibration import recalibrated
from airflow_aml_retrain.gate.scores.sums import added, counted_by_bin
from airflow_aml_retrain.gate.statistics.clusters import clustered
from airflow_aml_retrain.gate.statistics.distributions import normal_quantile, wilson
from airflow_aml_retrain.gate.statistics.moments import Leverage, Moments, spread_of_sums
from airflow_aml_retrain.gate.statistics.spread import Spread

_GROUPS: Final = 15
_PICTURED: Final = 20
_Numbers = NDArray[np.float64]
_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of about the same score: what it said, what was so, and that share's (Wilson) bounds."""

    mean_score: float
    observed: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """
    How well a model's scores are calibrated.

    *observed_expected* is the ratio of positives seen to positives promised; *slope* and
    *intercept* are those of a logistic regression on the log odds of the scores (1 and 0 are
    perfect, a slope below 1 is overconfident; NaN where the scores are all the same). *ece* is
    the expected calibration error over 15 groups of equal size and *ece_floor* what a perfect
    model would have on the same scores. *debiased* is the root of the mean square error without
    the part that chance makes, *debiased_low* its lower bound.
    """

    observed_expected: float
    observed_expected_low: float
    observed_expected_high: float
    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    ece: float
    ece_floor: float
    debiased: float
    debiased_low: float
    bins: tuple[Bin, ...]

    def to_mapping(self) -> dict[str, object]:
        """As the decision record holds it."""
        mapping = asdict(self)
        del mapping["debiased_low"]
        return {**mapping, "bins": [asdict(each) for each in self.bins]}


def calibration(
    rows: Rows, model: str, *, alpha: float = 0.025, counts: _Counts | None = None
) -> CalibrationReport:
    """
    Of *model* over *rows*; every bound is missed with probability *alpha*.

    *counts* (2, BINS) are the histograms of its scores, where they are known already.
    """
    if counts is None:
        counts = counted_by_bin(rows, model)
    there = np.flatnonzero(counts.any(axis=0))
    scores, counts = middles()[there], counts[:, there]
    ratio, low, high = _observed_expected(rows, model, alpha)
    slope, slope_low, slope_high, intercept = _slope(rows, model, (scores, counts), alpha)
    groups = _Groups.of(scores, counts, _GROUPS)
    return CalibrationReport(
        observed_expected=ratio,
        observed_expected_low=low,
        observed_expected_high=high,
        slope=slope,
        slope_low=slope_low,
        slope_high=slope_high,
        intercept=intercept,
        ece=groups.error,
        ece_floor=groups.floor,
        debiased=sqrt(max(groups.square, 0.0)),
        debiased_low=sqrt(max(groups.square_low(alpha), 0.0)),
        bins=_Groups.of(scores, counts, _PICTURED).pictured(alpha),
    )


def _observed_expected(rows: Rows, model: str, alpha: float) -> tuple[float, float, float]:
    folded = rows.scores[model]

    def scores(at: slice) -> _Numbers:
        return on_grid(unfold(folded[at]))

    moments = added(len(rows), lambda at: Moments.of(rows.truth[at], scores(at)))
    expected = float(moments.powers[:, 1].sum())
    if not expected:
        return inf, 0.0, inf
    ratio, each = float(moments.powers[1, 0]) / expected, len(rows) / expected
    leverage = Leverage(np.full(2, -ratio * each), np.array([0.0, each]))
    spread = _together(
        rows,
        lambda at: leverage.of(rows.truth[at], scores(at)),
        leverage.spread(moments, np.ones(2)),
    )
    low, high = spread.bounds(ratio, alpha)
    return ratio, max(low, 0.0), high


def _slope(
    rows: Rows, model: str, binned: tuple[_Numbers, _Counts], alpha: float
) -> tuple[float, float, float, float]:
    found = recalibrated(*binned)
    if found is None:
        return nan, -inf, inf, nan
    scores, counts = binned
    moved = found.influence(np.array([[False], [True]]), scores)
    powers = (float((counts * moved**power).sum()) for power in (2, 3, 4))
    truth, folded = rows.truth, rows.scores[model]
    spread = _together(
        rows,
        lambda at: found.influence(truth[at], unfold(folded[at])),
        spread_of_sums(len(rows), *powers),
    )
    return found.slope, *spread.bounds(found.slope, alpha), found.intercept


def _together(rows: Rows, influence: Callable[[slice], _Numbers], alone: Spread) -> Spread:
    if rows.clusters is None:
        return alone
    return clustered(influence, rows.clusters, alone).spread


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Rows in groups of the same size, by score: rows, positives, sums of s and of s (1 - s)."""

    rows: _Numbers
    positives: _Numbers
    scores: _Numbers
    variances: _Numbers

    @classmethod
    def of(cls, scores: _Numbers, counts: _Counts, most: int) -> "_Groups":
        """At most *most*, fewer where one score fills a group; *counts* (2, bins) by *scores*."""
        rows = counts.sum(axis=0)
        before = np.cumsum(rows) - rows / 2
        group = np.minimum((most * before / rows.sum()).astype(np.intp), most - 1)
        sums = [
            np.bincount(group, weights=each, minlength=most).astype(np.float64)
            for each in (rows, counts[1], rows * scores, rows * scores * (1.0 - scores))
        ]
        there = sums[0] > 0
        return cls(*(each[there] for each in sums))

    @property
    def _share(self) -> _Numbers:
        share: _Numbers = self.rows / self.rows.sum()
        return share

    @property
    def _off(self) -> _Numbers:
        off: _Numbers = (self.positives - self.scores) / self.rows
        return off

    @property
    def error(self) -> float:
        return float(self._share @ np.abs(self._off))

    @property
    def floor(self) -> float:
        """What `error` is on average for scores that are true."""
        return float(self._share @ (np.sqrt(2.0 / pi * self.variances) / self.rows))

    @property
    def _chance(self) -> _Numbers:
        """How far the observed share of each group is off by chance, squared; no group is one."""
        observed = self.positives / self.rows
        chance: _Numbers = observed * (1.0 - observed) / np.maximum(self.rows - 1.0, 1.0)
        return chance

    @property
    def square(self) -> float:
        """The mean square error, less what chance adds to it (Broecker 2012, Kumar 2019)."""
        return float(self._share @ (self._off**2 - self._chance))

    def square_low(self, alpha: float) -> float:
        variance = 2.0 * self._chance**2 + 4.0 * self._chance * self._off**2
        half = -normal_quantile(alpha) * sqrt(float(self._share**2 @ variance))
        return self.square - half

    def pictured(self, alpha: float) -> tuple[Bin, ...]:
        return tuple(
            Bin(
                score / rows,
                positives / rows,
                *wilson(positives, rows, alpha),
                int(rows),
            )
            for rows, positives, score in zip(
                self.rows.tolist(), self.positives.tolist(), self.scores.tolist(), strict=True
            )
        )
