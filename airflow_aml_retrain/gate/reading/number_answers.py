"""What a regression model was asked and answered: two numbers a row."""

from collections.abc import Sequence

import numpy as np

from airflow_aml_retrain.gate.growing import Growing
from airflow_aml_retrain.gate.reading.answers import Answers, Gaps, some
from airflow_aml_retrain.gate.reading.cells import Block, numbers
from airflow_aml_retrain.gate.reading.columns import Columns


class NumberAnswers:
    """Takes the answers of a regression model whose columns are called *names*."""

    def __init__(self, columns: Columns, names: Sequence[str], gaps: Gaps) -> None:
        self._at = (columns.label, columns.scores[0])
        self._what = (f"label {names[self._at[0]]!r}", f"score {names[self._at[1]]!r}")
        self._gaps = gaps
        self._values = (Growing(np.float64), Growing(np.float64))

    def take(self, block: Block, first_row: int) -> None:
        for at, what, values in zip(self._at, self._what, self._values, strict=True):
            given, missing = numbers(block[at], first_row, what)
            self._gaps.note(missing, first_row, what)
            values.append(given)

    def answers(self) -> Answers:
        truth, scores = (some(values.finished()) for values in self._values)
        return Answers((), truth, scores)
