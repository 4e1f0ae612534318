"""
What a binary model was asked and answered: a class, and the probability of the positive one.

Law: which class is positive is the policy's to say or the second in sorted order, as the Studio
has it, and the model's own labels must not contradict it.
"""

from collections.abc import Sequence

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
    listed,
    require_known,
    require_two,
    some,
)
from airflow_aml_retrain.gate.reading.cells import Block
from airflow_aml_retrain.gate.reading.codes import Codes
from airflow_aml_retrain.gate.reading.columns import Columns
from airflow_aml_retrain.gate.spelling import canonical, in_order


class BinaryAnswers:
    """Takes the answers of a binary model whose columns are called *names*."""

    def __init__(self, columns: Columns, names: Sequence[str], policy: Policy, gaps: Gaps) -> None:
        self._columns = columns
        self._positive = policy.data.positive
        advice = "binary classification has two"
        self._label = Codes(f"label {names[columns.label]!r}", 2, advice, canonical)
        self._said = Codes("the scored label", 2, advice, canonical)
        self._score = Probability(names[columns.scores[0]], policy)
        self._gaps = gaps
        self._labels = Growing(np.int8)
        self._scores = Growing(np.float32)
        self._grain = GrainTaker()
        self._counts = np.zeros(2)
        self._sums = np.zeros(2)

    def take(self, block: Block, first_row: int) -> None:
        labels = self._label.of(block[self._columns.label])
        self._gaps.note(np.flatnonzero(labels < 0), first_row, self._label.what)
        scores, missing = self._score.of(block[self._columns.scores[0]], first_row)
        self._gaps.note(missing, first_row, self._score.what)
        self._labels.append(labels)
        folded = fold(scores)
        self._scores.append(folded)
        self._grain.append(scores, folded)
        if self._columns.said is not None:
            said = self._said.of(block[self._columns.said])
            self._gaps.note(np.flatnonzero(said < 0), first_row, self._said.what)
            said[missing] = -1
            self._add(said, scores)

    def _add(self, said: NDArray[np.int32], scores: NDArray[np.float64]) -> None:
        """Add up the scores by scored label, -1 where there is none or no score."""
        self._counts += np.bincount(said + 1, minlength=3)[1:]
        self._sums += np.bincount(said + 1, weights=scores, minlength=3)[1:]

    def answers(self) -> Answers:
        labels = some(self._labels.finished())
        values = self._label.values
        positive = self._chosen()
        self._require_agreement(positive)
        negative = next(value for value in values if value != positive)
        # In place: nobody needs the codes any more, and there are as many as there are rows.
        truth = np.equal(labels, values.index(positive), out=labels.view(np.bool_))
        return Answers(
            (negative, positive), truth, self._scores.finished(), grain=self._grain.finished()
        )

    def _chosen(self) -> str:
        """The class that scores are the probability of."""
        require_two(self._label)
        wished, there = self._positive, in_order(self._label.values)
        if wished is None:
            return there[1]
        if canonical(wished) not in there:
            msg = (
                f"the policy's positive value is {wished!r}, and {self._label.what} holds "
                f"{listed(there)}"
            )
            raise GateError(msg)
        return canonical(wished)

    def _require_agreement(self, positive: str) -> None:
        """
        Refuse scores that run against the model's own labels.

        A `positive` that is the wrong class turns every metric around, and would promote the
        worse model; the scored labels give it away.
        """
        said = self._said.values
        require_known(said, self._label.values)
        if len(said) < 2:
            return
        mean = self._sums / np.maximum(self._counts, 1)
        at = said.index(positive)
        if mean[at] < mean[1 - at]:
            msg = (
                f"rows scored {positive!r} have lower scores than the others, so the scores are "
                f"not the probability of {positive!r}: correct the policy's positive value"
            )
            raise GateError(msg)
