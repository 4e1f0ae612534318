"""
A scored Parquet file as blocks of columns, of which only the wanted ones are fetched.

Law: what is not understood is the file's fault and a `GateError`; what the source itself raises
(a lost connection) is nobody's fault in here and is raised as it came.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.reading.cells import Block
from airflow_aml_retrain.gate.reading.utf8 import filled

MAGIC: Final = b"PAR1"

# And not `pre_buffer`, which fetches all row groups ahead: 310 MB instead of 140 for two files.
_READ_AT_ONCE: Final = 4 << 20
_ROWS: Final = 1 << 16
# Batches after which pyarrow gives back what it keeps for later, 20 MB for two files.
_KEPT: Final = 64


class ParquetFile:
    """The Parquet file in *source*, which can seek; *names* are its columns."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = _Source(source)
        self._rows = 0
        with self._understood():
            self._metadata = pq.ParquetFile(self._file(), pre_buffer=False).metadata
            schema = self._metadata.schema
            self._given = tuple(schema.to_arrow_schema().names)
            # Those of lists and structs have longer paths.
            self._flat = {schema.column(at).path for at in range(len(schema))}
        self.names = tuple(name.strip() for name in self._given)

    def blocks(self, wanted: Collection[int], coded: Collection[int]) -> Iterator[Block]:
        """The *wanted* columns, by position; texts among those *coded* as dictionaries."""
        names = {at: self._given[at] for at in sorted(wanted)}
        with self._understood():
            file = pq.ParquetFile(
                self._file(),
                metadata=self._metadata,
                read_dictionary=[names[at] for at in coded if names[at] in self._flat],
                pre_buffer=False,
                buffer_size=_READ_AT_ONCE,
                page_checksum_verification=True,
            )
            columns = list(names.values())
            for number, batch in enumerate(
                file.iter_batches(_ROWS, columns=columns, use_threads=False), 1
            ):
                self._rows += len(batch)
                yield {at: batch.column(name) for at, name in names.items()}
                if number % _KEPT == 0:
                    pa.default_memory_pool().release_unused()
            if self._rows != self._metadata.num_rows:
                msg = f"its footer promises {self._metadata.num_rows} rows"
                raise pa.ArrowInvalid(msg)

    def _file(self) -> pa.PythonFile:
        return pa.PythonFile(self._source, mode="r")

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as exc:
            if self._source.fault is not None:
                raise self._source.fault from exc
            msg = (
                f"after row {self._rows} the file is not whole or not the Parquet that it says "
                f"it is: {exc}; write or copy it again"
            )
            raise GateError(msg) from exc


class _Source:
    """What pyarrow reads from: *file*, never short of bytes, with the *fault* it may have had."""

    closed = False  # asked for by pyarrow

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.fault: OSError | None = None

    def read(self, size: int) -> bytes:
        with self._watched():
            return filled(self._file, size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._watched():
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        with self._watched():
            return self._file.tell()

    def close(self) -> None:
        """Leave the file open: who opened it closes it."""

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            self.fault = exc
            raise
