"""
A scored CSV as blocks of columns of text, in one pass and in bounded memory.

Every column is read as text and turned into numbers by who wants them: the parser's own
conversion is no faster, and does not say which row it stumbled over.
"""

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.csv

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.reading.cells import Block
from airflow_aml_retrain.gate.reading.utf8 import WholeRecords

_TEXT: Final = pa.string()
_CODED: Final = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the parser reads a block, and the row that it *stumbled* over."""

    read: pa.csv.ReadOptions
    parse: pa.csv.ParseOptions
    convert: pa.csv.ConvertOptions
    stumbled: list[int] = field(default_factory=list)


class CsvFile:
    """The CSV in *source*, of which *beginning* was read already; *names* are its columns."""

    def __init__(self, source: BinaryIO, beginning: bytes = b"") -> None:
        self._records = WholeRecords(source, beginning)
        first = next(self._records, b"")
        header, length = _header(first)
        if not header:
            msg = "the file is empty: it has neither header nor rows"
            raise GateError(msg)
        self.names = tuple(name.strip() for name in header)
        self._ahead = first[length:]

    def blocks(self, wanted: Collection[int], coded: Collection[int]) -> Iterator[Block]:
        """The *wanted* columns, by position; those *coded* as dictionaries of their values."""
        reading = _reading(len(self.names), wanted, coded)
        rows = 0
        for records in self._all():
            for batch in _parsed(records, reading, rows).to_batches():
                rows += len(batch)
                yield {int(name): batch.column(name) for name in batch.schema.names}

    def _all(self) -> Iterator[bytes]:
        if self._ahead.strip(b"\r\n"):
            yield self._ahead
        self._ahead = b""
        yield from self._records


def _header(records: bytes) -> tuple[list[str], int]:
    """The names in the first record, and how many bytes it takes."""
    lines = StringIO(records.decode("utf-8"), newline="")
    try:
        names = next(csv.reader(lines), [])
    except csv.Error as exc:
        msg = f"the first line is not a CSV header: {exc}"
        raise GateError(msg) from exc
    return names, len(lines.getvalue()[: lines.tell()].encode())


def _reading(width: int, wanted: Collection[int], coded: Collection[int]) -> _Reading:
    # Columns go by position: names may repeat, and the file's own spelling is nobody's promise.
    types = {str(at): _CODED if at in coded else _TEXT for at in sorted(wanted)}
    stumbled: list[int] = []

    def stumble(row: pa.csv.InvalidRow) -> str:
        stumbled.append(row.number)
        return "error"

    return _Reading(
        # One block of the parser is all that it is given, so that it splits nothing again.
        pa.csv.ReadOptions(
            block_size=(1 << 31) - 1,
            column_names=[str(at) for at in range(width)],
            use_threads=False,
        ),
        pa.csv.ParseOptions(invalid_row_handler=stumble),
        pa.csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            check_utf8=False,
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
        stumbled,
    )


def _parsed(records: bytes, reading: _Reading, rows: int) -> pa.Table:
    source = pa.BufferReader(records)
    try:
        return pa.csv.read_csv(source, reading.read, reading.parse, reading.convert)
    except pa.ArrowInvalid as exc:
        before = rows + (reading.stumbled[0] - 1 if reading.stumbled else 0)
        msg = f"after row {before} the file is not the CSV that its header promises: {exc}"
        raise GateError(msg) from exc
