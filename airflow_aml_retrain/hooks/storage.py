"""A storage connection (`wasb`, the Microsoft provider's) turned into a `BlobStore`."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from airflow.sdk.log import mask_secret

from airflow_aml_retrain.client.blobs import BlobStore

if TYPE_CHECKING:
    from airflow.sdk import Connection

_SECRETS: Final = ("connection_string", "sas_token", "shared_access_key", "account_key")
_KEY: Final = re.compile(r"(?:AccountKey|SharedAccessSignature)=([^;]+)", re.IGNORECASE)


def blob_store(wasb_conn_id: str) -> BlobStore:
    """The blobs that the connection reaches; whatever is secret in it is masked in logs."""
    from airflow.providers.microsoft.azure.hooks.wasb import WasbHook

    hook = WasbHook(wasb_conn_id)
    for secret in secrets_of(hook.get_connection(wasb_conn_id)):
        mask_secret(secret)
    return BlobStore(hook.get_conn())


def secrets_of(conn: "Connection") -> Iterator[str]:
    """Every secret in the connection, the keys inside a connection string on their own too."""
    if conn.password:
        yield conn.password
    extra = json.loads(conn.extra or "{}")
    for name in _SECRETS:
        value = extra.get(name) or extra.get(f"extra__wasb__{name}")
        if value:
            yield str(value)
            yield from _KEY.findall(str(value))
