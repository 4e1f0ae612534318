"""
Cells of a column turned into numbers or texts, block by block, whatever type the file gave them.

Law: the first block with a cell that will not do is refused, with the rows, counted from 1, and
with what stands in the first of them. A cell that is empty is *missing*, and whether that may be
is for who reads to say.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.spelling import NUMBER

# Neither pa.array, pa.scalar nor to_numpy, nor a Python value given to pyarrow.compute: each
# imports pandas where it is installed, which takes 0.4 s and 40 MB.
_NULL: Final = pa.nulls(1, pa.string())[0]
_AN_EMPTY_TEXT: Final = [None, pa.py_buffer(bytes(8)), pa.py_buffer(b"")]
_EMPTY: Final = pa.Array.from_buffers(pa.string(), 1, _AN_EMPTY_TEXT)[0]

Block = Mapping[int, pa.Array]
"""Some rows of a file: columns by their position in it."""

_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+,\d+", re.ASCII)
_ROWS_NAMED: Final = 5


def numbers(
    cells: pa.Array, first_row: int, what: str
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """*cells* as finite numbers, and where they are missing (0 there); *what* names the column."""
    cells = unpacked(cells)
    values = _cast(cells, first_row, what)
    array: NDArray[np.float64] = as_array(values, null=0)
    wrong = np.flatnonzero(~np.isfinite(array))
    if wrong.size:
        text = cells[int(wrong[0])].as_py()
        msg = f"{what} is {text} in {rows_at(wrong + first_row)}; it must be a finite number"
        raise GateError(msg)
    return array, nulls(values)


def _cast(cells: pa.Array, first_row: int, what: str) -> pa.Array:
    kind = cells.type
    if is_text(kind):
        return _read(as_text(cells, what), first_row, what)
    # True and False would pass for 1 and 0.
    if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        msg = f"{what} holds {kind}, and must hold numbers"
        raise GateError(msg)
    try:
        return pc.cast(cells, pa.float64(), safe=False)
    except pa.ArrowException as exc:
        msg = f"{what} holds {kind}, and must hold numbers"
        raise GateError(msg) from exc


def _read(cells: pa.Array, first_row: int, what: str) -> pa.Array:
    """Texts as numbers; blanks around them do not matter, and empty ones are null."""
    try:
        return pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(cells)
        known = pc.if_else(pc.equal(trimmed, _EMPTY), _NULL, trimmed)
    try:
        return pc.cast(known, pa.float64())
    except pa.ArrowInvalid as exc:
        raise GateError(_unread(known, first_row, what)) from exc


def _unread(cells: pa.Array, first_row: int, what: str) -> str:
    """What is wrong with *cells*, of which at least one is no number."""
    texts = cells.to_pylist()
    unusual = [at for at, text in enumerate(texts) if text and not NUMBER.fullmatch(text)]
    wrong = [at for at in unusual if not _is_number(cells.slice(at, 1))]
    rows, text = rows_at(np.asarray(wrong) + first_row), texts[wrong[0]]
    if _DECIMAL_COMMA.fullmatch(text):
        return f"{what} has a decimal comma in {rows}: {text!r}; write numbers with a point"
    return f"{what} is not a number in {rows}: {text[:40]!r}"


def _is_number(cell: pa.Array) -> bool:
    try:
        pc.cast(cell, pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def as_text(cells: pa.Array, what: str) -> pa.Array:
    """*cells*, unpacked, as texts; whole numbers are written as such, whatever their type."""
    if pa.types.is_string(cells.type):
        return cells
    try:
        return pc.cast(cells, pa.string())
    except pa.ArrowException as exc:
        raise neither(cells, what) from exc


def neither(cells: pa.Array, what: str) -> GateError:
    """The error of *cells* of a type that no column here has."""
    return GateError(f"{what} holds {cells.type}, which is neither numbers nor texts")


def unpacked(cells: pa.Array, *, keep_dictionary: bool = False) -> pa.Array:
    """*cells* without what wraps them, texts as plain ones."""
    if isinstance(cells, pa.ExtensionArray):
        cells = cells.storage
    if pa.types.is_dictionary(cells.type) and not keep_dictionary:
        cells = cells.dictionary_decode()
    large = pa.types.is_large_string(cells.type) or pa.types.is_string_view(cells.type)
    return pc.cast(cells, pa.string()) if large else cells


def rows_at(rows: NDArray[np.intp]) -> str:
    """A few row numbers in words: "row 3", "rows 3, 9 and 12 more"."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    named = ", ".join(map(str, rows[:_ROWS_NAMED].tolist()))
    more = len(rows) - _ROWS_NAMED
    return f"rows {named} and {more} more" if more > 0 else f"rows {named}"


def as_array(column: pa.Array, null: int = 0) -> NDArray[Any]:
    """*column*, of numbers, as it lies in memory, with *null* where there is none; read-only."""
    data = column.buffers()[1]
    bare = pa.Array.from_buffers(column.type, len(column), [None, data], offset=column.offset)
    array: NDArray[Any] = np.from_dlpack(bare)
    if column.null_count:
        array = array.copy()
        array[nulls(column)] = null
    return array


def taken(column: pa.Array, places: NDArray[np.intp]) -> pa.Array:
    """The cells of *column* at *places*."""
    data = pa.py_buffer(places.astype(np.int64))
    return column.take(pa.Array.from_buffers(pa.int64(), len(places), [None, data]))


def nulls(column: pa.Array) -> NDArray[np.intp]:
    """Where in *column* nothing stands."""
    if not column.null_count:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.from_dlpack(pc.cast(pc.is_null(column), pa.uint8())))


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of this *kind*, unpacked, are texts, or bytes that may be."""
    # A writer may have left out that its bytes are text.
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))
