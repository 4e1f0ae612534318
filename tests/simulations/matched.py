"""
How often an interval holds the truth where the challenger's threshold was found on the same rows.

Under `match: alert_rate` (or `fpr`) the challenger says yes where it alerts as often as the
champion. The truth is that of the model at the threshold that was found, for that is the one
which goes into service with it; what it would be at the threshold that matches among all rows
there are is another question.
"""

from functools import partial
from typing import Final

import numpy as np
from numpy.random import Generator

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.folded import reaches
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.confusion import cells_estimate, counted
from tests.simulations.coverage import Numbers, bounds_of, claimed, covered, each_side
from tests.simulations.populations import scored
from tests.simulations.tables import Cell, Table
from tests.simulations.worlds import SEED, over_worlds

WORDS: Final = ("alert_rate", "fpr")
METRICS: Final = ("accuracy", "precision", "recall", "f1")
THRESHOLD: Final = 0.3
ROWS: Final = 5000


def table(worlds: int) -> Table:
    found = {word: worlds_of(word, worlds) for word in WORDS}
    return Table(
        title=f"(a) Coverage of 95 % intervals: thresholds matched on {ROWS:,} rows, vs champion",
        how=f"{worlds:,} worlds, seed {SEED}",
        promise="coverage at least 0.935, each side missed by at most 0.065 (give or take one "
        "Monte-Carlo error), claimed error 10 % below to 20 % above the true one",
        columns=[name for word in WORDS for name in (word, "low 5 %", "high 5 %", "se / sd")],
        rows=[
            (metric, [cell for word in WORDS for cell in _cells(found[word][at], metric)])
            for at, metric in enumerate(METRICS)
        ],
    )


def _cells(found: Numbers, metric: str) -> list[Cell]:
    return [covered(found, 0.0, ROWS, metric), *each_side(found, 0.0), claimed(found, 0.9, 1.2)]


def worlds_of(word: str, worlds: int) -> Numbers:
    """(metrics, 6, worlds), each number less the truth."""
    return np.array(over_worlds(partial(seen, word=word), worlds)).transpose(1, 2, 0)


def seen(random: Generator, word: str) -> list[list[float]]:
    point = OperatingPoint.parse({"threshold": THRESHOLD, "match": word})
    scores = BinaryScores(scored().holdout(random, ROWS), point)
    return [
        _less(bounds_of(scores.estimate(metric, Against.CHAMPION)), true_difference(metric, scores))
        for metric in METRICS
    ]


def _less(bounds: list[float], truth: float) -> list[float]:
    value, error, *ends = bounds
    return [value - truth, error, *(end - truth for end in ends)]


def true_difference(metric: str, scores: BinaryScores) -> float:
    """Of all rows there are, at the thresholds that were found."""
    rows = scored().rows
    said = [reaches(rows.scores[model], scores.cuts[model]) for model in (CHAMPION, CHALLENGER)]
    return float(cells_estimate(counted(rows.truth, *said), metric)[2])
