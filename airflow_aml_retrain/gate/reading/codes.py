"""Classes and slices as small numbers, whatever type the file gave them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.reading.cells import as_array, as_text, neither, taken, unpacked
from airflow_aml_retrain.gate.spelling import canonical

_VALUES_NAMED: Final = 5
_NARROW: Final = 1 << 12
"""Whole numbers that lie no further apart are counted in a table of so many places."""


@dataclass(slots=True)
class Codes:
    """
    The distinct values of a column met so far, and a code for each, block by block as they came.

    *what* names the column; more than *limit* values are refused, with *advice*. *spelled* makes
    one spelling of the texts that mean the same. Missing cells have the code -1 or, where
    *blank_is_value*, are the value "".
    """

    what: str
    limit: int
    advice: str
    spelled: Callable[[str], str] = str.strip
    blank_is_value: bool = False
    _codes: dict[str, int] = field(default_factory=dict)

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(self._codes)

    def of(self, cells: pa.Array) -> NDArray[np.int32]:
        """The code of each of *cells*, a position in `values`."""
        cells = unpacked(cells, keep_dictionary=True)
        if pa.types.is_integer(cells.type) and not cells.null_count and len(cells):
            numbers = as_array(cells)
            low, high = int(numbers.min()), int(numbers.max())
            if high - low < _NARROW:
                return self._of_numbers(numbers.astype(np.intp) - low, low)
        return self._of_cells(cells)

    def _of_numbers(self, places: NDArray[np.intp], low: int) -> NDArray[np.int32]:
        """Those of whole numbers, each *low* and its place more: a table is quicker than hashes."""
        used = np.flatnonzero(np.bincount(places))
        table = np.empty(int(used[-1]) + 1, np.int32)
        table[used] = [self._code(self.spelled(str(low + place))) for place in used.tolist()]
        codes: NDArray[np.int32] = table.take(places)
        return codes

    def _of_cells(self, cells: pa.Array) -> NDArray[np.int32]:
        encoded = _encoded(cells, self.what)
        indices = as_array(pc.cast(encoded.indices, pa.int32()), null=-1)
        # The last slot, which is also that at -1, is for cells that are null.
        table = np.full(len(encoded.dictionary) + 1, -1, np.int32)
        used = np.arange(len(table) - 1) if encoded is not cells else _used(indices)
        texts = _spellings(taken(encoded.dictionary, used), self.what)
        table[used] = [self._code(self.spelled(text)) for text in texts]
        if encoded.indices.null_count:
            table[-1] = self._code("")
        codes: NDArray[np.int32] = table.take(indices, mode="wrap")
        return codes

    def _code(self, value: str) -> int:
        if not value and not self.blank_is_value:
            return -1
        code = self._codes.get(value)
        if code is None:
            if len(self._codes) == self.limit:
                self._refuse(value)
            code = self._codes[value] = len(self._codes)
        return code

    def _refuse(self, value: str) -> None:
        some = ", ".join(map(repr, [*self._codes, value][:_VALUES_NAMED]))
        msg = (
            f"{self.what} has more than {self.limit} different values ({some}, ...); {self.advice}"
        )
        raise GateError(msg)


def _encoded(cells: pa.Array, what: str) -> pa.DictionaryArray:
    if pa.types.is_dictionary(cells.type):
        return cells
    try:
        return cells.dictionary_encode()
    except pa.ArrowNotImplementedError as exc:
        raise neither(cells, what) from exc


def _used(indices: NDArray[np.int32]) -> NDArray[np.intp]:
    """The places in a dictionary that *indices* point to: it may hold values that no row has."""
    return np.flatnonzero(np.bincount(indices[indices >= 0]))


def _spellings(cells: pa.Array, what: str) -> list[str]:
    """*cells* as texts, as Python and Azure write them; "" for null."""
    kind = cells.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return ["" if value is None else str(value) for value in cells.to_pylist()]
    texts = ("" if text is None else text for text in as_text(cells, what).to_pylist())
    return [canonical(text) for text in texts] if _is_fraction(kind) else list(texts)


def _is_fraction(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))
