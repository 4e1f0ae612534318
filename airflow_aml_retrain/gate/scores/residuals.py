"""
The numbers behind the pictures of a regression: what was said by what was true.

Law: a picture shows every row. Where a few lie far out the edges follow the others, and the
outermost boxes hold all that is beyond them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.statistics.moments import to_eight_digits
from airflow_aml_retrain.gate.stretches import stretches

_BOXES: Final = 30
_BARS: Final = 40
_TAIL: Final = 0.001
# Edges are laid by so many rows at most, evenly taken; all are counted between them.
_LOOKED_AT: Final = 1_000_000
_Numbers = NDArray[np.float64]
_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Boxes:
    """*count* boxes of one size from *low* to *high*."""

    low: float
    high: float
    count: int

    @property
    def edges(self) -> list[float]:
        return [float(edge) for edge in np.linspace(self.low, self.high, self.count + 1)]

    def of(self, values: _Numbers) -> NDArray[np.intp]:
        """In which box each of *values* is."""
        place = (values - self.low) * (self.count / (self.high - self.low))
        return np.clip(place, 0, self.count - 1, out=place).astype(np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class _Tally:
    """Rows *counts* (said, true), by error *missed*, and by *tenth* with their *absolute* error."""

    counts: _Counts
    missed: _Counts
    tenth: _Counts
    absolute: _Numbers

    def __add__(self, other: "_Tally") -> "_Tally":
        return _Tally(
            self.counts + other.counts,
            self.missed + other.missed,
            self.tenth + other.tenth,
            self.absolute + other.absolute,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Ruler:
    """
    What every model is measured by.

    *said* are the boxes of what was said and of what was true, *missed* those of the errors (said
    minus true), *tenths* the edges between tenths of the truth.
    """

    said: _Boxes
    missed: _Boxes
    tenths: _Numbers

    def tally(self, true: _Numbers, said: _Numbers) -> _Tally:
        error, tenths = said - true, len(self.tenths) - 1
        tenth = np.searchsorted(self.tenths[1:-1], true, side="right")
        boxes = _BOXES * self.said.of(said) + self.said.of(true)
        return _Tally(
            np.bincount(boxes, minlength=_BOXES * _BOXES).reshape(_BOXES, _BOXES),
            np.bincount(self.missed.of(error), minlength=_BARS),
            np.bincount(tenth, minlength=tenths),
            np.bincount(tenth, weights=np.abs(error), minlength=tenths).astype(np.float64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class RegressionPictures:
    """The numbers of all *models*, by one *ruler*."""

    ruler: _Ruler
    models: Mapping[str, _Tally]
    heavy_tail: Mapping[str, float]

    def to_mapping(self) -> dict[str, object]:
        """
        As the decision record holds it under "curves".

        In "counts" a row of boxes is what was said (y), a column what was true (x), both upwards.
        "heavy_tail" is the share of all squared error that the worst thousandth of the rows makes.
        """
        edges = self.ruler.said.edges
        missed = {model: tally.missed.tolist() for model, tally in self.models.items()}
        return {
            "predicted_actual": {
                model: {"x": edges, "y": edges, "counts": tally.counts.tolist()}
                for model, tally in self.models.items()
            },
            "residuals": {"edges": self.ruler.missed.edges, **missed},
            "deciles": [self._decile(number) for number in range(len(self.ruler.tenths) - 1)],
            "heavy_tail": dict(self.heavy_tail),
        }

    def _decile(self, number: int) -> dict[str, object]:
        low, high = self.ruler.tenths[number : number + 2].tolist()
        rows = max(int(tally.tenth[number]) for tally in self.models.values())
        errors = {
            model: to_eight_digits(float(tally.absolute[number]) / rows) if rows else None
            for model, tally in self.models.items()
        }
        return {"low": low, "high": high, "rows": rows, **errors}


def regression_pictures(rows: Rows) -> RegressionPictures:
    """The numbers of champion (where there is one) and challenger."""
    models = {model: rows.scores[model] for model in (CHAMPION, CHALLENGER) if model in rows.scores}
    ruler = _ruler(rows.truth, list(models.values()))
    return RegressionPictures(
        ruler=ruler,
        models={
            model: reduce(
                add, (ruler.tally(rows.truth[at], said[at]) for at in stretches(len(rows)))
            )
            for model, said in models.items()
        },
        heavy_tail={model: _heavy_tail(said - rows.truth) for model, said in models.items()},
    )


def _ruler(truth: _Numbers, models: Sequence[_Numbers]) -> _Ruler:
    some = slice(None, None, max(1, len(truth) // _LOOKED_AT))
    true, said = truth[some], [model[some] for model in models]
    return _Ruler(
        said=_boxes([true, *said], _BOXES),
        missed=_boxes([each - true for each in said], _BARS),
        tenths=_tenths(true),
    )


def _boxes(samples: Sequence[_Numbers], count: int) -> _Boxes:
    """*count* boxes that hold nearly all of every sample."""
    ends = np.array([np.quantile(sample, (_TAIL, 1 - _TAIL)) for sample in samples])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    return _Boxes(low, high, count) if low < high else _Boxes(low - 0.5, high + 0.5, count)


def _tenths(truth: _Numbers) -> _Numbers:
    """The edges between tenths of *truth*; fewer where one value fills more than a tenth."""
    edges = np.unique(np.quantile(truth, np.linspace(0.0, 1.0, 11)))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _heavy_tail(error: _Numbers) -> float:
    """The share of all squared error that the worst thousandth of the rows makes."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(error, out=error)
        worst = -(-len(squares) // 1000)
        squares.partition(len(squares) - worst)
        total = float(squares.sum())
        return to_eight_digits(float(squares[-worst:].sum()) / total) if total else 0.0
