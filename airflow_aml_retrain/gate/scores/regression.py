"""
Metrics of regression, alone and compared, each with its error.

RAE and RSE are relative to always predicting the mean of the truth; R squared is 1 - RSE. That
mean, and the spread around it, are known from the same rows only: every ratio's influence numbers
count its denominator too, and who knows no more than the mean (the prior) is in doubt himself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.rows import CHALLENGER, Rows
from airflow_aml_retrain.gate.scores.means import estimated
from airflow_aml_retrain.gate.statistics.influence import Influence, Numbers
from airflow_aml_retrain.gate.statistics.steady import steady_mean
from airflow_aml_retrain.gate.stretches import stretches

_RELATIVE: Final = ("rae", "rse", "r2")
# Between these the fourth powers, of which the error of an error is made, are numbers.
_LARGEST: Final = 1e70
_SMALLEST: Final = 1e-70
_RESCALE: Final = "; give label and scores in another unit, and the policy's margins with them"
_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Off:
    """How far rows are *off*: in the mean, squared, by sign, and at *worst*."""

    off: Numbers
    absolute: float
    square: float
    sign: float
    worst: float


class RegressionScores:
    """All metrics of every model in *rows*: sums are made at once, errors when asked for."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.thresholds: Mapping[str, float] = {}
        truth, count = rows.truth, len(rows)
        _require_scale(rows)
        with np.errstate(over="ignore", invalid="ignore"):
            farthest = _worst(lambda at: truth[at], count)
            center = steady_mean(lambda at: truth[at], count, farthest)
            self._errors = {
                model: _measured(_error(said, truth), count) for model, said in rows.scores.items()
            }
            # Around the mean of the truth: what the model that always says it is off, too.
            self._around = _measured(lambda at: truth[at] - center, count)

    def values(self, model: str) -> Mapping[str, float]:
        """Every metric by name; the relative ones are NaN where the truth is constant."""
        errors, around = self._errors[model], self._around
        rse = errors.square / around.square if around.square else nan
        return {
            "mae": errors.absolute,
            "rmse": sqrt(errors.square),
            "rae": errors.absolute / around.absolute if around.square else nan,
            "rse": rse,
            "r2": 1.0 - rse,
        }

    def estimate(self, metric: str, against: Against, *, exact: bool = False) -> Estimate:
        """*metric* of the challenger; nothing is binned here, so that all of it is exact."""
        values, moved = [self.values(CHALLENGER)[metric]], len(self.rows)
        influence = self._influence(metric, CHALLENGER)
        match against:
            case Against.NOBODY:
                pass
            case Against.PRIOR:
                values.append(self._of_the_mean()[metric])
                influence -= self._influence_of_the_mean(metric)
            case _:
                values.append(self.values(against)[metric])
                influence -= self._influence(metric, against)
                moved = self._moved(against)
        with np.errstate(over="ignore", invalid="ignore"):
            return estimated(metric, against, values, influence, self.rows, moved=moved)

    def _moved(self, model: str) -> int:
        """How many rows the challenger says something else of."""
        old, new = self.rows.scores[model], self.rows.scores[CHALLENGER]
        return sum(int(np.count_nonzero(new[at] != old[at])) for at in stretches(len(new)))

    def _of_the_mean(self) -> dict[str, float]:
        return {"mae": self._around.absolute, "rmse": sqrt(self._around.square), "r2": 0.0}

    def _influence(self, metric: str, model: str) -> Influence:
        errors = self._errors[model]
        if metric not in _RELATIVE:
            return _of_error(metric, errors)
        return _of_ratio(metric, self.values(model)[metric], errors, self._around)

    def _influence_of_the_mean(self, metric: str) -> Influence:
        """Of who always says the mean of the truth, which every row moves too."""
        around = self._around
        if metric == "r2":
            return Influence(lambda at: np.zeros_like(around.off(at)), 0.0)
        moved = _of_error(metric, around)
        slope = around.sign if metric == "mae" else 0.0
        return Influence(lambda at: moved.numbers(at) - slope * around.off(at), moved.reach)


def _require_scale(rows: Rows) -> None:
    """`GateError` where squares of these numbers, or of the errors, could not be added up."""
    columns = {"label": rows.truth, **{f"{who}'s score": s for who, s in rows.scores.items()}}
    for what, numbers in columns.items():
        farthest = max(float(np.abs(numbers[at]).max()) for at in stretches(len(numbers)))
        if farthest > _LARGEST:
            msg = f"the {what} goes up to {farthest:.3g}, too large to be squared{_RESCALE}"
            raise GateError(msg)
    for who, said in rows.scores.items():
        worst = _worst(_error(said, rows.truth), len(rows))
        if 0.0 < worst < _SMALLEST:
            msg = f"the {who} is off by {worst:.3g} at most, too little to be squared{_RESCALE}"
            raise GateError(msg)


def _error(said: _Numbers, truth: _Numbers) -> Numbers:
    return lambda at: said[at] - truth[at]


def _of_error(metric: str, errors: _Off) -> Influence:
    if metric == "mae":
        return Influence(lambda at: np.abs(errors.off(at)) - errors.absolute, errors.worst)
    # A model that is never wrong has no error of its error either.
    slope = 0.5 / (sqrt(errors.square) or 1.0)
    return Influence(
        lambda at: slope * (np.square(errors.off(at)) - errors.square),
        slope * errors.worst * errors.worst,
    )


def _of_ratio(metric: str, value: float, errors: _Off, around: _Off) -> Influence:
    """Through what is divided, and through what it is divided by."""
    if not around.square:
        return Influence(errors.off, nan)
    if metric == "rae":

        def below(at: slice) -> _Numbers:
            off = around.off(at)
            return np.abs(off) - around.sign * off

        return Influence(
            lambda at: (np.abs(errors.off(at)) - value * below(at)) / around.absolute,
            errors.worst / around.absolute,
        )
    share, slope = (value, 1.0) if metric == "rse" else (1.0 - value, -1.0)
    slope /= around.square
    return Influence(
        lambda at: slope * (np.square(errors.off(at)) - share * np.square(around.off(at))),
        errors.worst * errors.worst / around.square,
    )


def _measured(off: Numbers, rows: int) -> _Off:
    worst = _worst(off, rows)
    return _Off(
        off=off,
        absolute=steady_mean(lambda at: np.abs(off(at)), rows, worst),
        square=steady_mean(lambda at: np.square(off(at)), rows, worst * worst),
        sign=steady_mean(lambda at: np.sign(off(at)), rows, 1.0),
        worst=worst,
    )


def _worst(off: Numbers, rows: int) -> float:
    return max(float(np.abs(off(at)).max()) for at in stretches(rows))
