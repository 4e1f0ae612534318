"""
What a multiclass model was asked and answered: a class, and a probability for each class.

Law: the classes are those that have a column of scores, and the scores of a row add up to 1. What
the model said is its scored label or, where there is none, the class of the highest score.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.folded import fold
from airflow_aml_retrain.gate.grain import GrainTaker
from airflow_aml_retrain.gate.growing import Growing
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.answers import (
    Answers,
    Gaps,
    Probability,
    require_known,
    require_two,
    some,
)
from airflow_aml_retrain.gate.reading.cells import Block, rows_at
from airflow_aml_retrain.gate.reading.codes import Codes
from airflow_aml_retrain.gate.reading.columns import Columns
from airflow_aml_retrain.gate.spelling import canonical, in_order

_MOST_CLASSES: Final = 1000
_SUM_OFF: Final = 0.01


class MulticlassAnswers:
    """Takes the answers of a multiclass model whose columns are called *names*."""

    def __init__(self, columns: Columns, names: Sequence[str], policy: Policy, gaps: Gaps) -> None:
        self._columns = columns
        self._classes = tuple(in_order(columns.classes))
        advice = "is it the label of a classification?"
        self._label = Codes(f"label {names[columns.label]!r}", _MOST_CLASSES, advice, canonical)
        self._said = Codes("the scored label", _MOST_CLASSES, advice, canonical)
        by_class = dict(zip(columns.classes, columns.scores, strict=True))
        self._score_at = tuple(by_class[name] for name in self._classes)
        self._score = tuple(Probability(names[at], policy) for at in self._score_at)
        self._gaps = gaps
        self._labels = Growing(np.int16)
        self._answers = Growing(np.int16)
        self._scores = Growing(np.float32, len(self._classes))
        self._grain = GrainTaker(len(self._classes))

    def take(self, block: Block, first_row: int) -> None:
        labels = self._label.of(block[self._columns.label])
        self._gaps.note(np.flatnonzero(labels < 0), first_row, self._label.what)
        scores = self._taken(block, first_row)
        self._labels.append(labels)
        folded = fold(scores)
        self._scores.append(folded)
        self._grain.append(scores, folded)
        if self._columns.said is None:
            self._answers.append(scores.argmax(axis=1))
            return
        said = self._said.of(block[self._columns.said])
        self._gaps.note(np.flatnonzero(said < 0), first_row, self._said.what)
        self._answers.append(said)

    def _taken(self, block: Block, first_row: int) -> NDArray[np.float64]:
        scores = np.empty((len(block[self._columns.label]), len(self._classes)))
        known = np.ones(len(scores), np.bool_)
        for at, (place, column) in enumerate(zip(self._score_at, self._score, strict=True)):
            scores[:, at], missing = column.of(block[place], first_row)
            self._gaps.note(missing, first_row, column.what)
            known[missing] = False
        wrong = np.flatnonzero(known & (np.abs(scores.sum(axis=1) - 1.0) > _SUM_OFF))
        if wrong.size:
            msg = (
                f"the scores of all classes add up to {scores[wrong[0]].sum():.4g} in "
                f"{rows_at(wrong + first_row)}; probabilities add up to 1"
            )
            raise GateError(msg)
        return scores

    def answers(self) -> Answers:
        labels = some(self._labels.finished())
        require_two(self._label)
        require_known(self._label.values, self._classes, self._label.what, "a class with scores")
        require_known(self._said.values, self._classes, "the scored label", "a class with scores")
        said = self._answers.finished()
        if self._columns.said is not None:
            said = self._ordered(self._said)[said]
        truth = self._ordered(self._label)[labels]
        return Answers(self._classes, truth, self._scores.finished(), said, self._grain.finished())

    def _ordered(self, codes: Codes) -> NDArray[np.int16]:
        """From codes, as values came, to positions in the sorted classes; a gap becomes 0."""
        return np.array([*map(self._classes.index, codes.values), 0], np.int16)
