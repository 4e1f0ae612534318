"""
Blob storage of the user's own: data, archived models, records.

Law: nothing is handed to a service but a reference with a short read-only token for one blob,
and every change of a document names the version that it replaces.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import urlsplit

from airflow_aml_retrain.client.ranges import ranged, streamed
from airflow_aml_retrain.client.storage_errors import speaking_of
from airflow_aml_retrain.errors import BadInput, LeaseHeld, NotConfigured
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.secret import Secret

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobServiceClient

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


def lies_under(place: str, prefix: str) -> bool:
    """Whether a listing of *prefix* shows *place*, both "container/path"."""
    home, _, path = place.partition("/")
    container, _, start = prefix.partition("/")
    return home == container and path.startswith(start)


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

    @property
    def account(self) -> str:
        """The name of the storage account."""
        return str(self._service.account_name)

    @property
    def key(self) -> Secret:
        """The account's key; `NotConfigured` where the connection has another credential."""
        key = getattr(self._service.credential, "account_key", None)
        if not key:
            msg = f"the storage connection of {self.account!r} has no account key: set one"
            raise NotConfigured(msg)
        return Secret(key)

    def list(self, container: str, prefix: str = "") -> Iterator[BlobEntry]:
        """The blobs whose names start with *prefix*, in the order of their names."""
        with speaking_of(f"{container}/{prefix}"):
            for blob in self._service.get_container_client(container).list_blobs(
                name_starts_with=prefix or None
            ):
                yield BlobEntry(
                    str(blob.name), int(blob.size or 0), str(blob.etag), blob.last_modified
                )

    def open(self, container: str, path: str) -> BinaryIO:
        """The blob as a stream that is fetched in ranges while it is read."""
        return streamed(self._blob(container, path), f"{container}/{path}")

    def open_version(self, container: str, path: str, etag: str) -> BinaryIO:
        """The same, of that version: `ServiceUnavailable` where there is another by now."""
        return streamed(self._blob(container, path), f"{container}/{path}", etag)

    def seekable(self, place: str) -> BinaryIO:
        """
        The blob at *place* ("container/path") as a file that can be sought in.

        Whoever writes it meanwhile ends the reading (`ServiceUnavailable`): no two versions of it
        are ever read as one.
        """
        return ranged(self._blob(*split_path(place)), place)

    def read(self, container: str, path: str) -> bytes:
        with self.open(container, path) as stream:
            return stream.read()

    def size(self, place: str) -> int:
        """How many bytes the blob at *place* ("container/path") has."""
        with speaking_of(place):
            return int(self._blob(*split_path(place)).get_blob_properties().size)

    def exists(self, container: str, path: str) -> bool:
        with speaking_of(f"{container}/{path}"):
            return bool(self._blob(container, path).exists())

    def write(
        self,
        container: str,
        path: str,
        data: bytes | Iterable[bytes],
        *,
        overwrite: bool = True,
        content_type: str | None = None,
    ) -> None:
        """Write *data* (the container is made if need be); an iterable is sent as it comes."""
        from azure.storage.blob import ContentSettings

        settings = ContentSettings(content_type=content_type) if content_type else None
        with speaking_of(f"{container}/{path}"):
            self._make(container)
            self._blob(container, path).upload_blob(
                data, overwrite=overwrite, content_settings=settings
            )

    def delete(self, container: str, path: str) -> None:
        with speaking_of(f"{container}/{path}"):
            self._blob(container, path).delete_blob()

    def reference(self, container: str, path: str, *, minutes: float = 24 * 60) -> ModelBlob:
        """The blob with a token that may read it, and nothing else, for *minutes*."""
        base = self._service.url.split("?")[0].rstrip("/") + "/"
        with speaking_of(f"{container}/{path}"):
            token = self._read_token(container, path, timedelta(minutes=minutes))
        return ModelBlob(base, f"{container}/{path}", Secret("?" + token.lstrip("?")))

    def location(self, container: str, path: str) -> str:
        """The blob's URL, without any token."""
        return ModelBlob(self._service.url.split("?")[0], f"{container}/{path}").location

    def place_of(self, location: str) -> str | None:
        """Where in this storage the blob at *location* lies, "container/path"; None: elsewhere."""
        own = self._service.url.split("?")[0].rstrip("/") + "/"
        # Scheme and host mean the same in any case; what follows does not.
        origin = len(own) - len(urlsplit(own).path)
        same = location[:origin].lower() == own[:origin].lower()
        return location[len(own) :] if same and location[origin:].startswith(own[origin:]) else None

    def copy_from(self, source: ModelBlob, container: str, path: str) -> Copied:
        """Stream the blob that a service points to into this storage, hashing it on the way."""
        digest, size = sha256(), 0

        def passing(stream: BinaryIO) -> Iterator[bytes]:
            nonlocal size
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                yield block

        with self._opened_from(source) as stream:
            self.write(container, path, passing(stream))
        return Copied(digest.hexdigest(), size)

    def document(self, container: str, path: str) -> Document | None:
        """The document as it is now, or None if nobody has written it yet."""
        from azure.core.exceptions import ResourceNotFoundError

        with speaking_of(f"{container}/{path}"):
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
        with speaking_of(f"{container}/{path}"):
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

        with speaking_of(f"{container}/{path}"):
            try:
                return Lease(self._blob(container, path), f"{container}/{path}", seconds)
            except HttpResponseError as exc:
                if exc.status_code != 409:
                    raise
                what = f"{container}/{path}"
                raise LeaseHeld(what) from exc

    def _opened_from(self, source: ModelBlob) -> BinaryIO:
        """*source* by its own token, or without one by ours where it lies in this storage."""
        place = None if source.sas else self.place_of(source.location)
        return self.open(*split_path(place)) if place else open_foreign(source)

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

        with speaking_of(self.what):
            try:
                self._lease.renew()
            except HttpResponseError as exc:
                if exc.status_code not in {404, 409, 412}:
                    raise
                raise LeaseHeld(self.what) from exc

    def release(self) -> None:
        """Give it back; that it was lost already is as good."""
        from azure.core.exceptions import HttpResponseError

        with speaking_of(self.what):
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
    return streamed(blob, source.location)
