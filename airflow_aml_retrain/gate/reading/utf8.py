"""
A CSV cut into blocks of whole records, each seen to be UTF-8.

Law: the whole file is looked at, also the columns that nobody asked for, since a file in another
encoding is a file that was made in a way nobody intended; and no more than a block of it, or one
record where that is longer, is held at a time.

Cut here and not by the parser, which reads 32 blocks ahead: with 4 MB blocks two files then took
430 MB, and 180 MB cut here, at the same speed.
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from io import StringIO
from typing import BinaryIO, Final

import numpy as np

from airflow_aml_retrain.errors import GateError

_BLOCK: Final = 1 << 20
_LONGEST: Final = 16 << 20

_QUOTE: Final = ord('"')
_LINE_END: Final = ord("\n")


class WholeRecords:
    """
    The records of *source* in blocks; `GateError` at the first byte that is not UTF-8.

    *beginning* is what was read of *source* already, *block* how many bytes are read at a time.
    A byte order mark and blank lines before the first record are taken away. A line end within
    quotation marks does not end a record.
    """

    def __init__(self, source: BinaryIO, beginning: bytes = b"", *, block: int = _BLOCK) -> None:
        self._source = source
        self._block = block
        self._rest = beginning
        self._bytes = 0
        self._lines = 0
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = self._checked(self._cut())
        if not self._begun:
            block = block.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n") or next(self)
            self._begun = True
        return block

    def _cut(self) -> bytes:
        """Bytes up to the end of a record."""
        while True:
            more = filled(self._source, self._block)
            held = self._rest + more
            if not held:
                raise StopIteration
            end = end_of_records(held) if more else self._last(held)
            if end:
                self._rest = held[end:]
                return held[:end]
            if len(held) > _LONGEST:
                msg = (
                    f"no record ends within {_LONGEST >> 20} MB after line {self._lines}; is a "
                    "quotation mark there never closed?"
                )
                raise GateError(msg)
            self._rest = held

    def _last(self, records: bytes) -> int:
        """The end of the file, which the parser would also take for that of a quoted field."""
        if _count(records, _QUOTE) % 2:
            lines = StringIO(records.decode("utf-8", "replace"), newline="")
            try:
                deque(csv.reader(lines, strict=True), maxlen=0)
            except csv.Error as exc:
                msg = f"the file ends within quotation marks that opened after line {self._lines}"
                raise GateError(msg) from exc
        return len(records)

    def _checked(self, block: bytes) -> bytes:
        # isascii is as fast as memory, and most files are ASCII.
        if not block.isascii():
            try:
                block.decode("utf-8")
            except UnicodeDecodeError as exc:
                line = self._lines + block[: exc.start].count(b"\n") + 1
                msg = (
                    f"byte {self._bytes + exc.start + 1} of the file (0x{block[exc.start]:02x}, "
                    f"in line {line}) is not UTF-8; write the file as UTF-8"
                )
                raise GateError(msg) from exc
        self._bytes += len(block)
        self._lines += _count(block, _LINE_END)
        return block


def end_of_records(block: bytes) -> int:
    """
    Where the last whole record of *block* ends; 0 if none does.

    A line end ends a record when the quotation marks before it are even in number.
    """
    end = (block.rfind(b"\n") if b"\n" in block else block.rfind(b"\r")) + 1
    odd = _count(block[:end], _QUOTE) % 2
    while odd:
        # Within a quoted field: look before the mark that opened it.
        before = block.rfind(b"\n", 0, block.rfind(b'"', 0, end)) + 1
        odd ^= _count(block[before:end], _QUOTE) % 2
        end = before
    return end


def filled(source: BinaryIO, size: int) -> bytes:
    """*size* bytes unless the end comes first, however little *source* gives at a time."""
    parts: list[bytes] = []
    while size and (more := source.read(size)):
        parts.append(more)
        size -= len(more)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _count(block: bytes, byte: int) -> int:
    # Not bytes.count, which is an order of magnitude slower where there are many.
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == byte))
