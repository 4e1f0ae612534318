"""
When rows are of: ISO 8601 texts, or the timestamps and dates of a Parquet file, all in UTC.

A time without a zone is taken to be UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.reading.cells import (
    as_array,
    as_text,
    is_text,
    nulls,
    rows_at,
    unpacked,
)

_NAIVE: Final = pa.timestamp("us")
_ZONED: Final = pa.timestamp("us", "UTC")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def times(cells: pa.Array, first_row: int, what: str) -> NDArray[np.int64]:
    """*cells* as microseconds since 1970 began; `GateError` names the rows without a time."""
    given = _given(unpacked(cells), first_row, what)
    wrong = np.flatnonzero((given < _FIRST) | (given > _LAST))
    if wrong.size:
        msg = f"{what} is not within the years 1 to 9999 in {rows_at(wrong + first_row)}"
        raise GateError(msg)
    return given


def moment(microseconds: int) -> datetime:
    """The moment so many *microseconds* after 1970 began."""
    return _EPOCH + microseconds * _MICROSECOND


def _given(cells: pa.Array, first_row: int, what: str) -> NDArray[np.int64]:
    if is_text(cells.type):
        return _read(as_text(cells, what), first_row, what)
    if not (pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type)):
        msg = f"{what} holds {cells.type}; write ISO 8601 texts or timestamps"
        raise GateError(msg)
    missing = nulls(cells)
    if missing.size:
        msg = f"{what} is missing in {rows_at(missing + first_row)}"
        raise GateError(msg)
    # What has a zone is kept in UTC.
    return _microseconds(pc.cast(cells, _NAIVE, safe=False))


def _read(cells: pa.Array, first_row: int, what: str) -> NDArray[np.int64]:
    if not cells.null_count:
        for kind in (_NAIVE, _ZONED):
            try:
                return _microseconds(pc.cast(cells, kind))
            except pa.ArrowInvalid:
                continue
    return _read_with_care(cells.to_pylist(), first_row, what)


def _read_with_care(texts: list[str | None], first_row: int, what: str) -> NDArray[np.int64]:
    """The slow way, for blocks of mixed zones, with blanks, or with a cell that is no time."""
    read = [_since_epoch((text or "").strip()) for text in texts]
    wrong = [at for at, microseconds in enumerate(read) if microseconds is None]
    if wrong:
        rows, text = rows_at(np.asarray(wrong) + first_row), (texts[wrong[0]] or "").strip()
        if not text:
            msg = f"{what} is missing in {rows}"
        else:
            msg = f"{what} is no ISO 8601 date or time in {rows}: {text[:40]!r}"
        raise GateError(msg)
    return np.array(read, dtype=np.int64)


def _since_epoch(text: str) -> int | None:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((given if given.tzinfo else given.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def _microseconds(given: pa.Array) -> NDArray[np.int64]:
    array: NDArray[np.int64] = as_array(pc.cast(given, pa.int64()))
    return array
