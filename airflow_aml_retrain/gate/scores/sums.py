"""
One pass over the rows for everything that binary metrics are made of.

Law: a stretch of rows gives sums, and sums add up. So the rows are taken a little at a time, what
is computed of them stays in the processor's cache, and two threads share the work.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import bins, losses, reaches
from airflow_aml_retrain.gate.rows import CHALLENGER, Rows
from airflow_aml_retrain.gate.scores.auc import histograms
from airflow_aml_retrain.gate.scores.confusion import counted
from airflow_aml_retrain.gate.scores.ranking import Ranking
from airflow_aml_retrain.gate.statistics.moments import Moments

_THREADS: Final = 2
_STRETCH: Final = 1 << 16
# A histogram is long itself, and is not worth making for fewer rows.
_LONG_STRETCH: Final = 1 << 18

_Sum = TypeVar("_Sum")


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """Of reference and challenger: the eight *cells*, differences of *losses* and *places*."""

    cells: NDArray[np.int64]
    losses: Moments
    places: Moments

    def __add__(self, other: "PairSums") -> "PairSums":
        return PairSums(
            self.cells + other.cells, self.losses + other.losses, self.places + other.places
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The challenger's *losses*, the *worst* loss of any model, and *pairs* by reference."""

    losses: Moments
    worst: float
    pairs: Mapping[str, PairSums]

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.losses + other.losses,
            max(self.worst, other.worst),
            {model: pair + other.pairs[model] for model, pair in self.pairs.items()},
        )


def counted_by_bin(rows: Rows, model: str) -> NDArray[np.int64]:
    """The histograms (2, BINS) of the scores of *model*."""
    truth, folded = rows.truth, rows.scores[model]
    return added(len(rows), lambda at: histograms(truth[at], bins(folded[at])), _LONG_STRETCH)


def summed(
    rows: Rows,
    cuts: Mapping[str, np.float32],
    rankings: Mapping[str, Ranking],
    references: tuple[str, ...],
) -> Sums:
    """Over all *rows*, of the challenger and of it beside each of *references*."""

    def of(at: slice) -> Sums:
        truth = rows.truth[at]
        models = {model: folded[at] for model, folded in rows.scores.items()}
        lost = {model: losses(truth, folded) for model, folded in models.items()}
        said = {model: reaches(folded, cuts[model]) for model, folded in models.items()}
        placed = {model: ranking.placed(rows.truth, at) for model, ranking in rankings.items()}
        pairs = {
            model: PairSums(
                counted(truth, said[model], said[CHALLENGER]),
                Moments.of(truth, lost[CHALLENGER] - lost[model]),
                Moments.of(truth, (placed[CHALLENGER] - placed[model]).astype(np.float64)),
            )
            for model in references
        }
        worst = max(float(each.max()) for each in lost.values())
        return Sums(Moments.of(truth, lost[CHALLENGER]), worst, pairs)

    return added(len(rows), of)


def place_differences(truth: NDArray[np.bool_], challenger: Ranking, reference: Ranking) -> Moments:
    """Of how many more rows the challenger lets each row beat."""

    def of(at: slice) -> Moments:
        more = challenger.placed(truth, at) - reference.placed(truth, at)
        return Moments.of(truth[at], more.astype(np.float64))

    return added(len(truth), of)


def added(rows: int, of: Callable[[slice], _Sum], length: int = _STRETCH) -> _Sum:
    """The sum over stretches of *length*, in their order."""
    stretches = [slice(start, start + length) for start in range(0, rows, length)]
    if len(stretches) == 1:
        return of(stretches[0])
    with ThreadPoolExecutor(_THREADS) as threads:
        return reduce(add, threads.map(of, stretches))
