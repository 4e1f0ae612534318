"""
What folding takes from scores, as far as AUC must know it.

Four bytes cannot tell all scores apart: below 1e-45, or less than 6e-8 from a neighbour, they are
one. AUC is about their order, so a million scores are kept as they came. Of more it is only noted
which were those that occur again and again, as rounded scores and those of trees do: two rows with
one folded score that are both noted had the same one.

Law: what is not noted may have been anything. Rows that fold to one score and are not both noted
are never taken for ties; whoever counts them says how far off they may put him.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import fold
from airflow_aml_retrain.gate.growing import Growing

KEPT: Final = 1 << 20
"""So many scores are kept as they came."""

_SLOTS: Final = 18
# Of so many; what is rarer puts an AUC off by no more than 6e-6.
_OFTEN: Final = 3
_LEARNT: Final = 1 << 18
_PIECE: Final = 1 << 14
_SAMPLED: Final = 1 << 13
# Spreads bit patterns over the slots (Knuth's multiplicative hash).
_SPREAD: Final = np.uint32(2654435769)

TOO_ALIKE: Final = (
    "scores lie so near each other that 24 bits do not tell them apart, and the outcome hangs on "
    "their order; hand in scores that are rounded to 7 decimal places, or drawn apart (such as "
    "1 / (1 + exp(-x / 10)) for log-odds x), or a hold-out of at most a million rows"
)
"""Why an AUC that is off by its certificate, exact as it can be, decides nothing."""

Grain = NDArray[np.float64] | NDArray[np.bool_]
"""Of each row its score as it came, or whether it is one of those that were noted."""


class GrainTaker:
    """Takes the scores of one model, plain or *width* of them a row, with what they fold to."""

    def __init__(self, width: int | None = None) -> None:
        self._width = width
        self._size = 0
        self._rows = 0
        self._whole: Growing[np.float64] | None = Growing(np.float64, width)
        self._noted: Growing[np.bool_] | None = None
        self._frequent = _Frequent()

    def append(self, scores: NDArray[np.float64], folded: NDArray[np.float32]) -> None:
        if self._whole is not None:
            self._size += scores.size
            if self._size <= KEPT:
                self._whole.append(scores)
                return
            kept, self._whole = self._whole.so_far, None
            # A little at a time: what is laid out here at once would never be given back.
            self._frequent.learn(kept[:: max(1, kept.size // _LEARNT)])
            for start in range(0, len(kept), _PIECE):
                some = kept[start : start + _PIECE]
                self._note(some, fold(some))
        self._note(scores, folded)

    def finished(self) -> Grain:
        """What is known of all rows; nothing may be appended any more."""
        if self._whole is not None:
            return self._whole.finished()
        if self._noted is not None:
            return self._noted.finished()
        return np.broadcast_to(np.False_, (self._rows, *self._more))

    @property
    def _more(self) -> tuple[int, ...]:
        return () if self._width is None else (self._width,)

    def _note(self, scores: NDArray[np.float64], folded: NDArray[np.float32]) -> None:
        noted = self._frequent.among(scores, folded)
        if np.count_nonzero(noted) < noted.size // 2:
            # Rows may be sorted, and what was frequent before is gone.
            step = max(1, scores.size // _SAMPLED)
            self._frequent.learn(scores.ravel()[::step][~noted.ravel()[::step]])
            noted |= self._frequent.among(scores, folded)
        if self._noted is None and noted.any():
            self._noted = Growing(np.bool_, self._width)
            self._noted.append(np.zeros((self._rows, *self._more), np.bool_))
        self._rows += len(scores)
        if self._noted is not None:
            self._noted.append(noted)


class _Frequent:
    """Of each folded score one score that occurs often; a table by hash, the first come stays."""

    def __init__(self) -> None:
        self._table: NDArray[np.float64] | None = None

    def learn(self, scores: NDArray[np.float64]) -> None:
        ordered = np.sort(scores, axis=None)
        # Most models give no score often, and to see that is quicker than to count.
        if not (ordered[_OFTEN - 1 :] == ordered[: 1 - _OFTEN]).any():
            return
        values, counts = np.unique(ordered, return_counts=True)
        often = counts >= _OFTEN
        if self._table is None:
            self._table = np.full(1 << _SLOTS, np.nan)
        values = values[often][np.argsort(counts[often], kind="stable")]
        slots = _slots(fold(values))
        free = np.isnan(self._table[slots])
        # Of several for one slot the last, which is the most frequent, stays.
        self._table[slots[free]] = values[free]

    def among(self, scores: NDArray[np.float64], folded: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of *scores* are those in the table."""
        if self._table is None:
            return np.zeros(scores.shape, np.bool_)
        noted: NDArray[np.bool_] = self._table[_slots(folded)] == scores
        return noted


def _slots(folded: NDArray[np.float32]) -> NDArray[np.uint32]:
    return (folded.view(np.uint32) * _SPREAD) >> np.uint32(32 - _SLOTS)
