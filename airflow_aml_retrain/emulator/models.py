"""
Models: what they hold, how they are kept, how they score.

Law: an `.ilearner` of ours is JSON. Reading one makes numbers and strings and runs nothing of the
file's; scoring with whatever was read ends, because no step in a tree leads backwards. Neither
needs scikit-learn, so the process that answers does without it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from airflow_aml_retrain.emulator import tables
from airflow_aml_retrain.emulator.evaluation import Codes, Numbers
from airflow_aml_retrain.emulator.records import Task
from airflow_aml_retrain.emulator.tables import BadData, Table

# So many rows at a time walk through all trees, so that they stay in the processor's cache.
_ROWS: Final = 512


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """
    Trees whose values are added up, for one output (a number, or two classes) or one per class.

    *roots* are the first nodes of the trees, which take turns for the outputs; the other arrays
    have an item per node, and a leaf is a node that leads to itself.
    """

    baseline: Numbers
    roots: Codes
    feature: Codes
    threshold: Numbers
    missing_left: npt.NDArray[np.bool_]
    left: Codes
    right: Codes
    value: Numbers

    def outputs(self, features: Numbers) -> Numbers:
        """One row per output, for one row of *features* per case; NaN is a missing value."""
        parts = [self._outputs(features[at : at + _ROWS]) for at in range(0, len(features), _ROWS)]
        return np.concatenate(parts, axis=1)

    def _outputs(self, features: Numbers) -> Numbers:
        total = np.repeat(self.baseline[:, np.newaxis], len(features), axis=1)
        leaves = self.value[self._leaves(features)]
        # One after the other: numpy's own sum depends on how many rows there are.
        for values in leaves.reshape(-1, *total.shape):
            total += values
        return total

    def _leaves(self, features: Numbers) -> Codes:
        """Where each case ends in each tree."""
        cases = np.arange(len(features))
        place = np.repeat(self.roots[:, np.newaxis], len(features), axis=1)
        while True:
            value = features[cases, self.feature[place]]
            is_left = np.where(
                np.isnan(value), self.missing_left[place], value <= self.threshold[place]
            )
            reached = np.where(is_left, self.left[place], self.right[place])
            if np.array_equal(reached, place):
                return place
            place = reached


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
    forest: Forest

    def score(self, table: Table) -> Table:
        """*table* with the score columns added; `BadData` if a feature is missing."""
        predicted = self.predicted(features(self.columns, table))
        if not self.classes:
            scores = {"Scored Labels": _texts(predicted)}
        else:
            scores = self._scored_classes(predicted)
        return {name: values for name, values in table.items() if name not in scores} | scores

    def predicted(self, features: Numbers) -> Numbers:
        """A number per case, or the probabilities of the classes, a column for each."""
        outputs = self.forest.outputs(features)
        if not self.classes:
            return outputs.ravel()
        if len(self.classes) == 2:
            # Of a margin below -709 this overflows, rightly, to a probability of 0.
            with np.errstate(over="ignore"):
                positive = 1 / (1 + np.exp(-outputs.ravel()))
            return np.column_stack([1 - positive, positive])
        shares: Numbers = np.exp(outputs - outputs.max(axis=0))
        shares /= shares.sum(axis=0)
        return shares.transpose()

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


def features(columns: dict[str, list[str] | None], table: Table) -> Numbers:
    """What a model with *columns* sees of *table*; `BadData` if a column is missing."""
    missing = [name for name in columns if name not in table]
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        raise BadData("ColumnNotFound", f"Column with name {names} not found.")
    encoded = [_encoded(name, table[name], kinds) for name, kinds in columns.items()]
    return np.array(encoded, dtype=np.float64).T


def numbers(name: str, values: Sequence[str]) -> list[float]:
    """The values of column *name* as numbers; `BadData` if one of them is none."""
    found = tables.numbers(values)
    if found is None:
        raise BadData("ColumnTypeMismatch", f'Column "{name}" holds a value that is not a number.')
    return found


def save(model: Model) -> bytes:
    forest = {name: getattr(model.forest, name).tolist() for name in Forest.__slots__}
    kept = _Kept(label=model.label, columns=model.columns, classes=model.classes, **forest)
    return kept.model_dump_json().encode()


def load(data: bytes) -> Model:
    """The model in *data*; `NotAModel` for anything else, whatever it is."""
    try:
        kept = _Kept.model_validate_json(data)
        return Model(kept.label, kept.columns, kept.classes, kept.forest())
    # A number too large for an array is an OverflowError; pydantic's is a ValueError.
    except (ValueError, OverflowError) as exc:
        msg = f"not a model of this service: {type(exc).__name__}"
        raise NotAModel(msg) from exc


class _Kept(BaseModel):
    """An `.ilearner` as JSON; a threshold can be infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="constants")

    format: Literal["airflow-aml-retrain.ilearner/2"] = "airflow-aml-retrain.ilearner/2"
    label: str
    columns: dict[str, list[str] | None]
    classes: list[str]
    baseline: list[float]
    roots: list[int]
    feature: list[int]
    threshold: list[float]
    missing_left: list[bool]
    left: list[int]
    right: list[int]
    value: list[float]

    def forest(self) -> Forest:
        """The trees; ValueError unless every step in them leads onwards to a node that exists."""
        read = Forest(
            baseline=np.array(self.baseline, dtype=np.float64),
            roots=np.array(self.roots, dtype=np.int64),
            feature=np.array(self.feature, dtype=np.int64),
            threshold=np.array(self.threshold, dtype=np.float64),
            missing_left=np.array(self.missing_left, dtype=np.bool_),
            left=np.array(self.left, dtype=np.int64),
            right=np.array(self.right, dtype=np.int64),
            value=np.array(self.value, dtype=np.float64),
        )
        outputs = len(self.classes) if len(self.classes) > 2 else 1
        trees_fit = len(read.roots) % outputs == 0 and len(read.baseline) == outputs
        if not (trees_fit and self.columns and _leads_onwards(read, len(self.columns))):
            msg = "the trees do not hold together"
            raise ValueError(msg)
        return read


def _leads_onwards(forest: Forest, features: int) -> bool:
    nodes = np.arange(len(forest.value))
    per_node = (forest.feature, forest.threshold, forest.missing_left, forest.left, forest.right)
    if not all(len(each) == len(nodes) for each in per_node):
        return False
    return all(
        bool(((low <= each) & (each < high)).all())
        for each, low, high in (
            (forest.roots, 0, len(nodes)),
            (forest.feature, 0, features),
            (forest.left, nodes, len(nodes)),
            (forest.right, nodes, len(nodes)),
        )
    )


def _encoded(name: str, values: Sequence[str], kinds: list[str] | None) -> list[float]:
    if kinds is None:
        return numbers(name, values)
    places = {kind: float(place) for place, kind in enumerate(kinds)}
    return [places.get(value.strip(), math.nan) for value in values]


def _texts(values: Numbers) -> list[str]:
    return [repr(value) for value in values.tolist()]
