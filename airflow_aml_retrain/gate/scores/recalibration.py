"""
The logistic regression of the truth on the log odds of the scores.

It is found by Newton's method on histograms, some ten thousand bins whatever the number of rows.
Its error is the sandwich estimate, which does not take the regression itself for the truth.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_CLOSEST: Final = 1e-7
"""Scores closer to 0 or 1 than this count as this: one row must not turn the whole line."""
_STEPS: Final = 50
_CLOSE: Final = 1e-10

_Numbers = NDArray[np.float64]
_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Recalibration:
    """*slope* and *intercept*, and the row (2,) of the inverted curvature that is the slope's."""

    slope: float
    intercept: float
    row: _Numbers

    def influence(self, truth: NDArray[np.bool_], scores: _Numbers) -> _Numbers:
        """How far rows of such truth and scores move the slope, times the number of rows."""
        odds = log_odds(scores)
        surprise = truth - _said(self.intercept + self.slope * odds)
        moved: _Numbers = surprise * (self.row[0] + self.row[1] * odds)
        return moved


def recalibrated(scores: _Numbers, counts: _Counts) -> Recalibration | None:
    """
    By *counts* (2, bins) of negative and positive rows, which have *scores* (bins,).

    None where the scores are all the same, or part the classes so well that the slope would have
    no end.
    """
    x = np.stack([np.ones(len(scores)), log_odds(scores)])
    weights = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        bend, pull = _slopes(x, counts, weights)
        if np.linalg.cond(bend) > 1.0 / _CLOSE:
            return None
        step = np.linalg.solve(bend, pull)
        # A step is never so long that it leaves what the last one knew of the curve.
        weights += step / max(1.0, float(np.abs(step).max()))
        if float(np.abs(step).max()) < _CLOSE:
            break
    else:
        return None
    row = np.linalg.inv(bend)[1] * float(counts.sum())
    return Recalibration(float(weights[1]), float(weights[0]), row)


def log_odds(scores: _Numbers) -> _Numbers:
    inside = np.clip(scores, _CLOSEST, 1.0 - _CLOSEST)
    odds: _Numbers = np.log(inside / (1.0 - inside))
    return odds


def _said(odds: _Numbers) -> _Numbers:
    """The logistic function, which overflows nowhere if it is written so."""
    said: _Numbers = 0.5 + 0.5 * np.tanh(0.5 * odds)
    return said


def _slopes(x: _Numbers, counts: _Counts, weights: _Numbers) -> tuple[_Numbers, _Numbers]:
    """How the likelihood bends (2, 2) and pulls (2,) at *weights*."""
    rows, said = counts.sum(axis=0), _said(weights @ x)
    bend: _Numbers = (x * (rows * said * (1.0 - said))) @ x.T
    return bend, x @ (counts[1] - rows * said)
