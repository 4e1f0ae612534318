"""
Blobs: the only file that knows Azurite (or Azure Storage).

Results of a job lie where its submit redirected them, or in `experimentoutput/{guid}/{guid}`.
A result is handed out with a fresh SAS: of the blob with `sp=r` if redirected, of the container
with `sp=rl` if not; valid from five minutes before it was issued until 24 hours after.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import (
    BlobClient,
    BlobServiceClient,
    generate_blob_sas,
    generate_container_sas,
)

from airflow_aml_retrain.emulator.records import BlobReference

RESULTS: Final = "experimentoutput"
ASSETS: Final = "azuremlassetscontainer"

_BEFORE: Final = 5 * 60
_AFTER: Final = 24 * 60 * 60
# Any: these are three of some twenty keyword arguments of the azure clients.
_PATIENCE: Final[dict[str, Any]] = {"retry_total": 2, "connection_timeout": 5, "read_timeout": 60}


class Unreadable(Exception):
    """A blob could not be read or written; the message is the storage's own, without a SAS."""


class BadConnectionString(Exception):
    """Not a connection string of a storage account."""


class Storage:
    """The service's own account, and any other that a request names."""

    def __init__(self, connection_string: str) -> None:
        self.connection_string = connection_string
        self._own = _account(connection_string)

    @property
    def base(self) -> str:
        """The URL of the service's own account, ending in "/"."""
        return _with_slash(self._own.url)

    @property
    def account(self) -> str:
        """The name of the service's own account."""
        return str(self._own.account_name)

    @property
    def key(self) -> str:
        return str(self._own.credential.account_key)

    def make_ready(self) -> None:
        """Make the service's own containers."""
        for container in (RESULTS, ASSETS):
            try:
                self._own.create_container(container)
            except ResourceExistsError:
                continue

    def own(self, container: str, name: str) -> BlobReference:
        """A place in the service's own account."""
        return BlobReference(
            base=self.base,
            relative=f"{container}/{name}",
            connection_string=self.connection_string,
            redirected=False,
        )

    def located(self, uri: str, *, account: str, key: str, credentials: str) -> BlobReference:
        """
        The blob at *uri*, as a service reads it whose storage is *account* with *key*.

        In another account it takes *credentials* (a connection string or a SAS), or a SAS in
        *uri* itself; without them it is `Unreadable`.
        """
        place, _, sas = uri.partition("?")
        if "AccountKey=" in credentials:
            return self._in_account(place, credentials)
        if not sas and not credentials:
            if account != self.account or not place.startswith(self.base):
                msg = "it is not in the web service's storage account, and there are no credentials"
                raise Unreadable(msg)
            return self._in_account(place, self._with_key(key))
        at = urlsplit(place)
        relative = unquote(at.path.lstrip("/"))
        return BlobReference(
            relative=relative, base=f"{at.scheme}://{at.netloc}/", sas=sas or credentials
        )

    def _in_account(self, place: str, connection_string: str) -> BlobReference:
        try:
            base = _with_slash(_account(connection_string).url)
        except (ValueError, AttributeError) as exc:
            msg = "its credentials are no connection string"
            raise Unreadable(msg) from exc
        relative = unquote(place.removeprefix(base))
        return BlobReference(relative=relative, base=base, connection_string=connection_string)

    def _with_key(self, key: str) -> str:
        return (
            f"AccountName={self.account};AccountKey={key};BlobEndpoint={self.base.rstrip('/')};"
            f"DefaultEndpointsProtocol={urlsplit(self.base).scheme};"
        )

    def read(self, reference: BlobReference) -> bytes:
        try:
            return self._blob(reference).download_blob().readall()
        except (AzureError, ValueError) as exc:
            raise Unreadable(_said(exc)) from exc

    def check(self, reference: BlobReference) -> None:
        """Raise `Unreadable` unless the blob can be read."""
        try:
            self._blob(reference).get_blob_properties()
        except (AzureError, ValueError) as exc:
            raise Unreadable(_said(exc)) from exc

    def write(self, reference: BlobReference, data: bytes) -> None:
        try:
            self._blob(reference).upload_blob(data, overwrite=True)
        except (AzureError, ValueError) as exc:
            raise Unreadable(_said(exc)) from exc

    def location(self, reference: BlobReference, now: float) -> dict[str, str | None]:
        """*reference* as a job's result shows it, with a SAS issued at *now*."""
        return {
            "ConnectionString": None,
            "RelativeLocation": reference.relative.lstrip("/"),
            "BaseLocation": self.base_of(reference),
            "SasBlobToken": self._sas(reference, now),
        }

    def base_of(self, reference: BlobReference) -> str:
        if reference.connection_string:
            return _with_slash(_account(reference.connection_string).url)
        return _with_slash(reference.base)

    def _sas(self, reference: BlobReference, now: float) -> str:
        if not reference.connection_string and self.base_of(reference) != self.base:
            # The key of that account is not ours: what was given is all there is.
            return reference.sas
        account = _account(reference.connection_string or self.connection_string)
        container, _, name = reference.relative.lstrip("/").partition("/")
        start = datetime.fromtimestamp(int(now) - _BEFORE, UTC)
        expiry = datetime.fromtimestamp(int(now) + _AFTER, UTC)
        key = account.credential.account_key
        if reference.redirected:
            token = generate_blob_sas(
                str(account.account_name),
                container,
                name,
                account_key=key,
                permission="r",
                start=start,
                expiry=expiry,
            )
        else:
            token = generate_container_sas(
                str(account.account_name),
                container,
                account_key=key,
                permission="rl",
                start=start,
                expiry=expiry,
            )
        return f"?{token}"

    def _blob(self, reference: BlobReference) -> BlobClient:
        container, _, name = reference.relative.lstrip("/").partition("/")
        if reference.connection_string:
            return _account(reference.connection_string).get_blob_client(container, name)
        path = quote(f"{container}/{name}")
        token = reference.sas if reference.sas.startswith("?") else f"?{reference.sas}"
        return BlobClient.from_blob_url(
            f"{_with_slash(reference.base)}{path}{token if reference.sas else ''}", **_PATIENCE
        )


def require_connection_string(text: str) -> None:
    """Raise `BadConnectionString` unless *text* names an account and its key."""
    try:
        account = _account(text)
    except (ValueError, AttributeError) as exc:
        raise BadConnectionString from exc
    if not getattr(account.credential, "account_key", ""):
        raise BadConnectionString


@lru_cache(maxsize=64)
def _account(connection_string: str) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(connection_string, **_PATIENCE)


def _with_slash(url: str) -> str:
    return url.rstrip("/") + "/"


def _said(exc: Exception) -> str:
    """What the storage said, in one line that holds no URL."""
    code = getattr(exc, "error_code", None)
    reason = getattr(exc, "reason", None)
    said = [str(part) for part in (code, reason) if part]
    return ": ".join(said) or type(exc).__name__
