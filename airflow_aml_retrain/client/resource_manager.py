"""
Backends of new web services, by way of Azure Resource Manager.

Law: where a service answers stands in its definition and its key is asked for when it is first
used, so that a subscription needs one connection and no key is kept anywhere. Triggers that wait
on one service in one event loop share one look-up, one `Backend` and one token.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from airflow_aml_retrain.client.backend import Backend, Channel
from airflow_aml_retrain.client.clouds import cloud
from airflow_aml_retrain.client.fresh import settling
from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.client.identity import IdentitySettings
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.client.sharing import Shared
from airflow_aml_retrain.client.tokens import Tokens
from airflow_aml_retrain.wire.arm import ArmVerbs, DefinitionVerbs
from airflow_aml_retrain.wire.conversation import Conversation, Credential
from airflow_aml_retrain.wire.definition import Definition
from airflow_aml_retrain.wire.members import text
from airflow_aml_retrain.wire.references import segment
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.subscription import Subscription, WebServiceId

_BRIEFLY: Final = 30.0

Told = Callable[[Secret], object]


def _nobody(_secret: Secret) -> None:
    """Nobody wants to know a new secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSettings:
    """
    A subscription, and who we are to it.

    *url* is that of the Resource Manager, *resource_group* where a service is that is named
    without its group (empty: it is looked for in all). *scope* is what a token is asked for
    (empty: that of the cloud that has *url*, or of the public one).
    """

    url: str
    subscription: str
    identity: IdentitySettings
    resource_group: str = ""
    scope: str = ""
    insecure_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ResourceManager(Channel):
    """A subscription to be managed: `manager.run(manager.subscription.services())`."""

    url: str
    subscription: Subscription

    def definition(self, service: WebServiceId) -> DefinitionVerbs:
        """The verbs of the definition of *service*, which need not exist yet."""
        return DefinitionVerbs(f"{self.url}{service.path}")


_backends: Final = Shared[Backend]()
_tokens: Final = Shared[Tokens]()


def manager(
    settings: ArmSettings, *, clock: Callable[[], float] = time.time, told: Told = _nobody
) -> ResourceManager:
    """Return the subscription of *settings*; nothing is asked yet. *told* is, of new secrets."""
    return _manager(settings, _new_tokens(settings, clock, told))


def connect(
    settings: ArmSettings,
    service: str,
    *,
    clock: Callable[[], float] = time.time,
    told: Told = _nobody,
) -> Backend:
    """
    Look *service* up: "group/name", a resource id, or its bare name.

    *told* is handed every secret that is obtained, now or later. Raises `NoSuchName` and
    `BadInput` as `Subscription.find` does.
    """
    tokens = _new_tokens(settings, clock, told)
    with _manager(settings, tokens) as arm:
        definition = arm.run(_found(arm, settings, service))
    return _backend(settings, tokens, definition, now=clock())


async def aconnect(
    settings: ArmSettings,
    service: str,
    *,
    clock: Callable[[], float] = time.time,
    told: Told = _nobody,
) -> Backend:
    """The same without blocking; whoever waits for the same service shares the answer."""

    async def look_up() -> Backend:
        key = (settings.identity, _scope(settings), clock)
        tokens = _tokens.kept(key, lambda: _new_tokens(settings, clock, told))
        arm = _manager(settings, tokens)
        definition = await arm.arun(_found(arm, settings, service))
        return _backend(settings, tokens, definition, now=clock())

    return await _backends.found((settings, service), look_up)


def _new_tokens(settings: ArmSettings, clock: Callable[[], float], told: Told) -> Tokens:
    return Tokens(settings.identity, _scope(settings), clock, on_renewal=told)


def _scope(settings: ArmSettings) -> str:
    return settings.scope or cloud("", settings.url).scope


def _manager(settings: ArmSettings, tokens: Tokens) -> ResourceManager:
    url = settings.url.rstrip("/")
    return ResourceManager(
        keyring=Keyring({}, tokens=tokens),
        hosts=HostRule.naming([url], settings.insecure_hosts),
        ca_bundle=settings.identity.ca_bundle,
        url=url,
        subscription=Subscription(f"{url}/subscriptions/{segment(settings.subscription)}"),
    )


def _found(arm: ResourceManager, settings: ArmSettings, service: str) -> Conversation[Definition]:
    group = settings.resource_group
    named = service if "/" in service or not group else f"{group}/{service}"
    verbs = arm.definition((yield from arm.subscription.find(named)))
    found = yield from verbs.read()
    # One that is being created has no place yet; another change leaves it where it is.
    return found if text(found.properties, "swaggerLocation") else (yield from verbs.settled())


def _backend(settings: ArmSettings, tokens: Tokens, found: Definition, *, now: float) -> Backend:
    arm = _manager(settings, tokens)
    service = WebServiceId.parse(found.id)
    definition = arm.definition(service)
    fresh = settling(text(found.properties, "createdOn"), now)
    return Backend(
        keyring=Keyring(
            {},
            {Credential.SERVICE_KEY: lambda: _key_of(definition)},
            tokens,
            on_renewal=tokens.on_renewal,
        ),
        hosts=arm.hosts,
        ca_bundle=arm.ca_bundle,
        name=service.title,
        uri=f"azureml-arm://{urlsplit(arm.url).netloc}{service.path}".lower(),
        verbs=ArmVerbs(found.api_url, definition, settling=fresh),
        api_url=found.api_url,
    )


def _key_of(definition: DefinitionVerbs) -> Conversation[Secret]:
    # Briefly: the conversation that wants the key has a deadline, and this one does not know it.
    return (yield from definition.keys(patience=_BRIEFLY)).primary
