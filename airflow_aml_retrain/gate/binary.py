"""
Metrics of binary classification from labels and scores, exactly.

*truth* is True for the positive class; *scores* are its probabilities, finite and in [0, 1].
A ratio over nothing (precision, when nothing is predicted positive) is 0, as in scikit-learn's
`zero_division=0`: a model that finds nothing gets no credit for it.
"""

import numpy as np
from numpy.typing import NDArray

_EPSILON = float(np.finfo(np.float64).eps)


def binary_metrics(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float
) -> dict[str, float]:
    """Every binary metric of the registry, by name; both classes must occur in *truth*."""
    loss = log_loss(truth, scores)
    prior = _log_loss_of_base_rate(truth)
    return {
        **_at_threshold(truth, scores >= threshold),
        "auc": auc(truth, scores),
        "log_loss": loss,
        "log_loss_reduction": (prior - loss) / prior,
    }


def _at_threshold(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> dict[str, float]:
    rows, positives = len(truth), int(np.count_nonzero(truth))
    flagged = int(np.count_nonzero(said))
    hits = int(np.count_nonzero(truth & said))
    right = rows - positives - flagged + 2 * hits
    return {
        "accuracy": right / rows,
        "precision": hits / flagged if flagged else 0.0,
        "recall": hits / positives if positives else 0.0,
        "f1": 2 * hits / (positives + flagged) if positives + flagged else 0.0,
    }


def auc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """
    The share of pairs of a positive and a negative row that the scores put in order.

    A tie counts half. Sorting the classes apart and searching one in the other is exact and was
    the fastest exact way measured; positives are searched in sorted order, which keeps to the
    processor's cache.
    """
    positive, negative = np.sort(scores[truth]), np.sort(scores[~truth])
    below = int(np.searchsorted(negative, positive, side="left").sum())
    upto = int(np.searchsorted(negative, positive, side="right").sum())
    return (below + upto) / 2 / (len(positive) * len(negative))


def log_loss(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The mean of -log(probability of what was true), clipped as scikit-learn clips it."""
    given = np.where(truth, scores, 1.0 - scores)
    np.clip(given, _EPSILON, 1.0 - _EPSILON, out=given)
    return float(-np.log(given, out=given).mean())


def _log_loss_of_base_rate(truth: NDArray[np.bool_]) -> float:
    rate = np.count_nonzero(truth) / len(truth)
    return float(-(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)))
