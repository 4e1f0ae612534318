"""
How often an interval holds the truth.

Law: every end of an interval is a bound of its own. So coverage is not enough: each side is
counted, and the error that an estimate claims is held against how far estimates really spread.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import sqrt
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores.measured import measured
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.simulations.populations import Population, classified, predicted, scored, unbalanced
from tests.simulations.tables import Cell, Table, share
from tests.simulations.worlds import SEED, over_worlds

Source = Callable[[], Population]
Ask = tuple[str, Against]
Numbers = NDArray[np.float64]

BINARY: Final = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "auc",
    "log_loss",
    "log_loss_reduction",
)
REGRESSION: Final = ("mae", "rmse", "rae", "rse", "r2")
MULTICLASS: Final = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "log_loss",
    "auc",
)
SIZES: Final = (300, 1000, 5000)
POINT: Final = OperatingPoint()
MISSED: Final = 0.05
"""What a bound may miss on its side, as a decision that spends all of alpha uses it."""

COUNTS: Final = frozenset({"accuracy", "precision", "recall", "f1", "macro_precision"})
"""Where few rows differ or are wrong, their bounds are exact or nearly, and hold more often."""


def binary_table(worlds: int) -> Table:
    prior = ("accuracy", "auc", "log_loss")
    asked = asks(BINARY, Against.CHAMPION, Against.NOBODY, prior=prior)
    return coverage_table("binary, 11 % positive", scored, asked, worlds=worlds)


def regression_table(worlds: int) -> Table:
    prior = ("mae", "rmse", "r2")
    asked = asks(REGRESSION, Against.CHAMPION, Against.NOBODY, prior=prior)
    # What is squared and then divided has a tail that no error made of 1,000 rows sees the end of.
    return coverage_table("regression, heavy tails", predicted, asked, worlds=worlds, most=0.08)


def multiclass_table(worlds: int) -> Table:
    prior = ("accuracy", "log_loss", "auc")
    asked = asks(MULTICLASS, Against.CHAMPION, Against.NOBODY, prior=prior)
    return coverage_table("four classes", classified, asked, worlds=worlds)


def unbalanced_table(worlds: int) -> Table:
    """Bounds over a class of about 30 rows may hold more often, and never less."""
    asked = asks(MULTICLASS, Against.CHAMPION)
    size = 2000
    found = worlds_of(unbalanced, asked, size, worlds)
    return Table(
        title="(a) Bounds of 5 %: four classes, one of about 30 rows",
        how=f"{worlds:,} worlds of {size:,} rows, seed {SEED}",
        promise="each side missed by at most 0.065 (give or take one Monte-Carlo error)",
        columns=["low 5 %", "high 5 %"],
        rows=[
            (f"{metric} vs {against}", each_side(found[at], unbalanced().truth(metric, against)))
            for at, (metric, against) in enumerate(asked)
        ],
    )


def asks(metrics: Sequence[str], *against: Against, prior: Sequence[str] = ()) -> list[Ask]:
    """Each of *metrics* against each, and those of *prior* against the prior."""
    named = [(metric, other) for other in against for metric in metrics]
    return named + [(metric, Against.PRIOR) for metric in prior]


def bounds_of(estimate: Estimate) -> list[float]:
    """Value, error, and bounds at 2.5 % and at 5 % a side."""
    return [
        estimate.difference,
        estimate.se,
        *interval(estimate, 0.025),
        *interval(estimate, MISSED),
    ]


def seen(random: Generator, source: Source, asked: Sequence[Ask], rows: int) -> list[list[float]]:
    """What one hold-out says of everything that is *asked*."""
    return estimated(source().holdout(random, rows), asked)


def estimated(rows: Rows, asked: Sequence[Ask]) -> list[list[float]]:
    scores = measured(rows, POINT)
    return [bounds_of(scores.estimate(metric, against)) for metric, against in asked]


def worlds_of(source: Source, asked: Sequence[Ask], rows: int, worlds: int) -> Numbers:
    """(asked, 6, worlds)."""
    one = partial(seen, source=source, asked=asked, rows=rows)
    return np.array(over_worlds(one, worlds)).transpose(1, 2, 0)


def coverage_table(
    title: str,
    source: Source,
    asked: Sequence[Ask],
    *,
    worlds: int,
    sizes: Sequence[int] = SIZES,
    most: float = 0.065,
) -> Table:
    """
    Coverage at every size; each side, and the error itself, at the middle one.

    A side may be missed by *most*.
    """
    found = {rows: worlds_of(source, asked, rows, worlds) for rows in sizes}
    middle = sizes[len(sizes) // 2]
    table = []
    for at, (metric, against) in enumerate(asked):
        truth = source().truth(metric, against)
        cells = [covered(found[rows][at], truth, rows, metric) for rows in sizes]
        sides = each_side(found[middle][at], truth, most)
        # Counts claim too much where few rows differ: what was not seen is not impossible.
        error = claimed(found[middle][at], high=1.25 if metric in COUNTS else 1.1)
        name = f"{metric} vs {against}" if against else metric
        table.append((name, [*cells, *sides, error]))
    return Table(
        title=f"(a) Coverage of 95 % intervals: {title}",
        how=f"{worlds:,} worlds, seed {SEED}",
        promise="coverage 0.935 to 0.965 (counts: or more; of 300 rows at least 0.92), each side "
        f"missed by at most {most} (all give or take one Monte-Carlo error), claimed error within "
        "10 % of the true one (counts: or up to 25 % above)",
        columns=[*(f"n = {rows:,}" for rows in sizes), "low 5 %", "high 5 %", "se / sd"],
        rows=table,
    )


def covered(found: Numbers, truth: float, rows: int, metric: str = "") -> Cell:
    """How often the 95 % interval holds *truth*, and between what that must lie."""
    error = sqrt(0.95 * 0.05 / found.shape[1])
    least, most = (0.935, 0.965) if rows >= 1000 else (0.92, 0.98)
    inside = (found[2] <= truth) & (truth <= found[3])
    return share(inside, least - error, 1.0 if metric in COUNTS else most + error)


def each_side(found: Numbers, truth: float, most: float = 0.065) -> list[Cell]:
    """How often each one-sided 5 % bound is missed; *most* is what it may be."""
    most += sqrt(MISSED * (1 - MISSED) / found.shape[1])
    return [share(found[4] > truth, 0.0, most), share(found[5] < truth, 0.0, most)]


def claimed(found: Numbers, low: float = 0.9, high: float = 1.1) -> Cell:
    """The error that estimates claim, over the spread that they have."""
    ratio = float(np.sqrt(np.square(found[1]).mean()) / found[0].std(ddof=1))
    return Cell(ratio, ratio / sqrt(2 * (found.shape[1] - 1)), low, high)
