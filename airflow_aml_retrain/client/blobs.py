"""
Blob storage of the user's own: data, archived models, records.

Law: nothing is handed to a service but a reference with a short read-only token for one blob,
and every change of a document names the version that it replaces.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from airflow_aml_retrain.errors import BadInput, LeaseHeld, NotConfigured, ServiceUnavailable
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.secret import Secret

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobServiceClient, StorageStreamDownloader

_BLOCK: Final = 4 * 1024 * 1024
_CLOCK_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """One line of a listing; *size* in bytes."""

    name: str
    size: int
    etag: str
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy wrote: its hash (hexadecimal) and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Document:
    """A small blob that several hands write, and the version of it that was read."""

    data: bytes
    etag: str


class DocumentChanged(Exception):
    """Somebody else wrote the document first: read it again."""


def split_path(place: str) -> tuple[str, str]:
    """*place* "container/path" as its two parts; `BadInput` if there are not two."""
    container, _, path = place.strip("/").partition("/")
    if not container or not path:
        msg = f"expected a place in blob storage as 'container/path', got {place!r}"
        raise BadInput(msg)
    return container, path


class BlobStore:
    """
    The blobs that one connection reaches.

    *service* is an `azure.storage.blob.BlobServiceClient`; *clock* gives seconds since 1970.
    A missing blob raises `BadInput`, a refused credential `NotConfigured`, anything else that
    storage answers `ServiceUnavailable`, after the library's own retries.
    """

    def __init__(
        self, service: "BlobServiceClient", *, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = service
        self._clock = clock
        self._made: set[str] = set()

    def list(self, container: str, prefix: str = "") -> Iterator[BlobEntry]:
        """The blobs whose names start with *prefix*, in the order of their names."""
        with _speaking_of(f"{container}/{prefix}"):
            for blob in self._service.get_container_client(container).list_blobs(
                name_starts_with=prefix or None
            ):
                yield BlobEntry(
                    str(blob.name), int(blob.size or 0), str(blob.etag), blob.last_modified
                )

    def open(self, container: str, path: str) -> BinaryIO:
        """The blob as a stream that is fetched in ranges while it is read."""
        return _opened(self._blob(container, path), f"{container}/{path}")

    def read(self, container: str, path: str) -> bytes:
        with self.open(container, path) as stream:
            return stream.read()

    def exists(self, container: str, path: str) -> bool:
        with _speaking_of(f"{container}/{path}"):
            return bool(self._blob(container, path).exists())

    def write(
        self, container: str, path: str, data: bytes | Iterable[bytes], *, overwrite: bool = True
    ) -> None:
        """Write *data* (the container is made if need be); an iterable is sent as it comes."""
        with _speaking_of(f"{container}/{path}"):
            self._make(container)
            self._blob(container, path).upload_blob(data, overwrite=overwrite)

    def delete(self, container: str, path: str) -> None:
        with _speaking_of(f"{container}/{path}"):
            self._blob(container, path).delete_blob()

    def reference(self, container: str, path: str, *, minutes: float = 24 * 60) -> ModelBlob:
        """The blob with a token that may read it, and nothing else, for *minutes*."""
        base = self._service.url.split("?")[0].rstrip("/") + "/"
        with _speaking_of(f"{container}/{path}"):
            token = self._read_token(container, path, timedelta(minutes=minutes))
        return ModelBlob(base, f"{container}/{path}", Secret("?" + token.lstrip("?")))

    def location(self, container: str, path: str) -> str:
        """The blob's URL, without any token."""
        return ModelBlob(self._service.url.split("?")[0], f"{container}/{path}").location

    def copy_from(self, source: ModelBlob, container: str, path: str) -> Copied:
        """Stream the blob that a service points to into this storage, hashing it on the way."""
        digest, size = sha256(), 0

        def passing(stream: BinaryIO) -> Iterator[bytes]:
            nonlocal size
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                yield block

        with open_foreign(source) as stream:
            self.write(container, path, passing(stream))
        return Copied(digest.hexdigest(), size)

    def document(self, container: str, path: str) -> Document | None:
        """The document as it is now, or None if nobody has written it yet."""
        from azure.core.exceptions import ResourceNotFoundError

        with _speaking_of(f"{container}/{path}"):
            try:
                found = self._blob(container, path).download_blob()
                return Document(found.readall(), str(found.properties.etag))
            except ResourceNotFoundError:
                return None

    def put_document(
        self, container: str, path: str, data: bytes, *, etag: str | None, lease: str | None = None
    ) -> str:
        """
        Replace the version *etag* (None: there is none yet) and return the new one's etag.

        Raises `DocumentChanged` if it is no longer that version, or the lease was lost.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError, ResourceExistsError

        only_if = MatchConditions.IfNotModified if etag else MatchConditions.IfMissing
        options: dict[str, Any] = {"etag": etag} if etag else {}
        if lease:
            options["lease"] = lease
        with _speaking_of(f"{container}/{path}"):
            self._make(container)
            try:
                written = self._blob(container, path).upload_blob(
                    data, overwrite=True, match_condition=only_if, **options
                )
            except ResourceExistsError as exc:
                raise DocumentChanged from exc
            except HttpResponseError as exc:
                if exc.status_code != 412:
                    raise
                raise DocumentChanged from exc
        return str(written["etag"])

    def acquire(self, container: str, path: str, *, seconds: int) -> "Lease":
        """The lease of an existing document, for *seconds* (15 to 60); `LeaseHeld` if taken."""
        from azure.core.exceptions import HttpResponseError

        with _speaking_of(f"{container}/{path}"):
            try:
                return Lease(self._blob(container, path), f"{container}/{path}", seconds)
            except HttpResponseError as exc:
                if exc.status_code != 409:
                    raise
                what = f"{container}/{path}"
                raise LeaseHeld(what) from exc

    def _blob(self, container: str, path: str) -> "BlobClient":
        return self._service.get_blob_client(container, path)

    def _make(self, container: str) -> None:
        from azure.core.exceptions import ResourceExistsError

        if container in self._made:
            return
        client = self._service.get_container_client(container)
        if not client.exists():
            with suppress(ResourceExistsError):  # another writer was quicker, which is as good
                client.create_container()
        self._made.add(container)

    def _read_token(self, container: str, path: str, lifetime: timedelta) -> str:
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        credential = self._service.credential
        key = getattr(credential, "account_key", None)
        own_token = getattr(credential, "signature", "") or self._service.url.partition("?")[2]
        if not key and own_token:
            return str(own_token)  # the connection has but a token: it is passed on as it is
        start = datetime.fromtimestamp(self._clock(), UTC) - _CLOCK_SKEW
        expiry = start + _CLOCK_SKEW + lifetime
        return generate_blob_sas(
            cast("str", self._service.account_name),
            container,
            path,
            account_key=key,
            user_delegation_key=(
                None if key else self._service.get_user_delegation_key(start, expiry)
            ),
            permission=BlobSasPermissions(read=True),
            start=start,
            expiry=expiry,
        )


class Lease:
    """
    The storage's own mutual exclusion over one document; `renew` keeps it.

    A holder that dies loses it by itself after *seconds*.
    """

    def __init__(self, blob: "BlobClient", what: str, seconds: int) -> None:
        self._lease = blob.acquire_lease(lease_duration=seconds)
        self.what = what
        self.seconds = seconds

    @property
    def id(self) -> str:
        return str(self._lease.id)

    def renew(self) -> None:
        """Hold it for as long again; `LeaseHeld` if it has gone to somebody else meanwhile."""
        from azure.core.exceptions import HttpResponseError

        with _speaking_of(self.what):
            try:
                self._lease.renew()
            except HttpResponseError as exc:
                if exc.status_code not in {404, 409, 412}:
                    raise
                raise LeaseHeld(self.what) from exc

    def release(self) -> None:
        """Give it back; that it was lost already is as good."""
        from azure.core.exceptions import HttpResponseError

        with _speaking_of(self.what):
            try:
                self._lease.release()
            except HttpResponseError as exc:
                if exc.status_code not in {404, 409, 412}:
                    raise


def open_foreign(source: ModelBlob) -> BinaryIO:
    """The blob that a service points to, by the token that came with it, as a stream."""
    from azure.storage.blob import BlobClient

    if not source.base:
        msg = f"the service gave no storage account for {source.relative}"
        raise BadInput(msg)
    # The token is given as a credential, so that no logged URL of the library holds it.
    from azure.core.credentials import AzureSasCredential

    sas = source.sas.reveal().lstrip("?") if source.sas else ""
    blob = BlobClient.from_blob_url(
        source.location, credential=AzureSasCredential(sas) if sas else None
    )
    return _opened(blob, source.location)


def _opened(blob: "BlobClient", what: str) -> BinaryIO:
    with _speaking_of(what):
        return cast("BinaryIO", io.BufferedReader(_Ranges(blob.download_blob(), what), _BLOCK))


class _Ranges(io.RawIOBase):
    """A download as a raw stream: a range is fetched when it is asked for."""

    def __init__(self, download: "StorageStreamDownloader[bytes]", what: str) -> None:
        self._download = download
        self._what = what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        with _speaking_of(self._what):
            data = self._download.read(len(view))
        view[: len(data)] = data
        return len(data)


@contextmanager
def _speaking_of(what: str) -> Iterator[None]:
    """Turn what the storage library raises into our own errors, which name *what*."""
    from azure.core.exceptions import (
        AzureError,
        HttpResponseError,
        ResourceNotFoundError,
    )

    try:
        yield
    except ResourceNotFoundError as exc:
        msg = f"there is no blob or container {what}"
        raise BadInput(msg) from exc
    except HttpResponseError as exc:
        if exc.status_code in {401, 403}:
            msg = f"storage refused the credential for {what}: {exc.reason}"
            raise NotConfigured(msg) from exc
        msg = f"storage could not serve {what}: HTTP {exc.status_code} {exc.reason}"
        raise ServiceUnavailable(msg) from exc
    except AzureError as exc:
        msg = f"storage did not answer about {what}: {type(exc).__name__}"
        raise ServiceUnavailable(msg) from exc
