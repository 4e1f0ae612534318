"""One web service (`aml_service`), for those who were given a URL and a key and no workspace."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.masking import to_mask
from airflow_aml_retrain.client.studio import ServiceSettings, service_backend
from airflow_aml_retrain.client.trial import try_service
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.hooks.fields import (
    extra_of,
    insecure_hosts,
    password,
    speaking_of,
    text,
)
from airflow_aml_retrain.wire.references import endpoint_path, endpoint_url_of

if TYPE_CHECKING:
    from airflow.sdk import Connection


class AmlServiceHook(BaseHook):
    """
    One endpoint of one web service.

    :param conn_id: A connection of the type `aml_service`: service URL, API key, and the
        endpoint's PATCH URL if models are to be promoted.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "aml_service_default"
    conn_type = "aml_service"
    hook_name = "Azure ML web service"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self, service: str | None = None, endpoint: str | None = None) -> Backend:
        """
        Return the service that the connection names; nothing is asked yet.

        *service* and *endpoint* choose nothing here. That the PATCH URL names another
        *endpoint* is a `NotConfigured`.
        """
        return self.backend_of(self.get_connection(self.conn_id), service, endpoint)

    async def aget_conn(self, service: str | None = None, endpoint: str | None = None) -> Backend:
        """The same without blocking."""
        conn = await self.aget_connection(self.conn_id)
        return await self.abackend_of(conn, service, endpoint)

    def backend_of(self, conn: "Connection", service: str | None, endpoint: str | None) -> Backend:
        """`get_conn` for who has read the connection already."""
        backend = self._backend(conn, endpoint)
        for secret in to_mask(backend.keyring):
            mask_secret(secret)
        return backend

    async def abackend_of(
        self, conn: "Connection", service: str | None, endpoint: str | None
    ) -> Backend:
        backend = self._backend(conn, endpoint)
        for secret in to_mask(backend.keyring):
            await amask_secret(secret)
        return backend

    def test_connection(self) -> tuple[bool, str]:
        """Ask for a job that cannot exist, and say in a sentence what was seen."""
        try:
            with self.get_conn() as backend:
                return try_service(backend)
        except NotConfigured as exc:
            return False, str(exc)

    def _backend(self, conn: "Connection", endpoint: str | None) -> Backend:
        with speaking_of(self.conn_id):
            settings = settings_of(conn)
            _require_same(settings, endpoint)
            return service_backend(settings)


def settings_of(conn: "Connection") -> ServiceSettings:
    """What the connection says, or a `NotConfigured` that names the field to set."""
    extra = extra_of(conn)
    url = (conn.host or "").strip()
    if not url:
        msg = f"connection {conn.conn_id!r}: set its host to the service URL of the help page"
        raise NotConfigured(msg)
    key = password(conn, "the endpoint's API key")
    return ServiceSettings(url, key, text(extra, "patch_url") or None, insecure_hosts(extra))


def _require_same(settings: ServiceSettings, endpoint: str | None) -> None:
    """Refuse to promote to another endpoint than the one that the task names."""
    if not endpoint or not settings.patch_url:
        return
    named = endpoint_path(endpoint_url_of(settings.patch_url))[2]
    if named != endpoint:
        msg = f"its PATCH URL is that of endpoint {named!a}, not of {endpoint!a}"
        raise NotConfigured(msg)
