"""
CSV as it lies in blobs: read row by row, with faults named by blob and place; written canonically.

Read: UTF-8 (a byte order mark is tolerated), RFC 4180 quoting with newlines inside quotes.
Written: UTF-8, CRLF, quotes only where they are needed. Blank lines are no rows.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, cast

from airflow_aml_retrain.errors import BadInput

BLOCK: Final = 1024 * 1024
_BOM: Final = "utf-8-sig"


class CsvBlob:
    """
    One blob being read: *columns* at once, then its rows, each as wide as the columns.

    Raises `BadInput` that names the blob and the byte or line where it stops making sense.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self._bytes = _Counted(stream)
        text = io.TextIOWrapper(cast("BinaryIO", self._bytes), encoding=_BOM, newline="")
        # Strict: a quote that is never closed would swallow all rows after it without a word.
        self._reader = csv.reader(text, strict=True)
        self.columns = self._header()

    def rows(self) -> Iterator[list[str]]:
        width = len(self.columns)
        for row in self._lines():
            if len(row) != width:
                msg = f"{self._here()}: expected {width} values, got {len(row)}"
                raise BadInput(msg)
            yield row

    def _header(self) -> list[str]:
        header = next(self._lines(), None)
        if header is None:
            msg = f"blob {self.name} is empty: expected at least a row of column names"
            raise BadInput(msg)
        repeated = sorted({column for column in header if header.count(column) > 1})
        if repeated:
            msg = f"blob {self.name} names the same column more than once: {repeated}"
            raise BadInput(msg)
        return header

    def _lines(self) -> Iterator[list[str]]:
        try:
            for row in self._reader:
                if row:
                    yield row
        except UnicodeDecodeError as exc:
            place = self._bytes.count - len(exc.object) + exc.start
            msg = (
                f"blob {self.name} is not UTF-8: byte 0x{exc.object[exc.start]:02x} at position "
                f"{place} ({exc.reason}); save it as UTF-8"
            )
            raise BadInput(msg) from exc
        except csv.Error as exc:
            msg = f"{self._here()}: not readable as CSV: {exc}"
            raise BadInput(msg) from exc

    def _here(self) -> str:
        return f"blob {self.name}, line {self._reader.line_num}"


class CsvBlocks:
    """Rows on their way into a blob; *rows* counts them, `take` gives what has collected."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.rows = 0
        self._text = io.StringIO(newline="")
        self._write = csv.writer(self._text).writerow
        self._write(columns)

    def add(self, row: Sequence[str]) -> None:
        self._write(row)
        self.rows += 1

    @property
    def is_full(self) -> bool:
        return self._text.tell() >= BLOCK

    def take(self) -> bytes:
        block = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return block


class _Counted(io.BufferedIOBase):
    """A stream that knows how many bytes have been read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        block = self._stream.read(size)
        self.count += len(block)
        return block
