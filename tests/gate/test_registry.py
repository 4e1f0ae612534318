"""Which way a metric is better, and what Azure calls it, stands in one place."""

from typing import Final

import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import (
    METRICS,
    Direction,
    Task,
    metric_named,
    metric_spelled,
    metrics_of,
)

AZURE: Final = {
    "Accuracy": "accuracy",
    "Overall accuracy": "accuracy",
    "Precision": "precision",
    "Recall": "recall",
    "F-Score": "f1",
    "F1 Score": "f1",
    "AUC": "auc",
    "Average Log Loss": "log_loss",
    "Training Log Loss": "log_loss_reduction",
    "Mean Absolute Error": "mae",
    "Root Mean Squared Error": "rmse",
    "Relative Absolute Error": "rae",
    "Relative Squared Error": "rse",
    "Coefficient of Determination": "r2",
    "Macro-averaged precision": "macro_precision",
    "Macro-averaged recall": "macro_recall",
}


@pytest.mark.parametrize(("spelling", "name"), AZURE.items(), ids=AZURE)
def test_azures_names_are_known_however_they_are_spelled(spelling: str, name: str) -> None:
    for each in (spelling, spelling.upper(), spelling.replace(" ", "_"), f" {spelling} "):
        assert metric_named(each) is METRICS[name]


def test_no_two_metrics_share_a_spelling() -> None:
    for metric in METRICS.values():
        for spelling in (metric.name, metric.title, *metric.aliases):
            assert metric_spelled(spelling) is metric


def test_only_errors_and_losses_are_better_when_lower() -> None:
    lower = {name for name, metric in METRICS.items() if metric.direction is Direction.LOWER}

    assert lower == {"log_loss", "mae", "rmse", "rae", "rse"}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_swapping_the_models_flips_the_sign_of_the_loss(metric: object) -> None:
    assert isinstance(metric, type(METRICS["auc"]))
    one, other = 0.25, 0.75

    better = other if metric.direction is Direction.HIGHER else one
    worse = one if metric.direction is Direction.HIGHER else other

    assert metric.loss(reference=better, challenger=worse) == 0.5
    assert metric.loss(reference=worse, challenger=better) == -0.5
    assert metric.loss(reference=worse, challenger=worse) == 0.0


def test_every_task_has_its_metrics() -> None:
    names = {task: {metric.name for metric in metrics_of(task)} for task in Task}

    assert names == {
        Task.BINARY: {
            *("accuracy", "precision", "recall", "f1", "auc", "log_loss"),
            "log_loss_reduction",
        },
        Task.REGRESSION: {"mae", "rmse", "rae", "rse", "r2"},
        Task.MULTICLASS: {
            *("accuracy", "auc", "log_loss", "macro_precision", "macro_recall", "macro_f1"),
        },
    }


def test_a_prior_is_there_where_knowing_nothing_has_a_value_worth_beating() -> None:
    with_prior = {name for name, metric in METRICS.items() if metric.has_prior}

    assert with_prior == {"log_loss", "auc", "accuracy", "rmse", "mae", "r2"}


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(GateError, match="no metric named 'log_los'; did you mean 'log_loss'"):
        metric_named("log_los")
    with pytest.raises(GateError, match="no metric named 'zzz'; there are accuracy, precision"):
        metric_named("zzz")
