"""
AUC of many classes: each class against all others, and the mean of these.

Every class is a binary case of its own, by bins (or by the scores themselves, where it must be
exact). What a row moves each of them by is added up, so that the error of the mean knows how
they hang together. A class that does not occur, or is all there is, has no AUC and is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import BINS, bins
from airflow_aml_retrain.gate.grain import Grain
from airflow_aml_retrain.gate.scores.auc import histograms
from airflow_aml_retrain.gate.scores.ranking import Ranking, binned, exactly
from airflow_aml_retrain.gate.statistics.influence import Influence
from airflow_aml_retrain.gate.statistics.spread import FEW


@dataclass(frozen=True, slots=True)
class MacroAuc:
    """The mean over classes, and by how much at most binning has moved it."""

    value: float
    certified: float


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The *scores* of one model (n, K), folded, and the *grain* that folding took from them."""

    scores: NDArray[np.float32]
    grain: Grain | None = None

    def ranked(self, member: NDArray[np.bool_], number: int, *, exact: bool) -> Ranking:
        """The rows by how likely they are of class *number*, of which some are a *member*."""
        column = np.ascontiguousarray(self.scores[:, number])
        # Fewer scores than bins are sooner sorted than counted by bin.
        if exact or len(column) <= BINS:
            return exactly(member, column, None if self.grain is None else self.grain[:, number])
        return binned(column, histograms(member, bins(column)))


def macro_auc(truth: NDArray[np.int16], columns: Columns, *, exact: bool = False) -> MacroAuc:
    """*truth* (n,) are numbers of *columns*; NaN if only one class occurs."""
    rankings = (ranking for _, ranking in _cases(truth, columns, exact=exact))
    found = [(ranking.area, ranking.certificate) for ranking in rankings]
    return MacroAuc(*np.mean(found, axis=0).tolist()) if found else MacroAuc(nan, 0.0)


def influence(
    truth: NDArray[np.int16], models: Sequence[Columns], *, exact: bool = False
) -> Influence:
    """How far every row moves the mean of the first of *models*, less that of the second."""
    moved, count, rarest = np.zeros(len(truth)), 0, len(truth)
    unseen: list[float] = []
    for cases in zip(*(_cases(truth, columns, exact=exact) for columns in models), strict=True):
        member = cases[0][0]
        own, *others = (_placed(*case) for case in cases)
        more = own - sum(others)
        moved += more
        unseen += _unseen(member, more)
        count += 1
        rarest = min(rarest, int(cases[0][1].counts.sum(axis=1).min()))
    if not count:
        return Influence(lambda at: moved[at], nan)
    moved /= count
    reach = len(truth) / rarest / count
    return Influence(lambda at: moved[at], reach, np.array(unseen) / count)


def _unseen(member: NDArray[np.bool_], more: NDArray[np.float64]) -> Iterator[float]:
    """
    How far a row moves one AUC at most, of each side of which hardly a row was seen to move it.

    One that differs from the usual row of its side is seen; a side of one row never shows one.
    """
    for side in (member, ~member):
        some = more[side]
        if np.count_nonzero(some != np.median(some)) < FEW:
            yield len(more) / len(some)


def _placed(member: NDArray[np.bool_], ranking: Ranking) -> NDArray[np.float64]:
    """How far each row moves one AUC: by its placement value, less the mean of its class."""
    own = ranking.counts.sum(axis=1)
    # As DeLong has it, the mean of either class costs its spread one degree of freedom.
    slope = len(member) / np.sqrt(own * np.maximum(own - 1, 1))
    share = ranking.placed(member, slice(None)) / (2.0 * own[::-1])[member.view(np.uint8)]
    moved: NDArray[np.float64] = (share - ranking.area) * slope[member.view(np.uint8)]
    return moved


def _cases(
    truth: NDArray[np.int16], columns: Columns, *, exact: bool
) -> Iterator[tuple[NDArray[np.bool_], Ranking]]:
    for number in np.unique(truth).tolist():
        member = truth == number
        if member.all():
            return
        yield member, columns.ranked(member, number, exact=exact)
