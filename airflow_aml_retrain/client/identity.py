"""
Who we are to Azure AD, and the one question it is asked: a token, please.

The credentials are those of `azure-identity`, made for one acquisition and closed after it.
Law: what was said no to is `NotConfigured`, what was not answered is `ServiceUnavailable`, and
neither repeats a secret.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from airflow_aml_retrain.client.clouds import CLOUDS
from airflow_aml_retrain.client.hosts import HostRule, is_loopback
from airflow_aml_retrain.client.pool import CONNECT_TIMEOUT
from airflow_aml_retrain.errors import NotConfigured, ServiceUnavailable
from airflow_aml_retrain.wire.secret import Secret, scrubbed

_TALKATIVE: Final = ("azure.identity", "azure.core.pipeline.policies.http_logging_policy")
_READ_TIMEOUT: Final = 30.0
_NOT_NOW: Final = frozenset({408, 429})
_EXCERPT: Final = 1200  # a chain of credentials says of each why not

# Of those that `DefaultAzureCredential` tries, the ones that want a person at this machine.
_WITH_A_PERSON: Final = (
    "exclude_interactive_browser_credential",
    "exclude_broker_credential",
    "exclude_shared_token_cache_credential",
    "exclude_visual_studio_code_credential",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """
    A principal, as a connection describes it.

    *certificate* is PEM text with its private key, *certificate_path* a file of the same;
    *client_secret* is then the password of that key. With neither secret nor certificate the
    machine itself is asked who it is. *authority* is a URL (empty: the public cloud's),
    *ca_bundle* a PEM file of the authorities to trust in place of the machine's.
    """

    tenant_id: str = ""
    client_id: str = ""
    client_secret: Secret | None = None
    certificate: Secret | None = None
    certificate_path: str = ""
    managed_identity_client_id: str = ""
    workload_identity_tenant_id: str = ""
    authority: str = ""
    ca_bundle: str = ""

    @property
    def is_ambient(self) -> bool:
        """Whether the machine itself is asked who it is."""
        return not (self.client_secret or self.certificate or self.certificate_path)

    def require_whole(self) -> None:
        """Raise `NotConfigured`, naming the field to set, where half of something was given."""
        for path in (self.ca_bundle, self.certificate_path):
            if path and not Path(path).is_file():
                msg = f"there is no file {path}, which ca_bundle or certificate_path names"
                raise NotConfigured(msg)
        if self.is_ambient:
            return
        proof = "a certificate" if self.certificate or self.certificate_path else "a client secret"
        for value, name in ((self.client_id, "login (client id)"), (self.tenant_id, "tenantId")):
            if not value:
                msg = f"there is {proof} but nobody whose it is: set {name}"
                raise NotConfigured(msg)
        if self.certificate and self.certificate_path:
            msg = "certificate and certificate_path are both set: keep one"
            raise NotConfigured(msg)


@dataclass(frozen=True, slots=True)
class Acquired:
    """A token, and when it ends (epoch seconds)."""

    token: Secret
    expires: float


@dataclass(slots=True)
class _Watch:
    """
    Sees what a credential asks, and the answers: the errors of a chain of them do not tell.

    *status* is that of the last request, None while it has no answer.
    """

    asked: bool = False
    status: int | None = None

    def on_request(self, _request: Any) -> None:
        self.asked, self.status = True, None

    def on_response(self, response: Any) -> None:
        self.status = response.http_response.status_code


def acquire(settings: IdentitySettings, scope: str, *, proven: bool) -> Acquired:
    """
    Ask for a token for *scope*.

    *proven* says that these settings have once been enough, so that a silence of the machine's
    own identity is an outage and not a machine without one.
    """
    import azure.identity

    with _told(settings, proven=proven) as watch, _made(azure.identity, settings, watch) as made:
        return _acquired(made.get_token(scope))


async def aacquire(settings: IdentitySettings, scope: str, *, proven: bool) -> Acquired:
    """The same without blocking."""
    # Importing it the first time takes near half a second, and no trigger should stand still.
    identity = await asyncio.to_thread(import_module, "azure.identity.aio")
    with _told(settings, proven=proven) as watch:
        async with _made(identity, settings, watch) as made:
            return _acquired(await made.get_token(scope))


def _acquired(token: Any) -> Acquired:
    return Acquired(Secret(token.token), float(token.expires_on))


def _made(identity: ModuleType, settings: IdentitySettings, watch: _Watch) -> Any:
    """The credential of *settings*: blocking or not, as *identity* is."""
    settings.require_whole()
    _hush()
    options = _options(settings, watch)
    if settings.is_ambient:
        return identity.DefaultAzureCredential(**options, **_ambient(settings))
    secret = settings.client_secret.reveal() if settings.client_secret else None
    if settings.certificate or settings.certificate_path:
        text = settings.certificate.reveal().encode() if settings.certificate else None
        return identity.CertificateCredential(
            settings.tenant_id,
            settings.client_id,
            settings.certificate_path or None,
            certificate_data=text,
            password=secret,
            **options,
        )
    return identity.ClientSecretCredential(
        settings.tenant_id, settings.client_id, secret, **options
    )


def _hush() -> None:
    """
    Leave a task's log to what the task does: every token would be told on a page of it.

    Where somebody has set a level, it stays; the Microsoft provider does the same for blobs.
    """
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)


def _options(settings: IdentitySettings, watch: _Watch) -> dict[str, Any]:
    authority = _authority(settings)
    options: dict[str, Any] = {
        "authority": authority,
        "raw_request_hook": watch.on_request,
        "raw_response_hook": watch.on_response,
        "connection_timeout": CONNECT_TIMEOUT,
        "read_timeout": _READ_TIMEOUT,
        # The conversation that wants the token asks again by itself, and has a deadline.
        "retry_total": 0,
    }
    if authority not in {each.authority for each in CLOUDS.values()}:
        # Else login.microsoftonline.com would be asked whether it knows this authority.
        options["disable_instance_discovery"] = True
    if settings.ca_bundle:
        options["connection_verify"] = settings.ca_bundle
    if is_loopback(urlsplit(authority).hostname or ""):
        options["use_env_settings"] = False
    return options


def _authority(settings: IdentitySettings) -> str:
    authority = (settings.authority or CLOUDS["AzurePublicCloud"].authority).rstrip("/")
    HostRule.naming([authority]).require(authority)
    if urlsplit(authority).scheme != "https":
        msg = f"authority {authority}: a client's secret goes over https only, even on this machine"
        raise NotConfigured(msg)
    return authority


def _ambient(settings: IdentitySettings) -> dict[str, Any]:
    """What the Microsoft provider hands `DefaultAzureCredential`, and nobody to be asked."""
    options: dict[str, Any] = dict.fromkeys(_WITH_A_PERSON, True)
    if settings.managed_identity_client_id:
        options["managed_identity_client_id"] = settings.managed_identity_client_id
    if settings.workload_identity_tenant_id:
        options["workload_identity_tenant_id"] = settings.workload_identity_tenant_id
        options["additionally_allowed_tenants"] = [settings.workload_identity_tenant_id]
    return options


@contextmanager
def _told(settings: IdentitySettings, *, proven: bool) -> Iterator[_Watch]:
    """
    Say in our own words why there is no token.

    Theirs are left out of the traceback: an authority may echo what it was sent.
    """
    from azure.core.exceptions import AzureError

    watch = _Watch()
    try:
        yield watch
    except (AzureError, ValueError, OSError) as exc:
        _tell(settings, exc, watch, proven=proven)


def _tell(settings: IdentitySettings, exc: Exception, watch: _Watch, *, proven: bool) -> NoReturn:
    said = _words(settings, exc)
    if any("CERTIFICATE_VERIFY_FAILED" in str(each) for each in _chain(exc)):
        msg = f"no Azure AD token: the authority's certificate is not trusted (ca_bundle): {said}"
        raise NotConfigured(msg) from None
    if _may_pass(settings, watch, proven=proven):
        msg = f"no Azure AD token for now: {said}"
        raise ServiceUnavailable(msg) from None
    msg = f"no Azure AD token: {said}"
    raise NotConfigured(msg) from None


def _may_pass(settings: IdentitySettings, watch: _Watch, *, proven: bool) -> bool:
    """Whether asking again may help, since nobody said no."""
    if watch.status is not None:
        return watch.status >= 500 or watch.status in _NOT_NOW
    # A machine that has no identity is as silent as one whose identity is away.
    return proven if settings.is_ambient else watch.asked


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _words(settings: IdentitySettings, exc: Exception) -> str:
    """The beginning of what was said, without a secret that it may echo."""
    said = scrubbed(str(exc))
    for secret in (settings.client_secret, settings.certificate):
        if secret:
            said = said.replace(secret.reveal(), "***")
    return " ".join(said.split())[:_EXCERPT]
