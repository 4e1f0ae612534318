"""
A scored CSV as two compact arrays, read in one pass and in bounded memory.

Law: what cannot be understood is refused with the row it stands in; row 1 is the first row after
the header. Nothing is dropped, filled in or guessed.

Every column is read as text and turned into numbers here, since the parser's own conversion does
not say which row it stumbled over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.cells import ClassCodes, canonical, in_order, numbers, rows_at
from airflow_aml_retrain.gate.columns import Columns, find_columns
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.utf8 import Utf8Stream

T = TypeVar("T", bound=np.generic)

# Measured on 1e6 rows: 4 MB blocks were a tenth faster and took half as much memory again.
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRows:
    """
    The truth and one model's scores, row by row.

    Binary: *truth* is True where the label is *positive*, one of the two sorted *classes*.
    Regression: *truth* holds the values themselves; *classes* is empty.
    """

    task: Task
    truth: NDArray[np.bool_] | NDArray[np.float64]
    scores: NDArray[np.float64]
    classes: tuple[str, ...] = ()
    positive: str = ""


def read_scored(source: BinaryIO, policy: Policy) -> ScoredRows:
    """The rows of the scored CSV in *source*; `GateError` says what is wrong and where."""
    stream = Utf8Stream(source)
    header = stream.header()
    if not header:
        msg = "the file is empty: it has neither header nor rows"
        raise GateError(msg)
    columns = find_columns(header, policy)
    names = tuple(name.strip() for name in header)
    if columns.task is Task.BINARY:
        return _binary(stream, names, columns, policy)
    return _regression(stream, names, columns)


def _binary(
    stream: Utf8Stream, names: tuple[str, ...], columns: Columns, policy: Policy
) -> ScoredRows:
    label = ClassCodes(f"label {names[columns.label]!r}", limit=2)
    said = ClassCodes("the scored label", limit=2)
    labels, scores, scored_labels = [], [], []
    for first_row, block in _blocks(stream, names, columns):
        labels.append(label.codes(block[columns.label], first_row))
        scores.append(_probabilities(block[columns.score], first_row, names[columns.score]))
        if columns.scored_label is not None:
            scored_labels.append(said.codes(block[columns.scored_label], first_row))
    codes, scored = _joined(labels), _joined(scores)
    positive = _positive(label, policy.positive)
    if scored_labels:
        _require_agreement(said, np.concatenate(scored_labels), scored, label.values, positive)
    return ScoredRows(
        task=Task.BINARY,
        truth=codes == label.values.index(positive),
        scores=scored,
        classes=tuple(in_order(label.values)),
        positive=positive,
    )


def _regression(stream: Utf8Stream, names: tuple[str, ...], columns: Columns) -> ScoredRows:
    label, score = f"label {names[columns.label]!r}", f"score {names[columns.score]!r}"
    labels, scores = [], []
    for first_row, block in _blocks(stream, names, columns):
        labels.append(numbers(block[columns.label], first_row, label))
        scores.append(numbers(block[columns.score], first_row, score))
    truth = _joined(labels)
    if truth.min() == truth.max():
        msg = f"{label} is {truth[0]} in every row; nothing can be learned about a model from that"
        raise GateError(msg)
    return ScoredRows(task=Task.REGRESSION, truth=truth, scores=_joined(scores))


def _blocks(
    stream: Utf8Stream, names: tuple[str, ...], columns: Columns
) -> Iterator[tuple[int, dict[int, pa.Array]]]:
    """Blocks of the wanted columns as strings, by position, each with its first row's number."""
    # Columns go by position: names may repeat, and the file's own spelling is nobody's promise.
    wanted = [at for at in (columns.label, columns.score, columns.scored_label) if at is not None]
    first_row = 1
    try:
        for batch in _open(stream, len(names), sorted(set(wanted))):
            if len(batch):
                yield first_row, {int(name): batch.column(name) for name in batch.schema.names}
            first_row += len(batch)
    except pa.ArrowInvalid as exc:
        msg = f"after row {first_row - 1} the file is not the CSV that its header promises: {exc}"
        raise GateError(msg) from exc


def _open(stream: Utf8Stream, width: int, wanted: list[int]) -> pa.csv.CSVStreamingReader:
    kept = [str(at) for at in wanted]
    return pa.csv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=pa.csv.ReadOptions(
            block_size=_BLOCK,
            column_names=[str(at) for at in range(width)],
            skip_rows_after_names=1,
            use_threads=False,
        ),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            include_columns=kept,
            column_types=dict.fromkeys(kept, pa.string()),
            check_utf8=False,
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )


def _probabilities(cells: pa.Array, first_row: int, column: str) -> NDArray[np.float64]:
    scores = numbers(cells, first_row, f"score {column!r}")
    outside = np.flatnonzero((scores < 0) | (scores > 1))
    if outside.size:
        msg = (
            f"score {column!r} is {scores[outside[0]]} in {rows_at(outside + first_row)}; "
            "a probability lies in [0, 1]"
        )
        raise GateError(msg)
    return scores


def _joined(blocks: list[NDArray[T]]) -> NDArray[T]:
    if not blocks:
        msg = "the file has a header and no rows"
        raise GateError(msg)
    return np.concatenate(blocks)


def _positive(label: ClassCodes, wished: str | None) -> str:
    if len(label.values) == 1:
        msg = (
            f"{label.what} is {label.values[0]!r} in every row; a hold-out needs rows of both "
            "classes"
        )
        raise GateError(msg)
    if wished is None:
        return in_order(label.values)[1]
    if canonical(wished) not in label.values:
        there = " and ".join(map(repr, in_order(label.values)))
        msg = f"the policy's positive value is {wished!r}, and {label.what} holds {there}"
        raise GateError(msg)
    return canonical(wished)


def _require_agreement(
    said: ClassCodes,
    codes: NDArray[np.int8],
    scores: NDArray[np.float64],
    classes: list[str],
    positive: str,
) -> None:
    """
    Refuse scores that run against the model's own labels.

    A `positive` that is the wrong class turns every metric around, and would promote the worse
    model; the scored labels give it away.
    """
    strange = [value for value in said.values if value not in classes]
    if strange:
        there = " and ".join(map(repr, in_order(classes)))
        msg = f"the scored label {strange[0]!r} is not a value of the label, which holds {there}"
        raise GateError(msg)
    if len(said.values) < 2:
        return
    mean = np.bincount(codes, weights=scores) / np.bincount(codes)
    at = said.values.index(positive)
    if mean[at] < mean[1 - at]:
        msg = (
            f"rows scored {positive!r} have lower scores than the others, so the scores are not "
            f"the probability of {positive!r}: correct the policy's positive value"
        )
        raise GateError(msg)
