"""
A subscription with new web services (`azure`, the Microsoft provider's type of connection).

The form and its fields are the provider's; what it has no field for stands in the extra. The
credential is made here and not by the provider's hook, whose tokens cannot be awaited.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.clouds import cloud
from airflow_aml_retrain.client.identity import IdentitySettings
from airflow_aml_retrain.client.masking import given, telling, to_mask
from airflow_aml_retrain.client.resource_manager import (
    ArmSettings,
    ResourceManager,
    aconnect,
    connect,
    manager,
)
from airflow_aml_retrain.client.trial import try_subscription
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.hooks.fields import extra_of, insecure_hosts, speaking_of, text
from airflow_aml_retrain.hooks.masking import amask_soon
from airflow_aml_retrain.wire.secret import Secret

if TYPE_CHECKING:
    from airflow.sdk import Connection

_THE_ONE: Final = frozenset({None, "", "default"})
_KEY_FILES: Final = ("key_path", "key_json")


class AmlResourceManagerHook(BaseHook):
    """
    The new web services of one subscription.

    :param conn_id: A connection of the type `azure`: subscription id, and a service principal
        with its secret or certificate, or nothing where the machine has an identity of its own.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "azure_default"
    conn_type = "azure"
    hook_name = "Azure"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self, service: str | None = None, endpoint: str | None = None) -> Backend:
        """
        Look a web service up: "group/name", a resource id, or its bare name.

        It has one endpoint, so *endpoint* is None or "default". Raises `NoSuchName` if there is
        none of that name, `NotConfigured` if *service* is missing.
        """
        return self.backend_of(self.get_connection(self.conn_id), service, endpoint)

    async def aget_conn(self, service: str | None = None, endpoint: str | None = None) -> Backend:
        """The same without blocking."""
        conn = await self.aget_connection(self.conn_id)
        return await self.abackend_of(conn, service, endpoint)

    def backend_of(self, conn: "Connection", service: str | None, endpoint: str | None) -> Backend:
        """`get_conn` for who has read the connection already."""
        with speaking_of(self.conn_id):
            settings = self._masked(conn)
            named = self._named(service, endpoint)
            return connect(settings, named, told=telling(mask_secret))

    async def abackend_of(
        self, conn: "Connection", service: str | None, endpoint: str | None
    ) -> Backend:
        with speaking_of(self.conn_id):
            settings = settings_of(conn)
            for secret in given(settings.identity):
                await amask_secret(secret)
            named = self._named(service, endpoint)
            backend = await aconnect(settings, named, told=telling(amask_soon))
        for secret in to_mask(backend.keyring):
            await amask_secret(secret)
        return backend

    def manager(self) -> ResourceManager:
        """The subscription itself, to be managed."""
        with speaking_of(self.conn_id):
            settings = self._masked(self.get_connection(self.conn_id))
            return manager(settings, told=telling(mask_secret))

    def test_connection(self) -> tuple[bool, str]:
        """List the subscription's new web services, and say in a sentence what was seen."""
        try:
            settings = settings_of(self.get_connection(self.conn_id))
            with self.manager() as arm:
                return try_subscription(arm, settings.resource_group)
        except NotConfigured as exc:
            return False, str(exc)

    def _masked(self, conn: "Connection") -> ArmSettings:
        settings = settings_of(conn)
        for secret in given(settings.identity):
            mask_secret(secret)
        return settings

    def _named(self, service: str | None, endpoint: str | None) -> str:
        if not service:
            msg = (
                f"connection {self.conn_id!r} is a subscription: name the web service (service=...)"
            )
            raise NotConfigured(msg)
        if endpoint not in _THE_ONE:
            msg = (
                f"a new web service has one endpoint, so there is no {endpoint!a}: its staging "
                "twin is a second web service (service=...)"
            )
            raise NotConfigured(msg)
        return service


def settings_of(conn: "Connection") -> ArmSettings:
    """What the connection says, or a `NotConfigured` that names the field to set."""
    extra = extra_of(conn)
    subscription = text(extra, "subscriptionId")
    if not subscription:
        msg = f"connection {conn.conn_id!r}: set extra 'subscriptionId' to the subscription's id"
        raise NotConfigured(msg)
    url = text(extra, "resource_manager_url").rstrip("/")
    with speaking_of(conn.conn_id):
        where = cloud(text(extra, "cloud_environment"), url)
        identity = _identity(conn, extra, text(extra, "authority") or where.authority)
        identity.require_whole()
    return ArmSettings(
        url=url or where.resource_manager,
        subscription=subscription,
        identity=identity,
        resource_group=text(extra, "resource_group"),
        scope=where.scope,
        insecure_hosts=insecure_hosts(extra),
    )


def _identity(conn: "Connection", extra: Mapping[str, object], authority: str) -> IdentitySettings:
    for name in _KEY_FILES:
        if text(extra, name):
            msg = f"extra {name!r} is not read here: set login, password and extra 'tenantId'"
            raise NotConfigured(msg)
    # The text of a certificate keeps its lines, a secret is pasted from a page.
    secret, certificate = (conn.password or "").strip(), text(extra, "certificate")
    return IdentitySettings(
        tenant_id=text(extra, "tenantId"),
        client_id=(conn.login or "").strip(),
        client_secret=Secret(secret) if secret else None,
        certificate=Secret(certificate) if certificate else None,
        certificate_path=text(extra, "certificate_path"),
        managed_identity_client_id=text(extra, "managed_identity_client_id"),
        workload_identity_tenant_id=text(extra, "workload_identity_tenant_id"),
        authority=authority,
        ca_bundle=text(extra, "ca_bundle"),
    )
