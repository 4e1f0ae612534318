"""A storage connection (`wasb`, the Microsoft provider's) turned into a store of blobs."""

import asyncio
import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.sharing import Shared
from airflow_aml_retrain.hooks.connection import reading

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_aml_retrain.client.async_blobs import AsyncBlobs, SharedBlobs

_SECRETS: Final = ("connection_string", "sas_token", "shared_access_key", "account_key")
_KEY: Final = re.compile(r"(?:AccountKey|SharedAccessSignature)=([^;]+)", re.IGNORECASE)
_shared: Final["Shared[SharedBlobs]"] = Shared()


def blob_store(wasb_conn_id: str) -> BlobStore:
    """The blobs that the connection reaches; whatever is secret in it is masked in logs."""
    from airflow.providers.microsoft.azure.hooks.wasb import WasbHook

    hook = WasbHook(wasb_conn_id)
    for secret in secrets_of(hook.get_connection(wasb_conn_id)):
        mask_secret(secret)
    return BlobStore(hook.get_conn())


def shared_blobs(wasb_conn_id: str) -> "SharedBlobs":
    """The client of this connection that all triggers of the running event loop share."""
    from airflow_aml_retrain.client.async_blobs import SharedBlobs

    return _shared.kept(wasb_conn_id, lambda: SharedBlobs(lambda: _connected(wasb_conn_id)))


async def _connected(wasb_conn_id: str) -> "AsyncBlobs":
    # In a thread: the libraries take longer to load than other triggers may wait.
    await asyncio.to_thread(_load)
    from airflow.providers.microsoft.azure.hooks.wasb import WasbAsyncHook, WasbHook

    from airflow_aml_retrain.client.async_blobs import AsyncBlobs

    with reading(wasb_conn_id):
        for secret in secrets_of(await BaseHook.aget_connection(wasb_conn_id)):
            await amask_secret(secret)
        WasbHook(wasb_conn_id)  # quiets the library's log of every request, which its twin does not
        service = await WasbAsyncHook(wasb_conn_id).get_async_conn()
    return AsyncBlobs(service)


def _load() -> None:
    """Load all that is loaded when a client is made, and when it first asks."""
    for name in ("airflow.providers.microsoft.azure.hooks.wasb", "azure.storage.blob.aio"):
        import_module(name)
    from azure.core.pipeline.transport import AioHttpTransport

    AioHttpTransport()


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
