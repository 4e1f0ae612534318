"""
Training, saving and using models: the only file that knows scikit-learn.

A model is gradient-boosted trees over numbers; a categorical value is the place of its name in
the sorted list of names. An `.ilearner` of ours is a skops archive: loading one builds only the
types on `_TRUSTED` and runs no code of the file's. The same data and seed give the same model.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from skops import io as skops
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from airflow_aml_retrain.emulator import evaluation, tables
from airflow_aml_retrain.emulator.evaluation import Codes, Numbers
from airflow_aml_retrain.emulator.records import Task
from airflow_aml_retrain.emulator.tables import BadData, Table

_FORMAT: Final = "airflow-aml-retrain.ilearner/1"
_TRUSTED: Final = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
_EVALUATED_SHARE: Final = 0.25


class NotAModel(Exception):
    """The bytes are no `.ilearner` of ours."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is learned: *label* is the column to predict."""

    task: Task
    label: str
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """An `.ilearner`, and the evaluation's CSV on the rows that were held back."""

    model: bytes
    evaluation: bytes


@dataclass(frozen=True, slots=True)
class Model:
    """
    A trained model with what it needs to read a table.

    *columns* maps each feature to its sorted category names, None for numbers; *classes* is
    empty for regression.
    """

    label: str
    columns: dict[str, list[str] | None]
    classes: list[str]
    estimator: Any

    def score(self, table: Table) -> Table:
        """*table* with the score columns added; `BadData` if a feature is missing."""
        _keep_to_one_core()
        features = self.features(table)
        if not self.classes:
            scores = {"Scored Labels": _texts(self.estimator.predict(features))}
        else:
            scores = self._scored_classes(cast("Numbers", self.estimator.predict_proba(features)))
        return {name: values for name, values in table.items() if name not in scores} | scores

    def features(self, table: Table) -> Numbers:
        missing = [name for name in self.columns if name not in table]
        if missing:
            names = ", ".join(f'"{name}"' for name in missing)
            raise BadData("ColumnNotFound", f"Column with name {names} not found.")
        columns = [_encoded(name, table[name], kinds) for name, kinds in self.columns.items()]
        return np.array(columns, dtype=np.float64).T

    def _scored_classes(self, probabilities: Numbers) -> Table:
        if len(self.classes) == 2:
            positive = probabilities[:, 1]
            chosen = (positive >= 0.5).astype(np.int64)
            return self._labels(chosen) | {"Scored Probabilities": _texts(positive)}
        scores = {
            f'Scored Probabilities for Class "{name}"': _texts(probabilities[:, number])
            for number, name in enumerate(self.classes)
        }
        return scores | self._labels(probabilities.argmax(axis=1))

    def _labels(self, chosen: Codes) -> Table:
        return {"Scored Labels": [self.classes[number] for number in chosen]}


def train(table: Table, recipe: Recipe) -> Trained:
    """Learn *recipe* from three quarters of *table* and evaluate on the rest."""
    _keep_to_one_core()
    columns = _columns(table, recipe)
    classes, truth = _truth(table[recipe.label], recipe)
    blank = Model(recipe.label, columns, classes, None)
    features = blank.features(table)
    learned, held = _split(truth if classes else None, len(truth), recipe.seed)
    estimator = _estimator(recipe).fit(features[learned], truth[learned])
    model = Model(recipe.label, columns, classes, estimator)
    metrics = _evaluated(model, features[held], truth[held])
    return Trained(save(model), evaluation.render(metrics))


def save(model: Model) -> bytes:
    return cast(
        "bytes",
        skops.dumps(
            {
                "format": _FORMAT,
                "label": model.label,
                "columns": model.columns,
                "classes": model.classes,
                "estimator": model.estimator,
            }
        ),
    )


def load(data: bytes) -> Model:
    """The model in *data*; `NotAModel` for anything else, whatever it is."""
    try:
        found = skops.loads(data, trusted=_TRUSTED)
    # Not a list of errors: hostile bytes fail in all the ways that zip, JSON and numpy know.
    except Exception as exc:
        msg = f"not a model of this service: {type(exc).__name__}"
        raise NotAModel(msg) from exc
    match found:
        case {
            "format": str(form),
            "label": str(label),
            "columns": dict(columns),
            "classes": list(classes),
            "estimator": HistGradientBoostingClassifier()
            | HistGradientBoostingRegressor() as estimator,
        } if form == _FORMAT:
            return Model(label, columns, classes, estimator)
        case _:
            msg = f"not a model of this service: {type(found).__name__}"
            raise NotAModel(msg)


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


def _encoded(name: str, values: Sequence[str], kinds: list[str] | None) -> list[float]:
    if kinds is None:
        return _numbers(name, values)
    places = {kind: float(place) for place, kind in enumerate(kinds)}
    return [places.get(value.strip(), math.nan) for value in values]


def _numbers(name: str, values: Sequence[str]) -> list[float]:
    found = tables.numbers(values)
    if found is None:
        raise BadData("ColumnTypeMismatch", f'Column "{name}" holds a value that is not a number.')
    return found


def _truth(values: Sequence[str], recipe: Recipe) -> tuple[list[str], Any]:
    """The classes in sorted order (none for regression) and each row's class number or value."""
    missing = tables.missing(values)
    if missing:
        raise BadData(
            "LabelColumnHasMissingValues",
            f'Label column "{recipe.label}" has {missing} missing values.',
        )
    if recipe.task is Task.REGRESSION:
        return [], np.array(_numbers(recipe.label, values))
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


def _evaluated(model: Model, features: Numbers, truth: Any) -> dict[str, float]:
    if not model.classes:
        return evaluation.regression(truth, model.estimator.predict(features))
    probabilities = model.estimator.predict_proba(features)
    if len(model.classes) == 2:
        return evaluation.binary(truth, probabilities[:, 1])
    return evaluation.multiclass(truth, probabilities)


def _texts(values: Numbers) -> list[str]:
    return [repr(value) for value in values.tolist()]


def _keep_to_one_core() -> None:
    """
    Make scikit-learn use one thread in the thread that calls.

    Several workers train side by side; threads of threads would wait for each other in a loop.
    """
    if not getattr(_THREAD, "is_settled", False):
        threadpool_limits(1, user_api="openmp")
        _THREAD.is_settled = True


_THREAD: Final = threading.local()
