"""
Simulated models over simulated rows, and every number that a decision record has of them.

Simple on purpose, and not the gate's own arithmetic: `bodies` needs numbers that agree with each
other and look like a real month, and how the gate finds them is tested elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Body = dict[str, Any]
Floats = NDArray[np.float64]
Values = dict[str, float]

TITLES: Final = {
    "log_loss": "log loss",
    "auc": "AUC",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R squared",
    "macro_recall": "macro recall",
}
LOWER_IS_BETTER: Final = frozenset({"log_loss", "mae", "rmse"})
_BLOCKS: Final = 20


@dataclass(frozen=True, eq=False)
class World:
    """*truth* (n,), by model its *scores* (n,), and how *values* are made of the two."""

    truth: Floats
    scores: Mapping[str, Floats]
    values: Callable[[Floats, Floats], Values]

    @property
    def rows(self) -> int:
        return len(self.truth)

    def of(self, model: str) -> Values:
        return self.values(self.truth, self.scores[model])

    def errors(self, model: str, other: str | None = None) -> Values:
        """Standard errors: of a value, or of a difference."""
        return _jackknife(self, model, other)

    def without(self, model: str) -> "World":
        rest = {name: scores for name, scores in self.scores.items() if name != model}
        return World(self.truth, rest, self.values)


@cache
def _jackknife(world: World, model: str, other: str | None) -> Values:
    blocks = np.arange(world.rows) % _BLOCKS
    left = []
    for block in range(_BLOCKS):
        mask = blocks != block
        ours = world.values(world.truth[mask], world.scores[model][mask])
        theirs = world.values(world.truth[mask], world.scores[other][mask]) if other else {}
        left.append({name: value - theirs.get(name, 0.0) for name, value in ours.items()})
    return {
        name: float(np.std([each[name] for each in left]) * (_BLOCKS - 1) ** 0.5)
        for name in left[0]
    }


@cache
def binary_world(rows: int, gain: float) -> World:
    """*gain* is by how much better the challenger sees what decides the truth."""
    random = np.random.default_rng(7)
    seen, common = random.standard_normal(rows), random.standard_normal(rows)

    def scored(weight: float, shift: float) -> Floats:
        noise = random.standard_normal(rows)
        return 1 / (1 + np.exp(-(shift + weight * seen + 0.45 * common + 0.28 * noise)))

    truth = (random.random(rows) < 1 / (1 + np.exp(-(-1.7 + 1.6 * seen)))).astype(float)
    scores = {
        "champion": scored(1.3, -1.62),
        "challenger": scored(1.3 + gain, -1.68),
        "anchor": scored(1.2, -1.5),
    }
    return World(truth, scores, binary_values)


@cache
def regression_world() -> World:
    random = np.random.default_rng(11)
    truth = 120_000 + 90_000 * random.standard_gamma(1.6, 6_000)
    scores = {
        "champion": truth * 0.9 + 26_000 + 31_000 * random.standard_t(4, 6_000),
        "challenger": truth * 0.95 + 15_000 + 28_000 * random.standard_t(4, 6_000),
    }
    return World(truth, scores, regression_values)


@cache
def class_world(classes: int) -> World:
    """Scores are the classes said, as numbers; neighbours are mistaken for each other."""
    random = np.random.default_rng(13)
    weights = 1 / np.arange(1, classes + 1) ** 0.7
    truth = random.choice(classes, 5_000, p=weights / weights.sum()).astype(float)

    def said(share: float) -> Floats:
        wrong = random.random(5_000) > share
        said = truth + wrong * random.choice([-2, -1, 1, 2, 3], 5_000)
        within: Floats = np.clip(said, 0, classes - 1)
        return within

    scores = {"champion": said(0.78), "challenger": said(0.82)}
    return World(truth, scores, class_values)


def binary_values(truth: Floats, scores: Floats) -> Values:
    said, yes = scores >= 0.5, truth > 0.5
    ranks = np.empty(len(scores))
    ranks[scores.argsort()] = np.arange(1, len(scores) + 1)
    hits, positives, negatives = float((said & yes).sum()), float(yes.sum()), float((~yes).sum())
    precision, recall = float(hits / max(said.sum(), 1)), hits / positives
    return {
        "log_loss": float(-np.log(np.where(yes, scores, 1 - scores)).mean()),
        "auc": float((ranks[yes].sum() / positives - (positives + 1) / 2) / negatives),
        "accuracy": float((said == yes).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
    }


def regression_values(truth: Floats, scores: Floats) -> Values:
    error = scores - truth
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float((error**2).mean() ** 0.5),
        "r2": float(1 - (error**2).sum() / ((truth - truth.mean()) ** 2).sum()),
    }


def class_values(truth: Floats, scores: Floats) -> Values:
    recalls = [float((scores[truth == one] == one).mean()) for one in np.unique(truth)]
    return {
        "accuracy": float((truth == scores).mean()),
        "macro_recall": float(np.mean(recalls)),
    }


def flips(world: World, right: Callable[[Floats, Floats], NDArray[np.bool_]]) -> Body:
    """Who was *right* where."""
    theirs = right(world.truth, world.scores["champion"])
    ours = right(world.truth, world.scores["challenger"])
    wrong, put_right = int((theirs & ~ours).sum()), int((~theirs & ours).sum())
    rate = wrong / world.rows
    return {
        "right_right": int((theirs & ours).sum()),
        "right_wrong": wrong,
        "wrong_right": put_right,
        "wrong_wrong": int((~theirs & ~ours).sum()),
        "negative_rate": rate,
        "negative_low": rate - 1.7 * (rate / world.rows) ** 0.5,
        "negative_high": rate + 1.7 * (rate / world.rows) ** 0.5,
        "positive_rate": put_right / world.rows,
        "churn": (wrong + put_right) / world.rows,
    }


def binary_curves(world: World) -> Body:
    both = [model for model in ("champion", "challenger") if model in world.scores]
    edges = np.linspace(0, 1, 41)
    yes = world.truth > 0.5
    return {
        "roc": {model: _roc(yes, world.scores[model]) for model in both},
        "pr": {model: _pr(yes, world.scores[model]) for model in both},
        "operating_points": {model: _point(yes, world.scores[model]) for model in both},
        "scores": {
            "edges": edges.tolist(),
            **{
                model: {
                    "negative": np.histogram(world.scores[model][~yes], edges)[0].tolist(),
                    "positive": np.histogram(world.scores[model][yes], edges)[0].tolist(),
                }
                for model in both
            },
        },
        "prevalence": float(yes.mean()),
    }


def _counted(yes: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """True and false positives above 200 thresholds."""
    ordered = yes[scores.argsort()[::-1]]
    at = np.linspace(1, len(yes), 199).astype(int) - 1
    return np.cumsum(ordered)[at].astype(float), np.cumsum(~ordered)[at].astype(float)


def _roc(yes: NDArray[np.bool_], scores: Floats) -> list[list[float]]:
    hits, false = _counted(yes, scores)
    points = np.column_stack([false / (~yes).sum(), hits / yes.sum()])
    return [[0.0, 0.0], *points.tolist()]


def _pr(yes: NDArray[np.bool_], scores: Floats) -> list[list[float]]:
    hits, false = _counted(yes, scores)
    points: list[list[float]] = np.column_stack([hits / yes.sum(), hits / (hits + false)]).tolist()
    return points


def _point(yes: NDArray[np.bool_], scores: Floats) -> Values:
    said = scores >= 0.5
    recall = float(said[yes].mean())
    return {
        "threshold": 0.5,
        "fpr": float(said[~yes].mean()),
        "tpr": recall,
        "precision": float(yes[said].mean()),
        "recall": recall,
    }


def calibration(world: World, model: str) -> Body:
    """Ratios and bins are counted; slope, intercept and errors are made up."""
    order = world.scores[model].argsort()
    bins = [_bin(world.truth[at], world.scores[model][at]) for at in np.array_split(order, 15)]
    ratio = float(world.truth.sum() / world.scores[model].sum())
    ece = float(np.mean([abs(each["observed"] - each["mean_score"]) for each in bins]))
    return {
        "observed_expected": ratio,
        "observed_expected_low": ratio - 2 / world.rows**0.5,
        "observed_expected_high": ratio + 2 / world.rows**0.5,
        "slope": 1.06 if model == "champion" else 1.02,
        "slope_low": 0.98,
        "slope_high": 1.11,
        "intercept": 0.031,
        "ece": ece,
        "ece_floor": 0.7 / world.rows**0.5,
        "debiased": 0.00004,
        "bins": bins,
    }


def _bin(truth: Floats, scores: Floats) -> Body:
    share = float(truth.mean())
    reach = 1.96 * ((share * (1 - share) + 0.001) / len(truth)) ** 0.5
    return {
        "mean_score": float(scores.mean()),
        "observed": share,
        "low": max(0.0, share - reach),
        "high": min(1.0, share + reach),
        "rows": len(truth),
    }


def regression_curves(world: World) -> Body:
    edges = np.linspace(60_000, 640_000, 31)
    residual_edges = np.linspace(-160_000, 160_000, 41)
    tenths = np.quantile(world.truth, np.linspace(0, 1, 11))
    error = {model: scores - world.truth for model, scores in world.scores.items()}
    return {
        "predicted_actual": {
            model: {
                "x": edges.tolist(),
                "y": edges.tolist(),
                "counts": np.histogram2d(scores, world.truth, (edges, edges))[0].tolist(),
            }
            for model, scores in world.scores.items()
        },
        "residuals": {
            "edges": residual_edges.tolist(),
            **{
                model: np.histogram(each, residual_edges)[0].tolist()
                for model, each in error.items()
            },
        },
        "deciles": [
            _decile(world.truth, error, low, high) for low, high in pairwise(tenths.tolist())
        ],
        "heavy_tail": {"champion": 0.061, "challenger": 0.048},
    }


def _decile(truth: Floats, error: Mapping[str, Floats], low: float, high: float) -> Body:
    mask = (truth >= low) & (truth <= high)
    means = {model: float(np.abs(each[mask]).mean()) for model, each in error.items()}
    return {"low": float(low), "high": float(high), "rows": int(mask.sum()), **means}


def class_curves(world: World, classes: list[str]) -> Body:
    number = len(classes)
    return {
        "classes": classes,
        "confusion": {
            model: np.bincount(
                (world.truth * number + scores).astype(int), minlength=number * number
            )
            .reshape(number, number)
            .tolist()
            for model, scores in world.scores.items()
        },
    }
