"""
Errors where rows go together: many of one customer, or of one day.

What rows of one cluster move a metric by is added up first, and the spread of these sums is the
metric's error (reference: gate.md section 5.8). It is known from clusters less one at most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.statistics.moments import spread_of_sums, to_eight_digits
from airflow_aml_retrain.gate.statistics.spread import FEW, Spread
from airflow_aml_retrain.gate.stretches import stretches

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clustered:
    """A *spread*, and how many independent rows those that go together are worth."""

    spread: Spread
    effective_rows: float


def clustered(
    influence: Callable[[slice], _Numbers], clusters: NDArray[np.int32], independent: Spread
) -> Clustered:
    """
    What *independent*, the spread were each row on its own, is with *clusters* (n,), 0 .. C-1.

    *influence* are the rows' own numbers, which add up to 0. Where all of them are 0 nothing tells
    how far rows go together; a cluster is then worth one row.
    """
    rows, count = len(clusters), int(clusters.max()) + 1
    sums, squares = np.zeros(count), 0.0
    for at in stretches(rows):
        numbers = influence(at)
        squares += float(np.square(numbers).sum())
        np.add.at(sums, clusters[at], numbers)
    if count < 2:
        return Clustered(Spread(inf, degrees=1), 1.0)
    together = float(np.square(sums).sum()) * count / (count - 1)
    design = together / squares if squares else rows / count
    if np.count_nonzero(sums) < FEW:
        # In so few clusters a gain and a loss may cancel out by chance alone.
        design = max(design, 1.0)
    spread = _spread(sums, independent, independent.se * sqrt(design), sqrt(together) / rows)
    return Clustered(spread, min(rows, to_eight_digits(rows / design)))


def _spread(sums: _Numbers, independent: Spread, error: float, seen: float) -> Spread:
    """
    By the *sums* of clusters, the error that they show (*seen*), and the *error* that is believed.

    It is greater where *independent* counts rows that were not seen; these widen both sides
    alike, so that less is left of the skew.
    """
    square = np.square(sums)
    own = spread_of_sums(len(sums), *(float(square @ sums**power) for power in (0, 1, 2)))
    known = [each for each in (own.degrees, independent.degrees) if each is not None]
    skew = own.skew * _unbiased(len(sums)) * (seen / error) ** 3 if error else 0.0
    return Spread(to_eight_digits(error), to_eight_digits(skew), min([len(sums) - 1, *known]))


def _unbiased(count: int) -> float:
    """By what the skew of *count* numbers is usually smaller than that of what they are of."""
    return sqrt(count * (count - 1)) / (count - 2) if count > 2 else 1.0
