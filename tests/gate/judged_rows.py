"""Hold-outs as the gate holds them in memory, made from arrays; and the bootstrap, to judge by."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import fold
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.rows import Holdout, Quality, Rows, Slicing

Numbers = NDArray[np.float64]

REPLICATES: Final = 2000
# The bootstrap's own error is 1 / sqrt(2 * 2000), 1.6 %: it is a fair judge to four times that.
FAIR: Final = 0.065


def regression(truth: Numbers, **models: Numbers) -> Rows:
    return _rows(Task.REGRESSION, (), truth, models)


def binary(truth: NDArray[np.bool_], **models: Numbers) -> Rows:
    scores = {model: fold(scores) for model, scores in models.items()}
    return _rows(Task.BINARY, ("no", "yes"), truth, scores)


def multiclass(truth: NDArray[np.integer], classes: int, **models: Numbers) -> Rows:
    """Of *models* (n, K), each saying the class that it finds most likely."""
    scores = {model: fold(scores) for model, scores in models.items()}
    said = {model: scores.argmax(axis=1).astype(np.int16) for model, scores in models.items()}
    names = tuple(f"class {number}" for number in range(classes))
    return _rows(Task.MULTICLASS, names, truth.astype(np.int16), scores, said=said)


def _rows(
    task: Task,
    classes: tuple[str, ...],
    truth: NDArray[Any],
    scores: Mapping[str, NDArray[Any]],
    **more: Any,
) -> Rows:
    return Rows(
        task=task,
        classes=classes,
        truth=truth,
        scores=scores,
        holdout=Holdout(len(truth), "0" * 64),
        quality=Quality(read={}),
        **more,
    )


def slicing(column: str, texts: NDArray[np.str_]) -> Slicing:
    values, codes = np.unique(texts, return_inverse=True)
    return Slicing(column, tuple(values.tolist()), codes.astype(np.int32))


def by_rows(rows: int, seed: int) -> Numbers:
    """How often each row is drawn (`REPLICATES`, n) when as many as there are are drawn."""
    shares = np.full(rows, 1.0 / rows)
    return np.random.default_rng(seed).multinomial(rows, shares, REPLICATES).astype(np.float64)


def by_clusters(clusters: NDArray[np.int32], seed: int) -> Numbers:
    """The same where clusters are drawn, each with all of its rows."""
    return by_rows(int(clusters.max()) + 1, seed)[:, clusters]


def spread(drawn: Numbers) -> float:
    return float(drawn.std(ddof=1))
