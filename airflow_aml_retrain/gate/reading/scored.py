"""
One scored file, CSV or Parquet, as compact arrays: read once, block by block.

Law: what a file is, is told by its first bytes and not by its name.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.answers import Answers, Gaps, Taker
from airflow_aml_retrain.gate.reading.binary_answers import BinaryAnswers
from airflow_aml_retrain.gate.reading.cells import Block
from airflow_aml_retrain.gate.reading.columns import Columns, MarkColumns
from airflow_aml_retrain.gate.reading.csv_reader import CsvFile
from airflow_aml_retrain.gate.reading.marks import Marks, MarksTaker
from airflow_aml_retrain.gate.reading.multiclass_answers import MulticlassAnswers
from airflow_aml_retrain.gate.reading.number_answers import NumberAnswers
from airflow_aml_retrain.gate.reading.parquet_reader import MAGIC, ParquetFile
from airflow_aml_retrain.gate.reading.utf8 import filled


class ScoredFile(Protocol):
    """A file of columns that are called *names*."""

    names: tuple[str, ...]

    def blocks(self, wanted: Collection[int], coded: Collection[int]) -> Iterator[Block]:
        """Its rows; *wanted* columns only, and texts of *coded* ones as dictionaries."""
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScoredRows:
    """
    The rows of one *model*'s file, in its order.

    *gaps* are the positions of rows in which the truth or an answer is missing.
    """

    model: str
    task: Task
    answers: Answers
    gaps: NDArray[np.intp]
    marks: Marks

    def __len__(self) -> int:
        return len(self.answers.truth)


def opened(source: BinaryIO) -> ScoredFile:
    """The file in *source*, with its header read."""
    beginning = filled(source, len(MAGIC))
    if beginning != MAGIC:
        return CsvFile(source, beginning)
    if not source.seekable():
        msg = (
            "a Parquet file is read from its end, and this source cannot seek; hand in one that can"
        )
        raise GateError(msg)
    return ParquetFile(source)


def read_scored(
    model: str, file: ScoredFile, columns: Columns, marks: MarkColumns, policy: Policy
) -> ScoredRows:
    """All of *file*; `GateError` says what is wrong with it, and where."""
    gaps = Gaps(allowed=policy.preconditions.max_null_fraction > 0)
    answers_taker = _taker(columns, file.names, policy, gaps)
    marks_taker = MarksTaker(file.names, columns, marks, policy)
    first_row = 1
    for block in file.blocks(_wanted(columns, marks), _coded(columns, marks)):
        answers_taker.take(block, first_row)
        marks_taker.take(block, first_row)
        first_row += len(block[columns.label])
    return ScoredRows(
        model=model,
        task=columns.task,
        answers=answers_taker.answers(),
        gaps=gaps.positions(),
        marks=marks_taker.marks(),
    )


def _taker(columns: Columns, names: Sequence[str], policy: Policy, gaps: Gaps) -> Taker:
    match columns.task:
        case Task.BINARY:
            return BinaryAnswers(columns, names, policy, gaps)
        case Task.MULTICLASS:
            return MulticlassAnswers(columns, names, policy, gaps)
        case Task.REGRESSION:
            return NumberAnswers(columns, names, gaps)


def _wanted(columns: Columns, marks: MarkColumns) -> set[int]:
    some = (columns.label, *columns.scores, columns.said, columns.id, marks.cluster, marks.time)
    return {at for at in (*some, *marks.slices.values()) if at is not None}


def _coded(columns: Columns, marks: MarkColumns) -> set[int]:
    """The columns whose texts are few and repeat."""
    classes = () if columns.task is Task.REGRESSION else (columns.label, columns.said)
    return {at for at in (*classes, *marks.slices.values()) if at is not None}
