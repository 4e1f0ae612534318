"""Worlds in which two models score the same rows, and what is true of them is known."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import unfold
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from tests.gate.judged_rows import binary

Numbers = NDArray[np.float64]

METRICS: Final = ("accuracy", "precision", "recall", "f1", "auc", "log_loss", "log_loss_reduction")


def sigmoid(odds: Numbers) -> Numbers:
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))


def world(rows: int, seed: int, *, base: float = -1.6, clusters: int | None = None) -> Rows:
    """
    Champion and challenger that see the same of *rows*, and each something of its own.

    Rows of one of *clusters* are alike, and what the models make of them is too.
    """
    random = np.random.default_rng(seed)
    size = (rows,) if clusters is None else (rows, 2)
    shared, own, old, new = random.standard_normal((4, *size))
    groups = None
    if clusters is not None:
        groups = np.sort(np.arange(rows) % clusters).astype(np.int32)
        # Four fifths of each are the cluster's, one is the row's own.
        shared, own, old, new = (
            np.sqrt(0.2) * each[:, 0] + np.sqrt(0.8) * each[groups, 1]
            for each in (shared, own, old, new)
        )
    truth = random.random(rows) < sigmoid(base + 1.6 * shared)
    made = binary(
        truth,
        champion=sigmoid(base + 1.3 * shared + 0.45 * own + 0.4 * old),
        challenger=sigmoid(base + 1.35 * shared + 0.45 * own + 0.4 * new),
    )
    return replace(made, clusters=groups)


def seen(rows: Rows, model: str = "challenger") -> Numbers:
    """The scores of *model* as the gate holds them."""
    return unfold(rows.scores[model])


def measured(rows: Rows, threshold: float = 0.5) -> BinaryScores:
    return BinaryScores(rows, OperatingPoint(threshold=threshold))
