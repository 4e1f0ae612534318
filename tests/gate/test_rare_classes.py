"""A class of few rows bears as much of a mean over classes as any, and is as much in doubt."""

import numpy as np
import pytest

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.gate.judged_rows import multiclass


@pytest.mark.parametrize(
    ("metric", "loss"), [("macro_recall", 3 / 30), ("macro_precision", 3 / 30), ("auc", 3 / 30)]
)
@pytest.mark.parametrize("alone", [True, False])
def test_thirty_rows_without_a_mistake_do_not_exclude_one_in_twenty(
    metric: str, loss: float, *, alone: bool
) -> None:
    """Though the many rows of the other classes differ enough for all to look nearly normal."""
    random = np.random.default_rng(1)
    truth = np.repeat([0, 1, 2], [1000, 970, 30])
    models = {}
    for model in ("champion", "challenger"):
        right = random.random(2000) < np.where(truth == 2, 1.0, 0.9)
        said = np.where(right, truth, 1 - truth)
        models[model] = 0.8 * np.eye(3)[said] + 0.2 / 3
    scores = MulticlassScores(multiclass(truth, 3, **models))

    against = Against.NOBODY if alone else Against.CHAMPION
    estimate = scores.estimate(metric, against)

    assert estimate.difference - interval(estimate, 0.05)[0] > 0.7 * loss / 3


@pytest.mark.parametrize("rows", [1, 5])
def test_a_class_of_next_to_no_rows_is_in_doubt_with_all_of_its_share(rows: int) -> None:
    random = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], [500, 500, rows])
    scores = random.dirichlet(np.ones(3), len(truth)) + np.eye(3)[truth]
    made = MulticlassScores(multiclass(truth, 3, challenger=scores / 2))

    estimate = made.estimate("auc", Against.NOBODY)

    assert estimate.se > 1.0 / (3 * rows)
