"""
The metrics that a policy can name: their direction, their range, and what Azure calls them.

Law: which way is better stands here and is never the user's to say. Two of the ten public
copies of the usual retraining sample had it the wrong way round.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from math import inf
from typing import Final

from airflow_aml_retrain.errors import GateError


class Task(StrEnum):
    """What kind of model is judged."""

    BINARY = "binary"
    REGRESSION = "regression"
    MULTICLASS = "multiclass"


class Direction(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Metric:
    """
    A metric by its *name*, and by the *title* that sentences use.

    *tasks* are the kinds of model that have it, and its values lie in [*low*, *high*]. *aliases*
    are the column names of Azure's evaluation output, in all its generations. *has_prior* says
    whether there is a value for who knows only the base rate, the largest class or the mean.
    """

    name: str
    title: str
    tasks: frozenset[Task]
    direction: Direction
    low: float
    high: float
    aliases: tuple[str, ...] = ()
    has_prior: bool = False

    def loss(self, reference: float, challenger: float) -> float:
        """By how much *challenger* is worse than *reference*; negative when it is better."""
        difference = challenger - reference
        return -difference if self.direction is Direction.HIGHER else difference


_BINARY: Final = frozenset({Task.BINARY})
_MULTICLASS: Final = frozenset({Task.MULTICLASS})
_CLASSES: Final = _BINARY | _MULTICLASS
_REGRESSION: Final = frozenset({Task.REGRESSION})


def _share(
    name: str,
    title: str,
    *aliases: str,
    tasks: frozenset[Task] = _BINARY,
    has_prior: bool = False,
) -> Metric:
    return Metric(name, title, tasks, Direction.HIGHER, 0.0, 1.0, aliases, has_prior)


def _error(name: str, title: str, alias: str, *, has_prior: bool = False) -> Metric:
    return Metric(name, title, _REGRESSION, Direction.LOWER, 0.0, inf, (alias,), has_prior)


_ALL: Final = (
    _share("accuracy", "accuracy", "Overall Accuracy", tasks=_CLASSES, has_prior=True),
    _share("precision", "precision"),
    _share("recall", "recall"),
    _share("f1", "F1", "F-Score", "F1 Score"),
    _share("auc", "AUC", tasks=_CLASSES, has_prior=True),
    Metric(
        "log_loss",
        "log loss",
        _CLASSES,
        Direction.LOWER,
        0.0,
        inf,
        ("Average Log Loss", "Log Loss"),
        has_prior=True,
    ),
    # Studio documents "Training Log Loss" as the "advantage of the classifier over a random
    # prediction", which is what ML.NET documents as log-loss reduction. That the two are one is
    # inferred; since Studio's may be in percent, its range is left open.
    Metric(
        "log_loss_reduction",
        "log-loss reduction",
        _BINARY,
        Direction.HIGHER,
        -inf,
        inf,
        ("Training Log Loss",),
    ),
    _error("mae", "mean absolute error", "Mean Absolute Error", has_prior=True),
    _error("rmse", "root mean squared error", "Root Mean Squared Error", has_prior=True),
    _error("rae", "relative absolute error", "Relative Absolute Error"),
    _error("rse", "relative squared error", "Relative Squared Error"),
    Metric(
        "r2",
        "R squared",
        _REGRESSION,
        Direction.HIGHER,
        -inf,
        1.0,
        ("Coefficient of Determination", "R2", "R Squared"),
        has_prior=True,
    ),
    _share("macro_precision", "macro precision", "Macro-averaged Precision", tasks=_MULTICLASS),
    _share("macro_recall", "macro recall", "Macro-averaged Recall", tasks=_MULTICLASS),
    _share("macro_f1", "macro F1", tasks=_MULTICLASS),
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _ALL}


def _folded(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


_BY_SPELLING: Final[Mapping[str, Metric]] = {
    _folded(spelling): metric
    for metric in _ALL
    for spelling in (metric.name, metric.title, *metric.aliases)
}


def metric_spelled(name: str) -> Metric | None:
    """The metric that *name* means, by its own name or Azure's; None if there is none."""
    return _BY_SPELLING.get(_folded(name))


def metric_named(name: str) -> Metric:
    """As `metric_spelled`, but `GateError` with the nearest name if there is none."""
    metric = metric_spelled(name)
    if metric is None:
        msg = f"there is no metric named {name!r}{nearest(name, METRICS)}"
        raise GateError(msg)
    return metric


def metrics_of(task: Task) -> tuple[Metric, ...]:
    return tuple(metric for metric in _ALL if task in metric.tasks)


def nearest(name: str, existing: Iterable[str]) -> str:
    """The end of a sentence about an unknown *name*: the nearest one, or all that exist."""
    names = [str(known) for known in existing]
    begun = [known for known in names if name and known.startswith(name)]
    close = begun or get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"
