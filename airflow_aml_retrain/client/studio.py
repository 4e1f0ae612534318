"""
Backends of Azure ML Studio (classic): by way of the workspace, or from one service's URL and key.

Law: with a workspace, URLs and keys of endpoints are read from the management API at the moment
of use, so that a thousand endpoints need one connection and no key is kept anywhere. Triggers
that wait on one endpoint in one event loop share one look-up and one `Backend`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from airflow_aml_retrain.client.backend import Backend, Channel
from airflow_aml_retrain.client.fresh import settling
from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.client.sharing import Shared
from airflow_aml_retrain.wire.classic import ClassicVerbs
from airflow_aml_retrain.wire.conversation import Conversation, Credential
from airflow_aml_retrain.wire.endpoints import Endpoint, EndpointVerbs, WebService, Workspace
from airflow_aml_retrain.wire.references import (
    api_url_of,
    endpoint_path,
    endpoint_url_of,
    management_url_of,
    segment,
)
from airflow_aml_retrain.wire.secret import Secret

_BRIEFLY: Final = 30.0


@dataclass(frozen=True, slots=True)
class StudioSettings:
    """A Studio workspace; *management_url* may also be the name of a region."""

    management_url: str
    workspace_id: str
    token: Secret
    insecure_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """One web service: its URL as copied from the help page, its key, its PATCH URL if known."""

    url: str
    key: Secret
    patch_url: str | None = None
    insecure_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Studio(Channel):
    """A workspace to be managed: `studio.run(studio.workspace.services())`."""

    workspace: Workspace


_backends: Final = Shared[Backend]()


def studio(settings: StudioSettings) -> Studio:
    """Return the workspace of *settings*; nothing is asked yet."""
    management = management_url_of(settings.management_url)
    return Studio(
        keyring=Keyring({Credential.WORKSPACE_TOKEN: settings.token}),
        hosts=HostRule.naming([management], settings.insecure_hosts),
        workspace=Workspace(f"{management}/workspaces/{segment(settings.workspace_id)}"),
    )


def connect(
    settings: StudioSettings,
    service: str,
    endpoint: str | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> Backend:
    """Look *endpoint* of *service* up (None: its default one); `NoSuchName` if there is none."""
    with studio(settings) as manager:
        found = manager.run(_found(manager.workspace, service, endpoint))
    return _backend(settings, *found, now=clock())


async def aconnect(
    settings: StudioSettings,
    service: str,
    endpoint: str | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> Backend:
    """The same without blocking; whoever waits for the same endpoint shares the answer."""

    async def look_up() -> Backend:
        manager = studio(settings)
        found = await manager.arun(_found(manager.workspace, service, endpoint))
        return _backend(settings, *found, now=clock())

    return await _backends.found((settings, service, endpoint), look_up)


def service_backend(settings: ServiceSettings) -> Backend:
    """Return the service whose URL and key the user was given; nothing is asked yet."""
    api_url = api_url_of(settings.url)
    endpoint_url = endpoint_url_of(settings.patch_url) if settings.patch_url else None
    _, _, path = api_url.partition("/workspaces/")
    return Backend(
        keyring=Keyring({Credential.SERVICE_KEY: settings.key}),
        hosts=HostRule.naming([api_url, endpoint_url or api_url], settings.insecure_hosts),
        name="/".join(endpoint_path(endpoint_url)) if endpoint_url else path,
        uri=_uri(endpoint_url or api_url),
        verbs=ClassicVerbs(api_url, endpoint_url, Credential.SERVICE_KEY),
        api_url=api_url,
    )


def _found(
    workspace: Workspace, service: str, endpoint: str | None
) -> Conversation[tuple[WebService, Endpoint]]:
    web_service = yield from workspace.service(service)
    return web_service, (yield from workspace.endpoint(web_service, endpoint))


def _backend(
    settings: StudioSettings, service: WebService, endpoint: Endpoint, *, now: float
) -> Backend:
    manager = studio(settings)
    verbs = manager.workspace.verbs(service, endpoint.name)
    return Backend(
        keyring=Keyring(
            {
                Credential.WORKSPACE_TOKEN: settings.token,
                Credential.SERVICE_KEY: endpoint.primary_key,
            },
            {Credential.SERVICE_KEY: lambda: _key_of(verbs)},
        ),
        hosts=manager.hosts,
        name=f"{settings.workspace_id}/{service.name}/{endpoint.name}",
        uri=_uri(verbs.url),
        verbs=ClassicVerbs(
            endpoint.api_url, verbs.url, verbs.credential, settling=settling(endpoint.created, now)
        ),
        api_url=endpoint.api_url,
    )


def _key_of(verbs: EndpointVerbs) -> Conversation[Secret]:
    # Briefly: the conversation that wants the key has a deadline, and this one does not know it.
    return (yield from verbs.read(patience=_BRIEFLY)).primary_key


def _uri(url: str) -> str:
    """The asset URI of what *url* names."""
    parts = urlsplit(url)
    return f"azureml-studio://{parts.netloc}{parts.path}"
