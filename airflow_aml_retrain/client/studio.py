"""
Backends of Azure ML Studio (classic): by way of the workspace, or from one service's URL and key.

Law: with a workspace, URLs and keys of endpoints are read from the management API at the moment
of use, so that a thousand endpoints need one connection and no key is kept anywhere. Triggers
that wait on one endpoint in one event loop share one look-up and one `Backend`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_aml_retrain.client.backend import Backend, Channel
from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.wire.classic import ClassicVerbs
from airflow_aml_retrain.wire.conversation import SETTLING, Conversation, Credential
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


@dataclass(slots=True)
class _Shared:
    """What the triggers of one event loop have connected to."""

    backends: "WeakValueDictionary[_Key, Backend]" = field(default_factory=WeakValueDictionary)
    locks: "WeakValueDictionary[_Key, asyncio.Lock]" = field(default_factory=WeakValueDictionary)


_Key = tuple[StudioSettings, str, str | None]
# Weak in the loop, for sockets and locks belong to one; weak in the Backend, which lives only as
# long as somebody waits with it. So a key that was read is forgotten with its last user.
_shared: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared]] = WeakKeyDictionary()


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
    key = (settings, service, endpoint)
    shared = _shared.setdefault(asyncio.get_running_loop(), _Shared())
    lock = shared.locks.setdefault(key, asyncio.Lock())
    async with lock:
        backend = shared.backends.get(key)
        if backend is None:
            manager = studio(settings)
            found = await manager.arun(_found(manager.workspace, service, endpoint))
            backend = shared.backends[key] = _backend(settings, *found, now=clock())
        return backend


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
            endpoint.api_url, verbs.url, verbs.credential, settling=_settling(endpoint, now)
        ),
        api_url=endpoint.api_url,
    )


def _key_of(verbs: EndpointVerbs) -> Conversation[Secret]:
    # Briefly: the conversation that wants the key has a deadline, and this one does not know it.
    return (yield from verbs.read(patience=_BRIEFLY)).primary_key


def _settling(endpoint: Endpoint, now: float) -> float:
    """For how many more seconds the data plane may not know a fresh endpoint or its key."""
    try:
        created = datetime.fromisoformat(endpoint.created)
    except ValueError:
        return 0.0
    if created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    # Two clocks that disagree must not make us wait for longer than a creation ever takes.
    return max(0.0, min(SETTLING, SETTLING - (now - created.timestamp())))


def _uri(url: str) -> str:
    """The asset URI of what *url* names."""
    parts = urlsplit(url)
    return f"azureml-studio://{parts.netloc}{parts.path}"
