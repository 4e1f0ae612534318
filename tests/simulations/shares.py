"""
Bounds of a share: not simulated but enumerated, every count with its binomial probability.

Clopper and Pearson's bounds are exact and may not miss more than was promised. Wilson's are
about right; the upper one, by which few negative flips are proven, errs on the safe side where
flips are few, and the lower one, which can only keep a challenger out, on the other.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from scipy.stats import binom

from airflow_aml_retrain.gate.statistics.distributions import clopper_pearson, wilson
from tests.simulations.tables import Cell, Table

SIZES: Final = (300, 1000, 5000)
HITS: Final = (1, 3, 10, 30, 100)
ALPHA: Final = 0.05
Bounds = Callable[[float, float, float], tuple[float, float]]


def table(sizes: Sequence[int] = SIZES) -> Table:
    exact, nearly = ALPHA + 1e-9, 0.055
    return Table(
        title=f"(a) Bounds of a share: how often each misses, alpha {ALPHA}",
        how="no worlds: all counts enumerated",
        promise="Clopper-Pearson never misses more than alpha, Wilson's upper bound at most "
        "0.055 and its lower one 0.09",
        columns=["C-P low", "C-P high", "Wilson low", "Wilson high"],
        rows=[
            (
                f"{hits} of {rows:,} expected",
                [
                    *missed(clopper_pearson, rows, hits / rows, exact, exact),
                    *missed(wilson, rows, hits / rows, 0.09, nearly),
                ],
            )
            for rows in sizes
            for hits in HITS
        ],
    )


def missed(of: Bounds, rows: int, truth: float, low: float, high: float) -> list[Cell]:
    """How often a lower and an upper bound miss *truth*; at most *low* and *high* are allowed."""
    least, most = binom.ppf([1e-12, 1 - 1e-12], rows, truth).astype(int)
    likely = np.arange(least, most + 1)
    chance = binom.pmf(likely, rows, truth)
    bounds = np.array([of(int(hits), rows, ALPHA) for hits in likely])
    return [
        Cell(float(chance[bounds[:, 0] > truth].sum()), 0.0, 0.0, low),
        Cell(float(chance[bounds[:, 1] < truth].sum()), 0.0, 0.0, high),
    ]
