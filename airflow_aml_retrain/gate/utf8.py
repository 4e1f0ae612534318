"""
Bytes on their way into the CSV parser, seen to be UTF-8.

Law: the whole file is looked at, also the columns that nobody asked for, since a file in another
encoding is a file that was made in a way nobody intended.
"""

import codecs
import csv
from io import StringIO
from typing import BinaryIO

from airflow_aml_retrain.errors import GateError

_ENOUGH_FOR_A_HEADER = 1 << 20


class Utf8Stream:
    """
    A readable that passes *source* on and raises `GateError` at the first byte that is not UTF-8.

    A byte order mark and blank lines before the header are taken away; a header that is the
    whole file is given a line end, without which the parser takes it for a broken block.
    """

    closed = False  # asked for by pyarrow

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._seen = 0
        self._lines = 0
        beginning = self._filled(_ENOUGH_FOR_A_HEADER).removeprefix(codecs.BOM_UTF8)
        self._ahead = beginning.lstrip(b"\r\n")
        if self._ahead and b"\n" not in self._ahead:
            self._ahead += b"\n"

    def header(self) -> list[str]:
        """The names in the first line that is not empty; no names if there is no such line."""
        rows = csv.reader(StringIO(self._ahead.decode("utf-8", "ignore"), newline=""))
        try:
            return next((row for row in rows if row), [])
        except csv.Error as exc:
            msg = f"the first line is not a CSV header: {exc}"
            raise GateError(msg) from exc

    def read(self, size: int) -> bytes:
        if not self._ahead:
            return self._filled(size)
        given, self._ahead = self._ahead[:size], self._ahead[size:]
        return given

    def close(self) -> None:
        """Leave *source* open: who opened it closes it."""

    def _filled(self, size: int) -> bytes:
        """*size* bytes unless the end comes first, however little the source gives at a time."""
        parts: list[bytes] = []
        while size and (more := self._checked(self._source.read(size))):
            parts.append(more)
            size -= len(more)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _checked(self, given: bytes) -> bytes:
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(given, final=not given)
        except UnicodeDecodeError as exc:
            at = exc.start - pending
            line = self._lines + given[: max(at, 0)].count(b"\n") + 1
            wrong = exc.object[exc.start]
            msg = (
                f"byte {self._seen + at + 1} of the file (0x{wrong:02x}, in line {line}) is not "
                "UTF-8; write the file as UTF-8"
            )
            raise GateError(msg) from exc
        self._seen += len(given)
        self._lines += given.count(b"\n")
        return given
