"""
Cells of a CSV column turned into numbers or classes, block by block.

Law: the first block with a cell that will not do is refused, with the rows, counted from 1, and
with what stands in the first of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError

_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+,\d+")
_ROWS_NAMED: Final = 5
_VALUES_NAMED: Final = 5


def numbers(cells: pa.Array, first_row: int, what: str) -> NDArray[np.float64]:
    """*cells* (strings, no nulls) as finite numbers; *what* names the column in an error."""
    try:
        values = _as_array(pc.cast(cells, pa.float64()))
    except pa.ArrowInvalid:
        values = _numbers_with_care(cells, first_row, what)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        text = cells[int(wrong[0])].as_py()
        msg = f"{what} is {text} in {rows_at(wrong + first_row)}; it must be a finite number"
        raise GateError(msg)
    return values


def _numbers_with_care(cells: pa.Array, first_row: int, what: str) -> NDArray[np.float64]:
    """The slow way, for blocks in which a cell has blanks around it or is no number at all."""
    texts = [text.strip() for text in cells.to_pylist()]
    wrong = [at for at, text in enumerate(texts) if not _reads_as_number(text)]
    if wrong:
        text = texts[wrong[0]]
        rows = rows_at(np.asarray(wrong) + first_row)
        if not text:
            msg = f"{what} is missing in {rows}"
        elif _DECIMAL_COMMA.fullmatch(text):
            msg = f"{what} has a decimal comma in {rows}: {text!r}; write numbers with a point"
        else:
            msg = f"{what} is not a number in {rows}: {text[:40]!r}"
        raise GateError(msg)
    return np.array([float(text) for text in texts], dtype=np.float64)


def _reads_as_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) or text.lstrip("+-").casefold() in {
        "nan",
        "inf",
        "infinity",
    }


@dataclass(slots=True)
class ClassCodes:
    """
    The distinct values of a column of classes, met so far, and a code for each.

    Values that are the same number ("1" and "1.0") are the same class. *what* names the column;
    more than *limit* classes are refused.
    """

    what: str
    limit: int
    values: list[str] = field(default_factory=list)

    def codes(self, cells: pa.Array, first_row: int) -> NDArray[np.int8]:
        """*cells* (strings, no nulls) as positions in `values`."""
        encoded = cells.dictionary_encode()
        spellings = [text.strip() for text in encoded.dictionary.to_pylist()]
        indices = _as_array(encoded.indices)
        empty = [at for at, text in enumerate(spellings) if not text]
        if empty:
            rows = rows_at(np.flatnonzero(np.isin(indices, empty)) + first_row)
            msg = f"{self.what} is missing in {rows}"
            raise GateError(msg)
        table = np.array([self._code(text) for text in spellings], dtype=np.int8)
        coded: NDArray[np.int8] = table[indices]
        return coded

    def _code(self, text: str) -> int:
        value = canonical(text)
        if value not in self.values:
            if len(self.values) == self.limit:
                some = ", ".join(map(repr, [*self.values, value][:_VALUES_NAMED]))
                msg = (
                    f"{self.what} has more than {self.limit} different values ({some}, ...); "
                    "binary classification has two"
                )
                raise GateError(msg)
            self.values.append(value)
        return self.values.index(value)


def canonical(text: str) -> str:
    """One spelling for a class: numbers lose what does not change them."""
    text = text.strip()
    if not _NUMBER.fullmatch(text) or not isfinite(float(text)):
        return text
    value = float(text)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def in_order(classes: Sequence[str]) -> list[str]:
    """Sorted as the Studio sorts label values: as numbers where all of them are."""
    if all(_NUMBER.fullmatch(value) for value in classes):
        return sorted(classes, key=float)
    return sorted(classes)


def rows_at(rows: NDArray[np.intp]) -> str:
    """A few row numbers in words: "row 3", "rows 3, 9 and 12 more"."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    named = ", ".join(map(str, rows[:_ROWS_NAMED].tolist()))
    more = len(rows) - _ROWS_NAMED
    return f"rows {named} and {more} more" if more > 0 else f"rows {named}"


def _as_array(column: pa.Array) -> NDArray[Any]:
    # Not to_numpy(), which imports pandas where it is installed: 0.4 s and 40 MB.
    array: NDArray[Any] = np.from_dlpack(column)
    return array
