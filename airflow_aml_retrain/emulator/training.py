"""
Training: the only file that knows scikit-learn.

A model is gradient-boosted trees over numbers; a categorical value is the place of its name in
the sorted list of names. The same data and seed give the same model. Importing this takes
seconds, so only worker processes do.
"""

import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from airflow_aml_retrain.emulator import evaluation, models, tables
from airflow_aml_retrain.emulator.evaluation import Codes, Numbers
from airflow_aml_retrain.emulator.models import Forest, Model, Recipe, Trained
from airflow_aml_retrain.emulator.records import Task
from airflow_aml_retrain.emulator.tables import BadData, Table

_EVALUATED_SHARE: Final = 0.25


def train(table: Table, recipe: Recipe) -> Trained:
    """Learn *recipe* from three quarters of *table* and evaluate on the rest."""
    _keep_to_one_core()
    columns = _columns(table, recipe)
    classes, truth = _truth(table[recipe.label], recipe)
    features = models.features(columns, table)
    learned, held = _split(truth if classes else None, len(truth), recipe.seed)
    estimator = _estimator(recipe).fit(features[learned], truth[learned])
    model = Model(recipe.label, columns, classes, _forest(estimator))
    metrics = _evaluated(model, features[held], truth[held])
    return Trained(models.save(model), evaluation.render(metrics))


def _columns(table: Table, recipe: Recipe) -> dict[str, list[str] | None]:
    if recipe.label not in table:
        message = f'Column with name "{recipe.label}" not found: it is the label column.'
        raise BadData("ColumnNotFound", message)
    if len(table) == 1:
        raise BadData("TooFewColumnsInDataset", "The dataset has no column beside its label.")
    return {name: _categories(table[name]) for name in table if name != recipe.label}


def _categories(values: Sequence[str]) -> list[str] | None:
    if tables.numbers(values) is not None:
        return None
    return sorted({value.strip() for value in values} - tables.MISSING)


def _truth(values: Sequence[str], recipe: Recipe) -> tuple[list[str], Any]:
    """The classes in sorted order (none for regression) and each row's class number or value."""
    missing = tables.missing(values)
    if missing:
        raise BadData(
            "LabelColumnHasMissingValues",
            f'Label column "{recipe.label}" has {missing} missing values.',
        )
    if recipe.task is Task.REGRESSION:
        return [], np.array(models.numbers(recipe.label, values))
    names = sorted({value.strip() for value in values})
    if len(names) < 2:
        message = f'Label column "{recipe.label}" holds one value only: "{names[0]}".'
        raise BadData("LabelColumnDoesNotHaveRequiredClasses", message)
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[value.strip()] for value in values], dtype=np.int64)


def _split(classes: Codes | None, rows: int, seed: int) -> tuple[Codes, Codes]:
    """Rows to learn from and rows to evaluate on; all for both where there are too few."""
    everything = np.arange(rows)
    groups = (
        [everything] if classes is None else [np.flatnonzero(classes == c) for c in set(classes)]
    )
    if min(len(group) for group in groups) < 4:
        return everything, everything
    shuffled = np.random.default_rng(seed)
    held = np.zeros(rows, dtype=bool)
    for group in groups:
        chosen = shuffled.permutation(group)[: round(len(group) * _EVALUATED_SHARE)]
        held[chosen] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _estimator(recipe: Recipe) -> Any:
    kind = (
        HistGradientBoostingRegressor
        if recipe.task is Task.REGRESSION
        else HistGradientBoostingClassifier
    )
    return kind(max_iter=80, early_stopping=False, random_state=recipe.seed)


def _forest(estimator: Any) -> Forest:
    """The trees of a fitted *estimator*, as scikit-learn itself would walk through them."""
    # scikit-learn shows its trees nowhere else, and these names have not changed since 2019.
    trees = [tree.nodes for step in estimator._predictors for tree in step]  # noqa: SLF001 - see above
    starts = np.cumsum([0, *(len(tree) for tree in trees)])
    nodes = np.concatenate(trees)
    numbers, leaf = np.arange(len(nodes)), nodes["is_leaf"].astype(bool)
    start = np.repeat(starts[:-1], np.diff(starts))
    return Forest(
        baseline=estimator._baseline_prediction.ravel(),  # noqa: SLF001 - see above
        roots=starts[:-1],
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"].astype(bool),
        left=np.where(leaf, numbers, start + nodes["left"]),
        right=np.where(leaf, numbers, start + nodes["right"]),
        value=nodes["value"],
    )


def _evaluated(model: Model, features: Numbers, truth: Any) -> dict[str, float]:
    predicted = model.predicted(features)
    if not model.classes:
        return evaluation.regression(truth, predicted)
    if len(model.classes) == 2:
        return evaluation.binary(truth, predicted[:, 1])
    return evaluation.multiclass(truth, predicted)


def _keep_to_one_core() -> None:
    """
    Make scikit-learn use one thread in the thread that calls.

    Several workers train side by side; threads of threads would wait for each other in a loop.
    """
    if not getattr(_THREAD, "is_settled", False):
        threadpool_limits(1, user_api="openmp")
        _THREAD.is_settled = True


_THREAD: Final = threading.local()
