"""
Eight counts that hold all a threshold metric needs, of two models at once.

Every row is in one cell: 4 * truth + 2 * reference said + challenger said. Accuracy, precision,
recall and F1 of both models are functions of the eight shares, so the error of their difference
follows from the counts (the delta method), paired as the rows are, at any number of rows.

Law: what was not seen is not impossible. One row is added to each of the four cells in which the
models differ before an error is made of them (after Bonett and Price 2012), without which a bound
of F1 over 300 rows misses 57 % where 5 % were promised. A ratio over nothing is 0, as with
scikit-learn's `zero_division=0`, and infinitely uncertain.
"""

from math import inf, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against, Estimate, Pairs
from airflow_aml_retrain.gate.statistics.moments import spread_of_sums, to_eight_digits

CELLS: Final = 8
THRESHOLD_METRICS: Final = ("accuracy", "precision", "recall", "f1")

_Numbers = NDArray[np.float64]
_Counts = NDArray[np.int64]
_Yes = NDArray[np.bool_]

_TRUTH: Final = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=np.float64)
_SAID: Final = np.array([[0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]], dtype=np.float64)
_RIGHT: Final = np.equal(_SAID, _TRUTH).astype(np.float64)
_UNSEEN: Final = np.not_equal(*_SAID).astype(np.float64)
# What a row of each cell adds to the numerator and to the denominator of a metric, by model.
_ABOVE: Final = {
    "accuracy": _RIGHT,
    "precision": _TRUTH * _SAID,
    "recall": _TRUTH * _SAID,
    "f1": 2 * _TRUTH * _SAID,
}
_BELOW: Final = {
    "accuracy": np.ones((2, CELLS)),
    "precision": _SAID,
    "recall": np.stack([_TRUTH, _TRUTH]),
    "f1": _TRUTH + _SAID,
}


def cell(truth: _Yes, reference_said: _Yes, challenger_said: _Yes) -> NDArray[np.uint8]:
    """The cell of each row (n,)."""
    at = truth.view(np.uint8) << np.uint8(2)
    at |= reference_said.view(np.uint8) << np.uint8(1)
    at |= challenger_said.view(np.uint8)
    return at


def counted(truth: _Yes, reference_said: _Yes, challenger_said: _Yes) -> _Counts:
    """The eight counts (8,) of rows (n,)."""
    # Counting yes is quicker than counting cells.
    said = (challenger_said, reference_said, reference_said & challenger_said)
    positive = [_yes(truth), *(_yes(truth & each) for each in said)]
    every = [len(truth), *(_yes(each) for each in said)]
    negative = [rows - of_them for rows, of_them in zip(every, positive, strict=True)]
    return np.array([*_quarters(*negative), *_quarters(*positive)], dtype=np.int64)


def _yes(answers: _Yes) -> int:
    return int(np.count_nonzero(answers))


def _quarters(rows: int, challenger: int, reference: int, both: int) -> tuple[int, int, int, int]:
    return rows - challenger - reference + both, challenger - both, reference - both, both


def beside_constant(cells: _Counts, *, positive: bool) -> _Counts:
    """The cells of the same challenger beside a reference that always says the same."""
    by_answer = cells.reshape(2, 2, 2).sum(axis=1)
    constant = np.zeros((2, 2, 2), dtype=np.int64)
    constant[:, int(positive), :] = by_answer
    return constant.ravel()


def cells_estimate(cells: _Counts, metric: str) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers]:
    """
    *metric* of reference and challenger, its difference, and that difference's standard error.

    *cells* (..., 8) are counts; each answer is (...,). The error is infinite where a ratio is
    over nothing.
    """
    values, below = _values(cells, metric)
    seen = cells + _UNSEEN
    square = np.square(_slopes(seen, metric)) * seen
    error = np.sqrt(square.sum(axis=-1)) / seen.sum(axis=-1)
    error = np.where((below > 0).all(axis=-1), error, inf)
    return values[..., 0], values[..., 1], values[..., 1] - values[..., 0], error


def _values(cells: _Numbers | _Counts, metric: str) -> tuple[_Numbers, _Numbers]:
    """By model (..., 2): the metric, and what it is divided by."""
    above, below = cells @ _ABOVE[metric].T, cells @ _BELOW[metric].T
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0), below


def _slopes(cells: _Numbers, metric: str) -> _Numbers:
    """How far a row of each cell moves the difference (..., 8), times the number of rows."""
    moved = influence(cells, metric)
    return moved[..., 1, :] - moved[..., 0, :]


def influence(cells: _Numbers | _Counts, metric: str) -> _Numbers:
    """How far a row of each cell moves *metric* of either model, (..., 2, 8)."""
    values, below = _values(cells, metric)
    rows = cells.sum(axis=-1)[..., None, None]
    off = _ABOVE[metric] - values[..., None] * _BELOW[metric]
    moved: _Numbers = rows * off / np.where(below > 0, below, inf)[..., None]
    return moved


def threshold_estimate(cells: _Counts, metric: str, against: Against) -> Estimate:
    """
    *metric* by the counts *cells* (8,), of rows that are each on their own.

    Against nobody the reference in *cells* is left out of it.
    """
    if not against:
        return _alone(cells, metric)
    reference, challenger, difference, error = (
        float(each) for each in cells_estimate(cells, metric)
    )
    seen = cells + _UNSEEN
    slopes = _slopes(seen, metric)
    powers = [float(slopes**power @ seen) for power in (2, 3, 4)]
    rows = int(cells.sum())
    return Estimate(
        metric=metric,
        against=against,
        challenger=challenger,
        reference=reference,
        difference=difference,
        se=to_eight_digits(error),
        skew=spread_of_sums(float(seen.sum()), *powers).skew,
        rows=rows,
        effective_rows=rows,
        method="delta method on eight cells",
        pairs=_pairs(cells, metric),
    )


def _pairs(cells: _Counts, metric: str) -> Pairs | None:
    if metric not in {"accuracy", "recall"}:
        return None
    counted = (cells * _BELOW[metric][0]).astype(np.int64)
    gains, losses = (
        int(counted @ (_RIGHT[one] * (1 - _RIGHT[other])).astype(np.int64))
        for one, other in ((1, 0), (0, 1))
    )
    return Pairs(int(counted.sum()), gains, losses)


def _alone(cells: _Counts, metric: str) -> Estimate:
    """Each of them is one share, or bent from one: that of hits among hits and errors (F1)."""
    values, _ = _values(cells, metric)
    hits = int(cells @ _ABOVE[metric][1]) // (2 if metric == "f1" else 1)
    trials = int(cells @ _BELOW[metric][1]) - (hits if metric == "f1" else 0)
    share = (hits + 1) / (trials + 2)
    bent = 2.0 / (1.0 + share) ** 2 if metric == "f1" else 1.0
    error = bent * sqrt(share * (1.0 - share) / (trials + 2)) if trials else inf
    rows = int(cells.sum())
    return Estimate(
        metric=metric,
        against=Against.NOBODY,
        challenger=float(values[1]),
        reference=None,
        difference=float(values[1]),
        se=to_eight_digits(error),
        rows=rows,
        effective_rows=rows,
        method="Clopper-Pearson",
        pairs=Pairs(trials, hits, 0),
    )
