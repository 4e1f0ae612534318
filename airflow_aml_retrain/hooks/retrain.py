"""
Any connection turned into a `Backend`, whichever generation of the service is behind it.

To add a backend, write its hook and add a row to `_HOOKS`.
"""

from typing import Final

from airflow.sdk import BaseHook

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.sharing import Shared
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.hooks.connection import reading
from airflow_aml_retrain.hooks.resource_manager import AmlResourceManagerHook
from airflow_aml_retrain.hooks.service import AmlServiceHook
from airflow_aml_retrain.hooks.studio import AmlStudioHook

_Hook = AmlStudioHook | AmlServiceHook | AmlResourceManagerHook

_HOOKS: Final[dict[str | None, type[_Hook]]] = {
    AmlStudioHook.conn_type: AmlStudioHook,
    AmlServiceHook.conn_type: AmlServiceHook,
    AmlResourceManagerHook.conn_type: AmlResourceManagerHook,
}

_LATELY: Final = 10.0
"""Seconds for which a look-up is good: who begins later sees a connection that was changed."""

_backends: Final = Shared[Backend](good_for=_LATELY)


def backend_for(
    conn_id: str,
    service: str | None = None,
    endpoint: str | None = None,
    *,
    otherwise: str | None = None,
) -> Backend:
    """
    Connect to an endpoint, by what the connection's type asks for.

    *otherwise* is the endpoint of a workspace's web service that is meant where none is named.
    """
    conn = BaseHook.get_connection(conn_id)
    hook = _hook(conn_id, conn.conn_type)
    named = endpoint or (otherwise if isinstance(hook, AmlStudioHook) else None)
    return hook.backend_of(conn, service or None, named)


async def abackend_for(
    conn_id: str, service: str | None = None, endpoint: str | None = None
) -> Backend:
    """
    The same without blocking, for triggers: those that begin close together share it.

    The connection is read once, by whoever of them came first; `ServiceUnavailable` where it
    cannot be. What is shared is nobody's to close, and needs no closing.
    """

    async def look_up() -> Backend:
        with reading(conn_id):
            conn = await BaseHook.aget_connection(conn_id)
        hook = _hook(conn_id, conn.conn_type)
        return await hook.abackend_of(conn, service or None, endpoint or None)

    return await _backends.found((conn_id, service or None, endpoint or None), look_up)


def _hook(conn_id: str, conn_type: str | None) -> _Hook:
    # Environment variables spell a type with dashes when they are written as a URI.
    hook = _HOOKS.get((conn_type or "").replace("-", "_"))
    if hook is None:
        types = ", ".join(str(name) for name in _HOOKS)
        msg = f"connection {conn_id!r}: expected one of type {types}, got {conn_type!r}"
        raise NotConfigured(msg)
    return hook(conn_id)
