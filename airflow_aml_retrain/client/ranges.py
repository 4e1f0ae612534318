"""A blob as a file: what is read is fetched, in blocks, and nothing else."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from airflow_aml_retrain.client.storage_errors import speaking_of

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, StorageStreamDownloader

_BLOCK: Final = 4 * 1024 * 1024

Fetch = Callable[[int, int], bytes]
"""The bytes from an offset on, so many."""


class RangedBlob(io.RawIOBase):
    """
    A blob of *size* bytes, read by *fetch*.

    Several may be read at once, each by a thread of its own.
    """

    def __init__(self, size: int, fetch: Fetch) -> None:
        self._size = size
        self._fetch = fetch
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            msg = f"cannot seek to {start + offset}, before the beginning"
            raise ValueError(msg)
        self._at = start + offset
        return self._at

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer))
        length = min(len(view), max(self._size - self._at, 0))
        if length:
            view[:length] = self._fetch(self._at, length)
            self._at += length
        return length


class _Stream(io.RawIOBase):
    """A download as a raw stream: a range is fetched when it is asked for."""

    def __init__(self, download: "StorageStreamDownloader[bytes]", what: str) -> None:
        self._download = download
        self._what = what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer))
        with speaking_of(self._what):
            data = self._download.read(len(view))
        view[: len(data)] = data
        return len(data)


def streamed(blob: "BlobClient", what: str, etag: str = "") -> BinaryIO:
    """*blob* (of the version *etag*) from its beginning to its end; *what* names it in errors."""
    from azure.core import MatchConditions

    only_if: dict[str, Any] = {}
    if etag:
        only_if = {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}
    with speaking_of(what):
        download = blob.download_blob(**only_if)
        return cast("BinaryIO", io.BufferedReader(_Stream(download, what), _BLOCK))


def ranged(blob: "BlobClient", what: str) -> BinaryIO:
    """*blob* as a file that can be sought in; it must stay the version that it is now."""
    from azure.core import MatchConditions

    with speaking_of(what):
        found = blob.get_blob_properties()

    def fetch(offset: int, length: int) -> bytes:
        with speaking_of(what):
            part = blob.download_blob(
                offset,
                length,
                etag=found.etag,
                match_condition=MatchConditions.IfNotModified,
                max_concurrency=1,
            )
            return part.readall()

    return buffered(int(found.size), fetch)


def buffered(size: int, fetch: Fetch) -> BinaryIO:
    """A `RangedBlob` of which no less than a block is fetched at a time."""
    return cast("BinaryIO", io.BufferedReader(RangedBlob(size, fetch), _BLOCK))
