"""Pictures are drawn from few numbers, and show what all rows would."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score

from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.scores.curves import curves
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.scores.regression import RegressionScores
from tests.gate.binary_worlds import measured, seen, world
from tests.gate.judged_rows import binary, multiclass, regression

BOTH = ("champion", "challenger")


def drawn(rows: Rows, threshold: float = 0.5) -> dict[str, Any]:
    """As they come out of the record."""
    pictures: dict[str, Any] = json.loads(json.dumps(curves(rows, measured(rows, threshold))))
    return pictures


@pytest.mark.parametrize("rows", [60, 3000, 200_000])
def test_a_roc_of_few_points_has_the_area_of_all(rows: int) -> None:
    made = world(rows, 1)

    roc = drawn(made)["roc"]

    for model in BOTH:
        x, y = np.array(roc[model]).T
        assert len(x) <= 200
        assert (roc[model][0], roc[model][-1]) == ([0.0, 0.0], [1.0, 1.0])
        assert (np.diff(x) >= 0).all()
        assert (np.diff(y) >= 0).all()
        area = roc_auc_score(made.truth, seen(made, model))
        assert np.trapezoid(y, x) == pytest.approx(area, abs=5e-4)


def test_precision_and_recall_are_points_of_the_whole_curve() -> None:
    made = world(3000, 2)

    pr = drawn(made)["pr"]

    for model in BOTH:
        precision, recall, _ = precision_recall_curve(made.truth, seen(made, model))
        every = np.stack([recall, precision], axis=1)
        assert 100 < len(pr[model]) <= 200
        for point in pr[model]:
            # Rows that share a bin are taken together, so that some points are passed over.
            assert np.abs(every - point).max(axis=1).min() < 1e-5
        assert pr[model][-1] == pytest.approx([1.0, made.truth.mean()], abs=1e-6)


def test_scores_are_counted_by_class_between_the_same_edges() -> None:
    made = world(5000, 3)

    scores = drawn(made)["scores"]

    edges = np.array(scores["edges"])
    assert len(edges) == 41
    for model in BOTH:
        for name, side in (("negative", ~made.truth), ("positive", made.truth)):
            assert sum(scores[model][name]) == side.sum()
            wanted = np.histogram(seen(made, model)[side], edges)[0]
            # A bin is counted where its middle is, which moves few rows over an edge.
            assert np.abs(np.array(scores[model][name]) - wanted).sum() <= 0.02 * side.sum()


def test_operating_points_are_those_of_the_models() -> None:
    made = world(2000, 4)

    points = drawn(made, threshold=0.3)["operating_points"]

    for model in BOTH:
        said = seen(made, model) >= 0.3
        assert points[model] == pytest.approx(
            {
                "threshold": 0.3,
                "fpr": said[~made.truth].mean(),
                "tpr": said[made.truth].mean(),
                "recall": said[made.truth].mean(),
                "precision": made.truth[said].mean(),
            }
        )


def test_prevalence_is_the_share_of_positive_rows() -> None:
    made = world(1000, 5)

    assert drawn(made)["prevalence"] == made.truth.mean()


def test_without_a_champion_there_is_one_curve() -> None:
    made = world(500, 6)
    alone = replace(made, scores={"challenger": made.scores["challenger"]})

    pictures = drawn(alone)

    assert list(pictures["roc"]) == list(pictures["operating_points"]) == ["challenger"]
    point = drawn(made)["operating_points"]["challenger"]
    assert pictures["operating_points"]["challenger"] == point


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_a_constant_score_can_be_drawn(score: float) -> None:
    truth = np.arange(100) % 5 == 0

    pictures = drawn(binary(truth, challenger=np.full(100, score)))

    assert pictures["roc"]["challenger"] == [[0.0, 0.0], [1.0, 1.0]]
    assert pictures["pr"]["challenger"] == [[1.0, 0.2]]
    assert sum(pictures["scores"]["challenger"]["negative"]) == 80


def test_other_models_have_pictures_of_their_own() -> None:
    numbers = np.arange(50.0)
    of_numbers = regression(numbers, champion=numbers, challenger=numbers + 1)
    of_classes = multiclass(np.arange(50) % 3, 3, challenger=np.eye(3)[np.arange(50) % 3])

    assert "residuals" in curves(of_numbers, RegressionScores(of_numbers))
    assert "confusion" in curves(of_classes, MulticlassScores(of_classes))
