"""
What Evaluate Model says of a model, as its CSV says it: one header row, one row of numbers.

The column names are those the module shows in Studio. Classification takes the probabilities of
the classes in sorted order; of two classes the second is the positive one. The multiclass names
are ours: no public source shows that file.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_TINY = 1e-15


def binary(truth: Codes, probability: Numbers) -> dict[str, float]:
    """Of *truth* (0 or 1) and the *probability* of 1, at a threshold of one half."""
    said = probability >= 0.5
    true = truth == 1
    hits, precision = int((said & true).sum()), 0.0
    precision = _ratio(hits, int(said.sum()))
    recall = _ratio(hits, int(true.sum()))
    return {
        "Accuracy": float((said == true).mean()),
        "Precision": precision,
        "Recall": recall,
        "F-Score": _ratio(2 * precision * recall, precision + recall),
        "AUC": _area(true, probability),
        **_log_loss(truth, np.column_stack([1 - probability, probability])),
    }


def multiclass(truth: Codes, probabilities: Numbers) -> dict[str, float]:
    """Of *truth* (class numbers) and one column of *probabilities* per class."""
    said = probabilities.argmax(axis=1)
    classes = range(probabilities.shape[1])
    right = float((said == truth).mean())
    hits = [int(((said == c) & (truth == c)).sum()) for c in classes]
    precision = [_ratio(hits[c], int((said == c).sum())) for c in classes]
    recall = [_ratio(hits[c], int((truth == c).sum())) for c in classes]
    return {
        "Overall Accuracy": right,
        "Average Accuracy": float(np.mean([((said == c) == (truth == c)).mean() for c in classes])),
        "Micro-averaged Precision": right,
        "Macro-averaged Precision": float(np.mean(precision)),
        "Micro-averaged Recall": right,
        "Macro-averaged Recall": float(np.mean(recall)),
    }


def regression(truth: Numbers, predicted: Numbers) -> dict[str, float]:
    error, spread = truth - predicted, truth - truth.mean()
    relative = _ratio(float((error**2).sum()), float((spread**2).sum()))
    return {
        "Mean Absolute Error": float(np.abs(error).mean()),
        "Root Mean Squared Error": float(np.sqrt((error**2).mean())),
        "Relative Absolute Error": _ratio(float(np.abs(error).sum()), float(np.abs(spread).sum())),
        "Relative Squared Error": relative,
        "Coefficient of Determination": 1 - relative,
    }


def render(metrics: dict[str, float]) -> bytes:
    numbers = ",".join(repr(float(value)) for value in metrics.values())
    return f"{','.join(metrics)}\n{numbers}\n".encode()


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _area(true: npt.NDArray[np.bool_], score: Numbers) -> float:
    """Area under the ROC curve, from ranks (ties share the mean rank)."""
    positives = int(true.sum())
    negatives = true.size - positives
    if not positives or not negatives:
        return 0.5
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[true].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _log_loss(truth: Codes, probabilities: Numbers) -> dict[str, float]:
    """The mean loss, and by how many percent it is below that of knowing only the class shares."""
    clipped = np.clip(probabilities, _TINY, 1 - _TINY)
    loss = float(-np.log(clipped[np.arange(truth.size), truth]).mean())
    shares = np.bincount(truth, minlength=probabilities.shape[1]) / truth.size
    prior = float(-np.log(np.clip(shares[truth], _TINY, 1)).mean())
    return {
        "Average Log Loss": loss,
        "Training Log Loss": 100 * _ratio(prior - loss, prior),
    }
