"""
From one number a row to the spread of what is made of these numbers.

All that a binary metric needs of a row's number x (its loss, its placement value) is summed by
class: the powers of x up to the fourth. How far a row moves the metric is linear in x, with a
slope and a height of its class's own, so that standard error, skew and degrees of freedom follow
from the sums. Sums over parts of the rows add up to those over all.
"""

from dataclasses import dataclass
from math import comb, inf, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.statistics.spread import FEW, Spread

_PLENTY: Final = 10_000
_ROUNDING: Final = 1e-12
"""What is left of a sum of squares once a mean is taken off, if it is rounding alone."""

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums of powers 0 to 4 of a number per row, (2, 5): by class; *moved* numbers are not 0."""

    powers: _Numbers
    moved: int

    @classmethod
    def of(cls, truth: NDArray[np.bool_], numbers: _Numbers) -> "Moments":
        both, positive = _powers(numbers), _powers(np.compress(truth, numbers))
        return cls(np.stack([both - positive, positive]), int(np.count_nonzero(numbers != 0.0)))

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.powers + other.powers, self.moved + other.moved)

    @property
    def mean(self) -> float:
        rows, total = self.powers.sum(axis=0)[:2].tolist()
        return float(total / rows)


@dataclass(frozen=True, slots=True, eq=False)
class Leverage:
    """How far a row moves a metric: *slope* (2,) of its class times its number, plus *height*."""

    slope: _Numbers
    height: _Numbers

    def of(self, truth: NDArray[np.bool_], numbers: _Numbers) -> _Numbers:
        at = truth.view(np.uint8)
        moved: _Numbers = self.slope[at] * numbers + self.height[at]
        return moved

    def spread(self, moments: Moments, reach: _Numbers) -> Spread:
        """
        Of the metric, by the *moments* of the rows' numbers; infinite where a slope is.

        Where few numbers are not 0, or all are the same, two rows are added, one either way, as
        far off as *reach* (2,) says that a row of each class can be: that nothing was seen is no
        proof that nothing is there. Of numbers that never differ the bounds are then about those
        of what was seen 0 times (3 / n for alpha 0.05).
        """
        if not np.isfinite(self.slope).all():
            return Spread(inf)
        rows = float(moments.powers[:, 0].sum())
        second, third, fourth = (self._power_sum(moments.powers, power) for power in (2, 3, 4))
        nothing = second < _ROUNDING * float(self.slope**2 @ moments.powers[:, 2])
        if nothing or moments.moved < FEW:
            unseen = np.square(self.slope * reach)
            second = 2.0 * float(unseen.sum()) + (0.0 if nothing else second)
            fourth = 2.0 * float(unseen @ unseen) + (0.0 if nothing else fourth)
        return spread_of_sums(rows, second, 0.0 if nothing else third, fourth)

    def _power_sum(self, powers: _Numbers, power: int) -> float:
        """The sum of a power of slope times number plus height, multiplied out."""
        terms = (
            comb(power, of) * (self.slope**of * self.height ** (power - of) @ powers[:, of])
            for of in range(power + 1)
        )
        return float(sum(terms))


def spread_of_sums(rows: float, second: float, third: float, fourth: float) -> Spread:
    """That of a mean over *rows* numbers around 0, by the sums of their powers."""
    if second <= 0.0:
        return Spread(0.0)
    excess = rows * fourth - second * second
    degrees = 2.0 * rows * second * second / excess if excess > 0.0 else inf
    return Spread(
        to_eight_digits(sqrt(second) / rows),
        to_eight_digits(third / second**1.5),
        max(1, int(degrees)) if degrees < _PLENTY else None,
    )


def to_eight_digits(error: float) -> float:
    """
    An *error* has hardly three digits that mean anything, and none beyond these.

    The last binary ones would tell in which order the rows were added up.
    """
    return float(f"{error:.8g}")


def _powers(numbers: _Numbers) -> _Numbers:
    square = numbers * numbers
    # Not `@`: that may call a library with threads of its own, which get in each other's way.
    sums = [np.einsum("i,i", square, each) for each in (numbers, square)]
    return np.array([len(numbers), numbers.sum(), square.sum(), *sums], dtype=np.float64)
