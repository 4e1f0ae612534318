"""
How often the AUC of one model is proven that is not so good, where few rows are positive.

Scores are normal in both classes, so that the true AUC is known; the number of positive rows is
fixed, 30 at the least, which is what a policy demands unless it says otherwise.
"""

from collections.abc import Sequence
from functools import partial
from math import sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.random import Generator

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.scores.measured import measured
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.gate.judged_rows import Numbers, binary
from tests.simulations.coverage import POINT
from tests.simulations.tables import Cell, Table, mean, share
from tests.simulations.worlds import SEED, over_worlds

ROWS: Final = 2000
ALPHAS: Final = (0.05, 0.005, 2e-4)
"""All of the usual alpha, and what a second and a later use of a hold-out may spend."""
WORLDS: Final = ((0.9, 30), (0.97, 30), (0.99, 30), (0.97, 60), (0.97, 150))


def table(worlds: int) -> Table:
    return Table(
        title="(a) Lower bounds of an AUC, alone: few positive rows",
        how=f"{worlds:,} worlds of {ROWS:,} rows, seed {SEED}",
        promise="missed with at most alpha, give or take one Monte-Carlo error; beside it, how far "
        "below the truth the bound of 5 % lies",
        columns=[*(f"alpha {alpha:g}" for alpha in ALPHAS), "below"],
        rows=[
            (f"AUC {area}, {positives} positive", _cells(area, lows_of(area, positives, worlds)))
            for area, positives in WORLDS
        ],
    )


def _cells(area: float, lows: Numbers) -> list[Cell]:
    missed = [
        share(low > area, 0.0, alpha + sqrt(alpha / len(low)))
        for alpha, low in zip(ALPHAS, lows, strict=True)
    ]
    return [*missed, mean(area - lows[0])]


def lows_of(area: float, positives: int, worlds: int, alphas: Sequence[float] = ALPHAS) -> Numbers:
    """The lower bounds at each of *alphas*: (alphas, worlds)."""
    one = partial(seen, area=area, positives=positives, alphas=alphas)
    return np.array(over_worlds(one, worlds)).T


def seen(random: Generator, area: float, positives: int, alphas: Sequence[float]) -> list[float]:
    truth = np.arange(ROWS) < positives
    apart = NormalDist().inv_cdf(area) * sqrt(2)
    scores = 1 / (1 + np.exp(-random.standard_normal(ROWS) - apart * truth))
    estimate = measured(binary(truth, challenger=scores), POINT).estimate("auc", Against.NOBODY)
    return [interval(estimate, alpha)[0] for alpha in alphas]
