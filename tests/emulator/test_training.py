"""What is promised of training: it learns, it is the same twice, it says what was wrong."""

import json
import math
import pickle

import numpy as np
import pytest
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from airflow_aml_retrain.emulator import evaluation, models, tables, training
from airflow_aml_retrain.emulator.evaluation import Numbers
from airflow_aml_retrain.emulator.models import Model, NotAModel, Recipe, Trained
from airflow_aml_retrain.emulator.records import Task
from airflow_aml_retrain.emulator.tables import BadData
from tests.emulator.studio import census

INCOME = Recipe(Task.CLASSIFICATION, "income")


def _learn(csv: str, recipe: Recipe = INCOME) -> Trained:
    return training.train(tables.parse(csv.encode()), recipe)


def _report(trained: Trained) -> dict[str, float]:
    header, row = trained.evaluation.decode().splitlines()
    return dict(zip(header.split(","), map(float, row.split(",")), strict=True))


def test_a_model_learns_and_its_report_has_the_names_of_evaluate_model() -> None:
    report = _report(_learn(census(800)))

    assert list(report) == [
        "Accuracy",
        "Precision",
        "Recall",
        "F-Score",
        "AUC",
        "Average Log Loss",
        "Training Log Loss",
    ]
    assert report["AUC"] > 0.95


def test_the_same_data_and_seed_give_the_same_model() -> None:
    first, second = _learn(census(300)), _learn(census(300))

    rows = tables.parse(census(50, seed=1).encode())
    assert first.evaluation == second.evaluation
    assert models.load(first.model).score(rows) == models.load(second.model).score(rows)


def test_a_saved_model_scores_as_it_did() -> None:
    table = tables.parse(census(200).encode())
    model = models.load(_learn(census(300)).model)

    again = models.load(models.save(model)).score(table)

    assert list(again) == [*table, "Scored Labels", "Scored Probabilities"]
    assert again == model.score(table)


def test_the_score_of_two_classes_is_the_probability_of_the_second_in_sorted_order() -> None:
    model = models.load(_learn(census(500)).model)

    scored = model.score({"age": ["70", "20"], "workclass": ["Private"] * 2, "hours": ["40"] * 2})

    assert scored["Scored Labels"] == [">50K", "<=50K"]
    assert float(scored["Scored Probabilities"][0]) > 0.5 > float(scored["Scored Probabilities"][1])


def test_more_classes_have_a_probability_each() -> None:
    rows = "".join(f"{n},{'abc'[n % 3]}\n" for n in range(300))
    model = models.load(_learn("x,kind\n" + rows, Recipe(Task.CLASSIFICATION, "kind")).model)

    scored = model.score({"x": ["1"]})

    assert list(scored)[1:] == [
        *(f'Scored Probabilities for Class "{kind}"' for kind in "abc"),
        "Scored Labels",
    ]


def test_regression_has_a_label_and_its_own_report() -> None:
    rows = "".join(f"{n},{n * 2.5}\n" for n in range(400))
    trained = _learn("x,y\n" + rows, Recipe(Task.REGRESSION, "y"))

    scored = models.load(trained.model).score({"x": ["100"]})

    assert list(scored) == ["x", "Scored Labels"]
    assert math.isclose(float(scored["Scored Labels"][0]), 250, rel_tol=0.05)
    assert list(_report(trained)) == [
        "Mean Absolute Error",
        "Root Mean Squared Error",
        "Relative Absolute Error",
        "Relative Squared Error",
        "Coefficient of Determination",
    ]


def test_the_report_agrees_with_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 2, 500)
    said = np.clip(truth * 0.3 + chance.random(500) * 0.7, 0.01, 0.99, dtype=np.float64)

    report = evaluation.binary(truth, said)

    assert report["Accuracy"] == pytest.approx(metrics.accuracy_score(truth, said >= 0.5))
    assert report["Precision"] == pytest.approx(metrics.precision_score(truth, said >= 0.5))
    assert report["Recall"] == pytest.approx(metrics.recall_score(truth, said >= 0.5))
    assert report["F-Score"] == pytest.approx(metrics.f1_score(truth, said >= 0.5))
    assert report["AUC"] == pytest.approx(metrics.roc_auc_score(truth, said))
    assert report["Average Log Loss"] == pytest.approx(metrics.log_loss(truth, said))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "DatasetIsEmpty"),
        (b" \n", "TooFewRowsInDataset"),
        (b"age,income\n", "TooFewRowsInDataset"),
        (b"age,income\n1,\xff\n", "InvalidDataset"),
        (b"age,income\n1,2,3\n", "InvalidDataset"),
        (b'age,income\n1,"2\n', "InvalidDataset"),
        (b"age,age\n1,2\n", "DuplicatedColumnName"),
        (b"age,hours\n1,2\n", "ColumnNotFound"),
        (b"income\n>50K\n<=50K\n", "TooFewColumnsInDataset"),
        (b"age,income\n1,a\n2,\n3,?\n", "LabelColumnHasMissingValues"),
        (b"age,income\n1,a\n2,a\n", "LabelColumnDoesNotHaveRequiredClasses"),
    ],
)
def test_bad_data_is_said_to_be_bad(data: bytes, code: str) -> None:
    with pytest.raises(BadData) as said:
        training.train(tables.parse(data), INCOME)

    assert said.value.code == code


def test_a_failure_crosses_from_a_worker_process_with_its_words() -> None:
    said = BadData("ColumnNotFound", "no such column")

    again = pickle.loads(pickle.dumps(said))  # noqa: S301 - what a process pool does

    assert (again.code, again.message) == (said.code, said.message)


def test_a_model_looks_for_its_own_columns() -> None:
    model = models.load(_learn(census(300)).model)

    with pytest.raises(BadData, match='"workclass", "hours" not found'):
        model.score({"age": ["30"]})


def _spoilt(**change: object) -> bytes:
    """A model of one tree with two leaves, and something wrong with it."""
    kept = {
        "format": "airflow-aml-retrain.ilearner/2",
        "label": "income",
        "columns": {"age": None},
        "classes": ["<=50K", ">50K"],
        "baseline": [0.5],
        "roots": [0],
        "feature": [0, 0, 0],
        "threshold": [40.0, 0.0, 0.0],
        "missing_left": [True, False, False],
        "left": [1, 1, 2],
        "right": [2, 1, 2],
        "value": [0.0, -1.0, 1.0],
    }
    return json.dumps(kept | change).encode()


def test_a_model_is_plain_json() -> None:
    scored = models.load(_spoilt()).score({"age": ["30", "50", "?"]})

    assert scored["Scored Labels"] == ["<=50K", ">50K", "<=50K"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"\xff",
        b"null",
        b"[" * 10_000,
        pickle.dumps({"format": "airflow-aml-retrain.ilearner/2"}),
        _spoilt(format="airflow-aml-retrain.ilearner/1"),
        _spoilt(more=1),
        _spoilt(columns={}),
        _spoilt(classes=["a", "b", "c"]),
        _spoilt(baseline=[]),
        _spoilt(value=["0", "1", "2"]),
        _spoilt(threshold=[40.0]),
        _spoilt(feature=[1, 0, 0]),
        _spoilt(feature=[-1, 0, 0]),
        _spoilt(roots=[3]),
        _spoilt(left=[3, 1, 2]),
        _spoilt(right=[2**70, 1, 2]),
        # A way back, on which scoring would go round for ever.
        _spoilt(left=[1, 0, 2]),
    ],
)
def test_what_is_no_model_is_refused_whatever_it_is(data: bytes) -> None:
    with pytest.raises(NotAModel):
        models.load(data)


def _cases(rows: int, *, seed: int) -> Numbers:
    """Rows of numbers, of which some are missing; of the last, nothing else can be said."""
    chance = np.random.default_rng(seed)
    cases = chance.normal(size=(rows, 4))
    cases[chance.random(cases.shape) < 0.1] = np.nan
    cases[:, -1] *= 0
    return cases


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_the_scores_are_those_of_scikit_learn(classes: int) -> None:
    known, new = _cases(1000, seed=1), _cases(1300, seed=2)
    truth = np.nansum(known, axis=1) + 3 * np.isnan(known[:, -1])
    kind, truth = (
        (HistGradientBoostingClassifier, np.digitize(truth, range(classes - 1)))
        if classes
        else (HistGradientBoostingRegressor, truth)
    )
    estimator = kind(max_iter=20).fit(known, truth)

    names = [str(number) for number in range(classes)]
    model = Model("y", dict.fromkeys("abcd"), names, training._forest(estimator))

    said = estimator.predict_proba(new) if classes else estimator.predict(new)
    again = models.load(models.save(model))
    assert np.isinf(again.forest.threshold).any()
    assert np.allclose(model.predicted(new), said, rtol=1e-12, atol=1e-15)
    assert np.array_equal(again.predicted(new), model.predicted(new))
    assert np.array_equal(again.predicted(new[7:8]), model.predicted(new)[7:8])
