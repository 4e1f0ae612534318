"""The numbers are right: scikit-learn is the oracle, on ordinary and on spiteful data."""

from typing import Final

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as oracle

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.binary import binary_metrics
from airflow_aml_retrain.gate.metrics import (
    METRICS,
    Direction,
    Task,
    metric_named,
    metric_spelled,
    metrics_of,
)
from airflow_aml_retrain.gate.regression import regression_metrics

AZURE: Final = {
    "Accuracy": "accuracy",
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
}

# Few distinct values make ties, the ends make infinite losses, the rest is ordinary.
SPITEFUL: Final = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 5e-324, 1 - 2**-53]), st.floats(0, 1)
)
rows: Final = st.integers(2, 60).flatmap(
    lambda n: st.tuples(arrays(np.bool_, n), arrays(np.float64, n, elements=SPITEFUL))
)
values: Final = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-1e6, 1e6))
predictions: Final = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=values), arrays(np.float64, n, elements=values)
    )
)


@given(rows, st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_binary_metrics_are_those_of_scikit_learn(
    data: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    truth, scores = data
    assume(0 < truth.sum() < len(truth))
    said = scores >= threshold
    prior = oracle.log_loss(truth, np.full(len(truth), truth.mean()))
    loss = oracle.log_loss(truth, scores)

    ours = binary_metrics(truth, scores, threshold)

    assert ours == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(truth, said),
            "precision": oracle.precision_score(truth, said, zero_division=0),
            "recall": oracle.recall_score(truth, said),
            "f1": oracle.f1_score(truth, said, zero_division=0),
            "auc": oracle.roc_auc_score(truth, scores),
            "log_loss": loss,
            "log_loss_reduction": (prior - loss) / prior,
        },
        rel=1e-9,
        abs=1e-9,
    )


@given(predictions)
def test_regression_metrics_are_those_of_scikit_learn(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, predicted = data
    assume(np.ptp(truth) > 1e-3)
    mean = np.full(len(truth), truth.mean())
    r2 = oracle.r2_score(truth, predicted)

    ours = regression_metrics(truth, predicted)

    assert ours == pytest.approx(
        {
            "mae": oracle.mean_absolute_error(truth, predicted),
            "rmse": oracle.root_mean_squared_error(truth, predicted),
            "rae": oracle.mean_absolute_error(truth, predicted)
            / oracle.mean_absolute_error(truth, mean),
            "rse": 1 - r2,
            "r2": r2,
        },
        rel=1e-6,
        abs=1e-6,
    )


def test_a_constant_score_is_a_coin() -> None:
    truth = np.array([True, False, True, False, False])

    assert binary_metrics(truth, np.full(5, 0.3), 0.5)["auc"] == 0.5


def test_every_registered_metric_is_computed_and_no_other() -> None:
    truth = np.array([True, False, True])
    scores = np.array([0.9, 0.2, 0.4])

    binary = binary_metrics(truth, scores, 0.5)
    regression = regression_metrics(truth.astype(float), scores)

    assert list(binary) == [metric.name for metric in metrics_of(Task.BINARY)]
    assert list(regression) == [metric.name for metric in metrics_of(Task.REGRESSION)]


@pytest.mark.parametrize("name", METRICS)
def test_swapping_the_models_turns_a_loss_into_a_gain(name: str) -> None:
    metric = METRICS[name]

    assert metric.loss(0.4, 0.7) == -metric.loss(0.7, 0.4) != 0
    assert (metric.loss(0.7, 0.4) > 0) is (metric.direction is Direction.HIGHER)


def test_a_perfect_model_beats_a_useless_one_in_every_metric() -> None:
    truth = np.array([True, False] * 10)
    right, wrong = np.where(truth, 0.9, 0.1), np.where(truth, 0.1, 0.9)

    binary = binary_metrics(truth, wrong, 0.5), binary_metrics(truth, right, 0.5)
    regression = (
        regression_metrics(truth.astype(float), wrong),
        regression_metrics(truth.astype(float), right),
    )

    for useless, perfect in (binary, regression):
        assert all(METRICS[name].loss(useless[name], perfect[name]) < 0 for name in useless)


@pytest.mark.parametrize(("azure", "ours"), AZURE.items())
def test_the_columns_of_azures_evaluation_are_known(azure: str, ours: str) -> None:
    metric = metric_spelled(azure)

    assert metric is not None
    assert metric.name == ours


def test_an_unknown_metric_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(GateError, match="no metric named 'acuracy'; did you mean 'accuracy'"):
        metric_named("acuracy")
