"""A Studio workspace (`aml_studio`): its endpoints are named, their URLs and keys looked up."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.masking import mask_renewed, to_mask
from airflow_aml_retrain.client.studio import Studio, StudioSettings, aconnect, connect, studio
from airflow_aml_retrain.client.trial import try_workspace
from airflow_aml_retrain.errors import NoSuchName, NotConfigured
from airflow_aml_retrain.hooks.fields import (
    extra_of,
    insecure_hosts,
    password,
    speaking_of,
    text,
)
from airflow_aml_retrain.hooks.masking import amask_soon
from airflow_aml_retrain.wire.conversation import Conversation
from airflow_aml_retrain.wire.endpoints import Workspace

if TYPE_CHECKING:
    from airflow.sdk import Connection


class AmlStudioHook(BaseHook):
    """
    The web services of one workspace.

    :param conn_id: A connection of the type `aml_studio`: workspace id, authorization token,
        and region or management URL.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "aml_studio_default"
    conn_type = "aml_studio"
    hook_name = "Azure ML Studio workspace"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self, service: str | None = None, endpoint: str | None = None) -> Backend:
        """
        Look an endpoint of a web service up (None: the default one).

        Raises `NoSuchName` if there is none of that name, `NotConfigured` if *service* is missing.
        """
        return self.backend_of(self.get_connection(self.conn_id), service, endpoint)

    async def aget_conn(self, service: str | None = None, endpoint: str | None = None) -> Backend:
        """The same without blocking."""
        conn = await self.aget_connection(self.conn_id)
        return await self.abackend_of(conn, service, endpoint)

    def backend_of(self, conn: "Connection", service: str | None, endpoint: str | None) -> Backend:
        """`get_conn` for who has read the connection already."""
        with speaking_of(self.conn_id):
            backend = connect(settings_of(conn), self._named(service), endpoint)
        for secret in to_mask(backend.keyring):
            mask_secret(secret)
        mask_renewed(backend.keyring, mask_secret)
        return backend

    async def abackend_of(
        self, conn: "Connection", service: str | None, endpoint: str | None
    ) -> Backend:
        with speaking_of(self.conn_id):
            backend = await aconnect(settings_of(conn), self._named(service), endpoint)
        for secret in to_mask(backend.keyring):
            await amask_secret(secret)
        mask_renewed(backend.keyring, amask_soon)
        return backend

    def workspace(self) -> Studio:
        """The workspace itself, to be managed."""
        with speaking_of(self.conn_id):
            manager = studio(settings_of(self.get_connection(self.conn_id)))
        for secret in to_mask(manager.keyring):
            mask_secret(secret)
        return manager

    def ensure_endpoint(
        self, service: str, endpoint: str, *, description: str = "", throttle_level: str = "Low"
    ) -> Backend:
        """Create the endpoint if it is missing, leave it as it is if not, and look it up."""
        with self.workspace() as manager:
            manager.run(
                _ensured(
                    manager.workspace,
                    service,
                    endpoint,
                    description=description,
                    throttle_level=throttle_level,
                )
            )
        return self.get_conn(service, endpoint)

    def test_connection(self) -> tuple[bool, str]:
        """List the workspace's web services, and say in a sentence what was seen."""
        try:
            with self.workspace() as manager:
                return try_workspace(manager)
        except NotConfigured as exc:
            return False, str(exc)

    def _named(self, service: str | None) -> str:
        if not service:
            msg = f"connection {self.conn_id!r} is a workspace: name the web service (service=...)"
            raise NotConfigured(msg)
        return service


def settings_of(conn: "Connection") -> StudioSettings:
    """What the connection says, or a `NotConfigured` that names the field to set."""
    extra = extra_of(conn)
    management = text(extra, "management_url") or (conn.host or "").strip()
    if management and "://" not in management:
        management = f"https://{management}"
    region_or_url = management or text(extra, "region")
    if not region_or_url:
        msg = (
            f"connection {conn.conn_id!r}: set extra 'region' (such as 'ussouthcentral'), "
            "or its host to the management URL"
        )
        raise NotConfigured(msg)
    workspace_id = text(extra, "workspace_id")
    if not workspace_id:
        msg = f"connection {conn.conn_id!r}: set extra 'workspace_id' to the workspace's id"
        raise NotConfigured(msg)
    token = password(conn, "the workspace's authorization token")
    return StudioSettings(region_or_url, workspace_id, token, insecure_hosts(extra))


def _ensured(
    workspace: Workspace, service: str, endpoint: str, *, description: str, throttle_level: str
) -> Conversation[None]:
    web_service = yield from workspace.service(service)
    try:
        yield from workspace.endpoint(web_service, endpoint)
    except NoSuchName:
        yield from workspace.create_endpoint(
            web_service, endpoint, description=description, throttle_level=throttle_level
        )
