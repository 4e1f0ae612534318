"""
How often the bounds of a calibration hold the truth.

Reference 5.6: what a rule may lean on is the ratio of observed to expected positives, and the
slope of a logistic recalibration. The population's own are by scikit-learn.
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.random import Generator
from sklearn.linear_model import LogisticRegression

from airflow_aml_retrain.gate.folded import unfold
from airflow_aml_retrain.gate.rows import CHALLENGER, Rows
from airflow_aml_retrain.gate.scores.calibration import calibration
from tests.simulations.coverage import SIZES, Numbers, Source, covered, each_side
from tests.simulations.populations import clustered, scored
from tests.simulations.tables import Cell, Table
from tests.simulations.worlds import SEED, over_worlds

CLUSTER: Final = 20
HOLDOUTS: Final[Mapping[str, tuple[Source, int]]] = {
    **{f"n = {rows:,}": (scored, rows) for rows in SIZES},
    f"250 x {CLUSTER}": (partial(clustered, CLUSTER), 250 * CLUSTER),
}
WHAT: Final = ("observed / expected", "slope")


def table(worlds: int) -> Table:
    found = {name: worlds_of(source, rows, worlds) for name, (source, rows) in HOLDOUTS.items()}
    rows = []
    for at, what in enumerate(WHAT):
        cells: list[Cell] = []
        for name, (source, size) in HOLDOUTS.items():
            numbers = found[name][at]
            truth = true_calibration(source)[at]
            cells += [covered(numbers, truth, size), *each_side(numbers, truth)]
        rows.append((what, cells))
    return Table(
        title="(a) Coverage of 95 % intervals: calibration of the challenger",
        how=f"{worlds:,} worlds, seed {SEED}; the last are clusters of likeness 0.5",
        promise="coverage 0.935 to 0.965 from 1,000 rows on (at least 0.92 before), each side "
        "missed by at most 0.065, all give or take one Monte-Carlo error",
        columns=[column for name in HOLDOUTS for column in (name, "low 5 %", "high 5 %")],
        rows=rows,
    )


def worlds_of(source: Source, rows: int, worlds: int) -> Numbers:
    """(what, 6, worlds)."""
    one = partial(seen, source=source, rows=rows)
    return np.array(over_worlds(one, worlds)).transpose(1, 2, 0)


def seen(random: Generator, source: Source, rows: int) -> list[list[float]]:
    """Of ratio and slope: two blanks, bounds at 2.5 % and at 5 % a side, as of an estimate."""
    drawn = source().holdout(random, rows)
    usual, wide = (calibration(drawn, CHALLENGER, alpha=alpha) for alpha in (0.025, 0.05))
    ratios = [(each.observed_expected_low, each.observed_expected_high) for each in (usual, wide)]
    slopes = [(each.slope_low, each.slope_high) for each in (usual, wide)]
    return [[0.0, 0.0, *pairs[0], *pairs[1]] for pairs in (ratios, slopes)]


@cache
def true_calibration(source: Source) -> tuple[float, float]:
    """Of all rows there are: observed over expected, and the slope."""
    rows: Rows = source().rows
    scores = unfold(rows.scores[CHALLENGER])
    logit = np.log(scores / (1 - scores))
    # Hardly any penalty: scikit-learn has no other way to say none in all its versions.
    fitted = LogisticRegression(C=1e12, tol=1e-10).fit(logit[:, None], rows.truth)
    return float(rows.truth.sum() / scores.sum()), float(fitted.coef_[0, 0])
