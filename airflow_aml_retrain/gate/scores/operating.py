"""
From which score each model says yes.

A shared threshold means nothing to models whose scores are on different scales; at a matched
operating point each has its own, at which it alerts as often, or as often wrongly, as the
champion. What is estimated is each model at the threshold that was found, which must go into
service with it; what the model would be at the one that matches among all rows there are is
another question, of which these errors know nothing (`make simulate` holds them to the first).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import BINS, bins, cut, order, reaches
from airflow_aml_retrain.gate.rows import CHAMPION, Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.stretches import stretches

NEVER: Final = np.float32(np.nan)
"""Above all scores."""

_Folded = NDArray[np.float32]


def cuts(rows: Rows, point: OperatingPoint) -> Mapping[str, np.float32]:
    """The folded threshold of each model; without a champion nothing is matched."""
    plain = cut(point.threshold)
    if point.match is None or CHAMPION not in rows.scores:
        return dict.fromkeys(rows.scores, plain)
    counted = ~rows.truth if point.match == "fpr" else np.ones(len(rows), dtype=np.bool_)
    wanted = _reaching(rows.scores[CHAMPION], counted, plain)
    return {
        model: plain if model == CHAMPION else _matched(folded, counted, wanted)
        for model, folded in rows.scores.items()
    }


def _matched(folded: _Folded, counted: NDArray[np.bool_], wanted: int) -> np.float32:
    """The score that as nearly as ties allow *wanted* of the *counted* rows reach."""
    if wanted == 0:
        return NEVER
    here = _nth_highest(folded, counted, wanted)
    above = _next_above(folded, counted, here)
    if above is None:
        return here
    too_many = _reaching(folded, counted, here) - wanted
    too_few = wanted - _reaching(folded, counted, above)
    return above if too_few < too_many else here


def _reaching(folded: _Folded, counted: NDArray[np.bool_], limit: np.float32) -> int:
    return sum(
        int(np.count_nonzero(reaches(folded[at], limit) & counted[at]))
        for at in stretches(len(folded))
    )


def _nth_highest(folded: _Folded, counted: NDArray[np.bool_], wanted: int) -> np.float32:
    """Found in its bin: no more than that is ever sorted."""
    counts = np.zeros(BINS, dtype=np.int64)
    for at in stretches(len(folded)):
        counts += np.bincount(bins(folded[at])[counted[at]], minlength=BINS)
    down = np.cumsum(counts[::-1])
    from_top = int(np.searchsorted(down, wanted))
    number = BINS - 1 - from_top
    inside = np.concatenate(
        [folded[at][(bins(folded[at]) == number) & counted[at]] for at in stretches(len(folded))]
    )
    left = wanted - int(down[from_top] - counts[number])
    ranked = np.argsort(order(inside))
    return np.float32(inside[ranked[-left]])


def _next_above(
    folded: _Folded, counted: NDArray[np.bool_], limit: np.float32
) -> np.float32 | None:
    """The lowest of the *counted* scores above *limit*."""
    edge = order(np.array([limit]))[0]
    lowest: np.float32 | None = None
    for at in stretches(len(folded)):
        higher = folded[at][counted[at] & (order(folded[at]) > edge)]
        if len(higher):
            least = higher[np.argmin(order(higher))]
            if lowest is None or not reaches(np.array([least]), lowest)[0]:
                lowest = least
    return lowest
