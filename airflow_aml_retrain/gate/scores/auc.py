"""
The area under the ROC curve from histograms of the two classes, with DeLong's error.

A row's placement value is the share of the other class that it beats, ties counting half. From
the classes' histograms it is a table by bin, and DeLong's variance is that of the placement values:
two look-ups a row, no sorting (reference: gate.md section 4.3). It is kept as a whole number (twice
the rows beaten, and once the ties), so that what is added up does not depend on the rows' order.
"""

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import BINS
from airflow_aml_retrain.gate.statistics.moments import Leverage, Moments

_Counts = NDArray[np.int64]
_Numbers = NDArray[np.float64]


def histograms(
    truth: NDArray[np.bool_], bins: NDArray[np.signedinteger], most: int = BINS
) -> _Counts:
    """How many negative (0) and positive (1) rows each of *most* bins holds: (2, most)."""
    return np.bincount(joined(truth, bins, most), minlength=2 * most).reshape(2, most)


def joined(
    truth: NDArray[np.bool_], bins: NDArray[np.signedinteger], most: int = BINS
) -> NDArray[np.intp]:
    """Where the bin of each row is in histograms, or a table, laid out flat."""
    place = truth.astype(np.int32)
    place *= most
    place += bins
    return place.astype(np.intp)


def distinct(
    rank: NDArray[np.uint32] | NDArray[np.float64],
) -> tuple[NDArray[np.signedinteger], int]:
    """A bin of its own for every *rank* that occurs, in their order, and how many these are."""
    by_rank = np.argsort(rank)
    rank = rank[by_rank]
    place = np.empty(len(rank), dtype=np.int32)
    place[by_rank] = np.cumsum(np.diff(rank, prepend=rank[:1]) != 0, dtype=np.int32)
    return place, int(place[by_rank[-1]]) + 1


def placements(counts: _Counts) -> _Counts:
    """
    Twice how many of the other class a row of each bin beats, ties counting once.

    *counts* (..., 2, bins) are of negative and positive rows, and so is the answer: a positive
    row (1) beats the negative ones below it, a negative row (0) the positive ones above it.
    """
    negative, positive = counts[..., 0, :], counts[..., 1, :]
    below = 2 * np.cumsum(negative, axis=-1) - negative
    above = 2 * (positive.sum(axis=-1, keepdims=True) - np.cumsum(positive, axis=-1)) + positive
    return np.stack([above, below], axis=-2)


def area(counts: _Counts) -> _Numbers:
    """The AUC of histograms (..., 2, bins); NaN where a class has no rows."""
    beaten = (counts[..., 1, :] * placements(counts)[..., 1, :]).sum(axis=-1)
    return _share_of_pairs(beaten, counts)


def ties(counts: _Counts) -> _Counts:
    """How many pairs of a negative and a positive row share a bin."""
    pairs: _Counts = (counts[..., 0, :] * counts[..., 1, :]).sum(axis=-1)
    return pairs


def certificate(counts: _Counts, sure: int = 0) -> _Numbers:
    """
    By how much at most `area` is off that of the scores themselves: half of all ties.

    Of these as many are left out as are *sure*, because the scores themselves tie.
    """
    return _share_of_pairs(ties(counts) - sure, counts)


def _share_of_pairs(halves: _Counts, counts: _Counts) -> _Numbers:
    pairs = 2.0 * counts.sum(axis=-1).astype(np.float64).prod(axis=-1)
    shares: _Numbers = np.full(np.shape(pairs), np.nan)
    np.divide(halves, pairs, out=shares, where=pairs > 0)
    return shares


def table(counts: _Counts) -> NDArray[np.signedinteger]:
    """The `placements` of *counts* (2, bins), laid out flat, in four bytes each if that will do."""
    wide = placements(counts).ravel()
    return wide.astype(np.int32) if counts.sum() < np.iinfo(np.int32).max // 2 else wide


def placement_moments(counts: _Counts) -> Moments:
    """
    Of the placement values of all rows, less the mean of their class.

    They are moved where they are not the one that most rows of the class have.
    """
    powers, usual = np.zeros((2, 5)), 0
    for number, (of_class, placed) in enumerate(zip(counts, placements(counts), strict=True)):
        # Many bins share a placement value, where the other class has no rows between them.
        starts = np.flatnonzero(np.diff(placed, prepend=placed[0] - 1))
        rows = np.add.reduceat(of_class, starts)
        value = placed[starts] - float(rows @ placed[starts]) / max(int(rows.sum()), 1)
        powers[number] = [float(rows @ value**power) for power in range(5)]
        usual += int(rows.max())
    return Moments(powers, int(counts.sum()) - usual)


def leverage(counts: _Counts, difference: float) -> Leverage:
    """
    How far each row moves an AUC, or a *difference* of two, by its (difference of) `placements`.

    Divided as DeLong does, by one row less than the class has; a class of one row tells no error.
    """
    rows = counts.sum(axis=-1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = rows.sum() / (2.0 * rows.prod()) * np.sqrt(rows / (rows - 1.0))
        return Leverage(slope, -slope * reach(counts) * difference)


def reach(counts: _Counts) -> _Numbers:
    """The most that the placement of one row can be, by class (2,): all of the other class."""
    most: _Numbers = 2.0 * counts.sum(axis=-1)[::-1]
    return most
