"""
Blob storage for triggers: listed in pages, read and written without blocking the event loop.

Law: one client for each connection and loop, shared by whoever is at work, and closed by the last
of them. It never repeats by itself: whoever asks looks again soon, and knows how patient to be.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from airflow_aml_retrain.client.storage_errors import speaking_of
from airflow_aml_retrain.errors import ServiceUnavailable
from airflow_aml_retrain.wire.arrivals import BlobVersion

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

_PAGE: Final = 500
"""Blobs of one answer."""

_ONCE: Final[dict[str, Any]] = {"retry_total": 0}
_CHUNK: Final = 1024 * 1024


class AsyncBlobs:
    """
    The blobs that one connection reaches; errors are those of `BlobStore`.

    *service* is an `azure.storage.blob.aio.BlobServiceClient`.
    """

    def __init__(self, service: "BlobServiceClient") -> None:
        self._service = service

    async def pages(self, container: str, prefix: str) -> AsyncIterator[list[BlobVersion]]:
        """The blobs whose names start with *prefix*, in the order of their names."""
        marker: str | None = None
        while marker != "":
            with speaking_of(f"{container}/{prefix}"):
                answer = await self._page(container, prefix, marker)
            page, marker = await asyncio.to_thread(_read, answer)
            yield page

    async def list(self, container: str, prefix: str) -> list[BlobVersion]:
        return [blob async for page in self.pages(container, prefix) for blob in page]

    async def read(self, container: str, path: str) -> bytes:
        with speaking_of(f"{container}/{path}"):
            found = await self._blob(container, path).download_blob(**_ONCE)
            return bytes(await found.readall())

    async def chunks(self, container: str, path: str) -> AsyncGenerator[bytes]:
        """What the blob holds, piece by piece, all of one version."""
        with speaking_of(f"{container}/{path}"):
            found = await self._blob(container, path).download_blob(**_ONCE)
            while chunk := await found.read(_CHUNK):
                yield bytes(chunk)

    async def create(self, container: str, path: str, data: bytes) -> bool:
        """Write a blob where there is none; False if there is one."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        with speaking_of(f"{container}/{path}"):
            try:
                await self._upload(container, path, data)
            except ResourceNotFoundError:
                await self._make(container)
                await self._upload(container, path, data)
            except HttpResponseError as exc:
                if exc.status_code not in {409, 412}:
                    raise
                return False
        return True

    async def put(self, container: str, path: str, data: bytes) -> None:
        """Write a blob, over what is there."""
        with speaking_of(f"{container}/{path}"):
            await self._blob(container, path).upload_blob(data, overwrite=True, **_ONCE)

    async def aclose(self) -> None:
        await self._service.close()
        # The library closes no credential that it was handed.
        close = getattr(self._service.credential, "close", None)
        if close:
            await close()

    async def _page(self, container: str, prefix: str, marker: str | None) -> bytes:
        """
        One answer to a listing, as it came.

        The library takes half a millisecond of the loop for each blob of an answer, five seconds
        for ten thousand, to fill in forty properties of which we want four. So its answer is taken
        where it shows it (`raw_response_hook`), and what it would do next is not waited for.
        """
        listing = self._service.get_container_client(container).list_blobs(
            name_starts_with=prefix or None,
            results_per_page=_PAGE,
            raw_response_hook=_catch,
            **_ONCE,
        )
        try:
            await anext(listing.by_page(marker))
        except _CaughtAnswer as caught:
            return caught.body
        msg = f"storage answered no listing of {container}/{prefix}"
        raise ServiceUnavailable(msg)

    async def _upload(self, container: str, path: str, data: bytes) -> None:
        await self._blob(container, path).upload_blob(data, overwrite=False, **_ONCE)

    async def _make(self, container: str) -> None:
        from azure.core.exceptions import ResourceExistsError

        try:
            await self._service.create_container(container, **_ONCE)
        except ResourceExistsError:
            return

    def _blob(self, container: str, path: str) -> Any:
        return self._service.get_blob_client(container, path)


class SharedBlobs:
    """The client of one connection in one event loop; *connect* is asked when it is first used."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncBlobs]]) -> None:
        self._connect = connect
        self._lock = asyncio.Lock()
        self._users = 0
        self._blobs: AsyncBlobs | None = None

    @asynccontextmanager
    async def used(self) -> AsyncIterator[AsyncBlobs]:
        """Hold the client; the last one out closes it."""
        async with self._lock:
            blobs = self._blobs = self._blobs or await self._connect()
            self._users += 1
        try:
            yield blobs
        finally:
            async with self._lock:
                self._users -= 1
                if not self._users:
                    self._blobs = None
                    await blobs.aclose()


class _CaughtAnswer(Exception):
    """Not an error: a listing on its way out of the library."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        super().__init__()


def _catch(response: Any) -> None:
    if response.http_response.status_code == 200:
        raise _CaughtAnswer(response.http_response.body())


def _read(answer: bytes) -> tuple[list[BlobVersion], str]:
    """The blobs of a listing, and where the next page begins ("": it was the last)."""
    try:
        said = ET.fromstring(answer)  # noqa: S314 - storage of the user's own wrote it
        page = [_version(blob) for blob in said.iter("Blob")]
    except (ET.ParseError, ValueError, TypeError) as exc:
        msg = f"storage answered a listing that cannot be read: {exc}"
        raise ServiceUnavailable(msg) from exc
    return page, said.findtext("NextMarker") or ""


def _version(blob: ET.Element) -> BlobVersion:
    name = blob.findtext("Name", "")
    if blob.find("Name[@Encoded='true']") is not None:
        name = unquote(name)  # it holds what XML cannot
    return BlobVersion(
        name,
        blob.findtext("Properties/Etag", "").strip('"'),
        int(blob.findtext("Properties/Content-Length") or 0),
        _iso(blob.findtext("Properties/Last-Modified", "")),
    )


@lru_cache(maxsize=4096)
def _iso(said: str) -> str:
    """An HTTP date as ISO 8601; blobs that are written together share it."""
    return parsedate_to_datetime(said).isoformat()
