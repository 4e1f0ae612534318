"""
The numbers behind the pictures of a model: few enough to be kept for ever, whatever the rows.

Law: pictures are made of histograms alone, so that they can be drawn again without the data, and
a point that is left out of a curve lies between two that are kept.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import middles
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.scores import class_counts
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.measured import Scores
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.scores.residuals import regression_pictures

_POINTS: Final = 200
_BARS: Final = 40
_DIGITS: Final = 6
_Numbers = NDArray[np.float64]
_Counts = NDArray[np.int64]


def curves(rows: Rows, scores: Scores) -> dict[str, object]:
    """Of champion (where there is one) and challenger, as the decision record holds them."""
    models = [model for model in (CHAMPION, CHALLENGER) if model in rows.scores]
    match scores:
        case BinaryScores():
            return _binary(scores, models)
        case MulticlassScores():
            return class_counts.pictures(
                rows.classes, {model: scores.counts[model] for model in models}
            )
        case _:
            return regression_pictures(rows).to_mapping()


def _binary(scores: BinaryScores, models: list[str]) -> dict[str, object]:
    counts = {model: scores.histogram(model) for model in models}
    negative, positive = counts[CHALLENGER].sum(axis=1).tolist()
    return {
        "roc": {model: roc(each) for model, each in counts.items()},
        "pr": {model: precision_recall(each) for model, each in counts.items()},
        "operating_points": {model: _operating_point(scores, model) for model in models},
        "scores": score_histograms(counts),
        "prevalence": positive / (negative + positive),
    }


def roc(counts: _Counts) -> list[list[float]]:
    """False and true positive rates by histograms *counts* (2, bins), from (0, 0) to (1, 1)."""
    false, true = np.concatenate([np.zeros((2, 1), dtype=np.int64), _from_top(counts)], axis=1)
    x, y = false / max(int(false[-1]), 1), true / max(int(true[-1]), 1)
    return _points(x, y, x + y)


def precision_recall(counts: _Counts) -> list[list[float]]:
    """Recall and precision, from the highest score that occurs down to all rows."""
    false, true = _from_top(counts)
    recall = true / max(int(true[-1]), 1)
    return _points(recall, true / (true + false), recall)


def score_histograms(counts: Mapping[str, _Counts]) -> dict[str, object]:
    """Rows of either class between equal *edges*, the same for all models."""
    score = middles()
    there = score[np.any([each.sum(axis=0) > 0 for each in counts.values()], axis=0)]
    low, high = float(there.min()), float(there.max())
    if low == high:
        low, high = max(0.0, low - 0.5), min(1.0, high + 0.5)
    edges = np.linspace(low, high, _BARS + 1)
    bar = np.searchsorted(edges[1:-1], score, side="right")
    return {
        "edges": edges.round(_DIGITS).tolist(),
        **{
            model: {
                name: np.bincount(bar, weights=rows, minlength=_BARS).astype(np.int64).tolist()
                for name, rows in zip(("negative", "positive"), each, strict=True)
            }
            for model, each in counts.items()
        },
    }


def _from_top(counts: _Counts) -> _Counts:
    """Negative and positive rows (2, bins that occur) at or above each bin, from the highest."""
    occurs = counts.sum(axis=0) > 0
    above: _Counts = np.cumsum(counts[:, occurs][:, ::-1], axis=1)
    return above


def _points(x: _Numbers, y: _Numbers, along: _Numbers) -> list[list[float]]:
    """A few of the points (x, y), evenly taken *along* the curve, with both its ends."""
    wanted = np.linspace(along[0], along[-1], _POINTS)
    taken = np.unique([0, *np.searchsorted(along, wanted).tolist(), len(along) - 1])[:_POINTS]
    taken[-1] = len(along) - 1
    points: list[list[float]] = np.stack([x[taken], y[taken]], axis=1).round(_DIGITS).tolist()
    return points


def _operating_point(scores: BinaryScores, model: str) -> dict[str, float]:
    values = scores.values(model)
    cells = scores.cells("" if model == CHALLENGER else model)[:4]
    # Of negative rows: cells in which the challenger (1, 3) or the reference (2, 3) said yes.
    false = cells[1::2].sum() if model == CHALLENGER else cells[2:].sum()
    return {
        "threshold": scores.thresholds[model],
        "fpr": float(false / max(int(cells.sum()), 1)),
        "tpr": values["recall"],
        "precision": values["precision"],
        "recall": values["recall"],
    }
