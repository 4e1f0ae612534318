"""
How a value is spread around the truth, and what bounds follow from that.

A sum of lopsided numbers is lopsided itself for longer than one thinks: of 300 log losses the
plain bound misses 8 % on the one side and 3 % on the other, where 5 % were promised. Hall's
transformation (Hall 1992, Annals of Statistics 20:221) takes the skew out before a quantile is
looked up; what few rows bear is Student's t.
"""

from dataclasses import dataclass
from math import cbrt
from typing import Final

from airflow_aml_retrain.gate.statistics.distributions import (
    normal_above,
    normal_quantile,
    t_above,
    t_quantile,
)

FEW: Final = 25
"""Below so many rows that differ between two models, nothing is taken to be nearly normal."""

_SYMMETRIC: Final = 1e-6
_FARTHEST: Final = 1e100
"""In standard errors; what is further off is as unlikely, and its cube no number."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard error, skew, and degrees of freedom (None: plenty) of a value."""

    se: float
    skew: float = 0.0
    degrees: int | None = None

    def bounds(self, value: float, alpha: float) -> tuple[float, float]:
        """Between which the truth behind *value* lies; either side is missed with *alpha*."""
        # From its own end: a hold-out of many uses spends less than 1 - alpha can tell from 1.
        score = -self._quantile(alpha)
        return value - self.se * self._bent(score), value - self.se * self._bent(-score)

    def above(self, distance: float) -> float:
        """The probability of a value that lies *distance* or more above the truth."""
        if self.se == 0.0:
            return float(distance <= 0.0)
        score = self._straightened(max(-_FARTHEST, min(distance / self.se, _FARTHEST)))
        return normal_above(score) if self.degrees is None else t_above(score, self.degrees)

    @property
    def mirrored(self) -> "Spread":
        """That of the value's negative."""
        return Spread(self.se, -self.skew, self.degrees)

    def _quantile(self, probability: float) -> float:
        if self.degrees is None:
            return normal_quantile(probability)
        return t_quantile(probability, self.degrees)

    def _straightened(self, score: float) -> float:
        """Hall's cubic, which rises everywhere."""
        skew = self.skew
        return score + skew / 3 * score**2 + skew**2 / 27 * score**3 + skew / 6

    def _bent(self, score: float) -> float:
        """What `_straightened` makes *score*."""
        if abs(self.skew) < _SYMMETRIC:
            return score
        return 3 / self.skew * (cbrt(1.0 + self.skew * (score - self.skew / 6)) - 1.0)


def worth(rows: int, effective_rows: float, degrees: int | None, alpha: float) -> float:
    """
    What one of *rows* counts where an exact bound is made of those that go together.

    After Korn and Graubard (1998), who also count that the worth is known from a few clusters
    only.
    """
    each = min(1.0, effective_rows / rows)
    if degrees is None:
        return each
    return each * (normal_quantile(alpha) / t_quantile(alpha, degrees)) ** 2
