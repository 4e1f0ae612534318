"""
The rows of a hold-out in the order of one model's scores.

By bins that order is as fine as folded float bits are; exactly, every score that occurs has a
place of its own. All that AUC needs is the same for both.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import bins, order
from airflow_aml_retrain.gate.grain import Grain
from airflow_aml_retrain.gate.scores.auc import (
    certificate,
    distinct,
    histograms,
    joined,
    table,
    ties,
)

_Integers = NDArray[np.signedinteger]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """
    Rows of either class *counts* (2, most) by place, and their *places* a slice at a time.

    *table* is what a row of each class at each place beats, laid out flat. *certificate* is by how
    much at most `area` is off that of the scores themselves.
    """

    counts: NDArray[np.int64]
    table: _Integers
    places: Callable[[slice], _Integers]
    certificate: float
    is_exact: bool

    @property
    def area(self) -> float:
        """As `auc.area` has it; NaN where a class has no rows."""
        negatives, positives = map(int, self.counts.sum(axis=1))
        if not negatives * positives:
            return nan
        beaten = int(self.counts[1] @ self.table[len(self.table) // 2 :])
        return beaten / (2 * negatives * positives)

    def placed(self, truth: NDArray[np.bool_], at: slice) -> _Integers:
        """What the rows *at*, of which *truth* is that of all, beat."""
        placed: _Integers = self.table[joined(truth[at], self.places(at), len(self.table) // 2)]
        return placed


def binned(folded: NDArray[np.float32], counts: NDArray[np.int64]) -> Ranking:
    """
    By the bins of the *folded* scores, whose *counts* (2, BINS) are known.

    Bins beyond the lowest and the highest score are left out, so that tables stay in the
    processor's cache.
    """
    met = (counts[0] | counts[1]) != 0
    first, end = int(met.argmax()), len(met) - int(met[::-1].argmax())
    counts = counts[:, first:end]
    return Ranking(
        counts,
        table(counts),
        lambda at: bins(folded[at]) - first,
        float(certificate(counts)),
        is_exact=False,
    )


def near(truth: NDArray[np.bool_], folded: NDArray[np.float32]) -> Ranking:
    """By the bins of the *folded* scores, of so few rows that the place of each can be kept."""
    place = bins(folded)
    place -= place.min()
    ranking = _kept(truth, place, int(place.max()) + 1)
    return replace(ranking, certificate=float(certificate(ranking.counts)), is_exact=False)


def exactly(
    truth: NDArray[np.bool_], folded: NDArray[np.float32], grain: Grain | None = None
) -> Ranking:
    """
    By the scores themselves, which takes a sort of all of them.

    Where *grain* does not hold them it is by all that *folded* ones tell apart.
    """
    if grain is None:
        return _kept(truth, *distinct(order(folded)))
    if grain.dtype == np.float64:
        return _kept(truth, *distinct(grain.astype(np.float64, copy=False)))
    place, most = distinct(order(folded))
    ranking = _kept(truth, place, most)
    sure = int(ties(histograms(truth[grain], place[grain], most)))
    return replace(ranking, certificate=float(certificate(ranking.counts, sure)))


def _kept(truth: NDArray[np.bool_], place: _Integers, most: int) -> Ranking:
    counts = histograms(truth, place, most)
    return Ranking(counts, table(counts), lambda at: place[at], 0.0, is_exact=True)
