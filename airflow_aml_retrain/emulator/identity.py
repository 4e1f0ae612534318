"""
Where tokens come from: an identity endpoint as App Service has one, and an authority.

The identity endpoint is plain http on this machine, in its protocol of 2019-08-01. The authority
is a tenant of Azure AD with its one grant for programs, `client_credentials`; clients insist on
https for it. Error codes (AADSTS...) are those of
https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

import hmac
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, cast
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate
from fastapi import APIRouter, Depends, Request

from airflow_aml_retrain.emulator.answers import Json
from airflow_aml_retrain.emulator.messages import PrincipalWish
from airflow_aml_retrain.emulator.records import Principal
from airflow_aml_retrain.emulator.refusals import Refusal
from airflow_aml_retrain.emulator.site import Site, body_of
from airflow_aml_retrain.emulator.tokens import issue

router = APIRouter()

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEFAULT: Final = "/.default"

Form = Mapping[str, str]


class Denied(Refusal):
    """An error of the authority: OAuth's code, and Azure AD's number and words."""

    def __init__(self, status: int, code: str, number: int, message: str, now: float) -> None:
        super().__init__(status, code, message)
        self._number = number
        self._now = now

    @property
    def body(self) -> dict[str, object]:
        return {
            "error": self.code,
            "error_description": f"AADSTS{self._number}: {self.message}",
            "error_codes": [self._number],
            "timestamp": f"{datetime.fromtimestamp(self._now, UTC):%Y-%m-%d %H:%M:%SZ}",
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }


class Undirected(Refusal):
    """An error of the identity endpoint, in its own shape."""

    @property
    def body(self) -> dict[str, object]:
        return {"statusCode": self.status, "message": self.message}


async def _form(request: Request) -> Form:
    said = parse_qs((await body_of(request)).decode())
    return {name: values[-1] for name, values in said.items()}


def registered(site: Site, wish: PrincipalWish) -> Principal:
    """The principal of those ids, made if there is none."""
    made = Principal(
        tenant_id=(wish.tenant_id or str(uuid.uuid4())).lower(),
        client_id=(wish.client_id or str(uuid.uuid4())).lower(),
        client_secret=wish.client_secret or uuid.uuid4().hex,
        identity_header=wish.identity_header or uuid.uuid4().hex.upper(),
        certificate=wish.certificate,
        federated_token=wish.federated_token,
    )
    found = site.store.get(Principal, made.id)
    if found is None:
        site.store.add(made)
    return found or made


@router.get("/identity/token")
def identity_token(request: Request) -> dict[str, str]:
    """A token for the principal whose machine this is said to be."""
    site = _site(request)
    principal = _on_machine(site, request.headers.get("x-identity-header", ""))
    asked = request.query_params
    if asked.get("api-version") != "2019-08-01" or not asked.get("resource"):
        raise Undirected(400, "BadRequest", "Expected api-version=2019-08-01 and a resource.")
    if asked.get("client_id", principal.client_id).lower() != principal.client_id:
        raise Undirected(400, "BadRequest", "No User Assigned Managed Identity was found.")
    token, expires = issue(site, principal, asked["resource"])
    return {
        "access_token": token,
        "client_id": principal.client_id,
        "expires_on": str(int(expires)),
        "not_before": str(int(site.clock())),
        "resource": asked["resource"],
        "token_type": "Bearer",
    }


@router.get("/{tenant}/v2.0/.well-known/openid-configuration")
def openid_configuration(request: Request, tenant: str) -> dict[str, object]:
    """What a client learns before it asks for a token."""
    site = _site(request)
    _require_tenant(site, tenant)
    authority = f"{site.url(request)}/{tenant}"
    return {
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": f"{authority}/discovery/v2.0/keys",
        "issuer": f"{authority}/v2.0",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "tenant_region_scope": "NA",
    }


@router.post("/{tenant}/oauth2/v2.0/token")
def token(request: Request, tenant: str, form: Annotated[Form, Depends(_form)]) -> Json:
    """A token for a principal that proves who it is."""
    site = _site(request)
    _require_tenant(site, tenant)
    if form.get("grant_type") != "client_credentials":
        message = f"The grant type '{form.get('grant_type', '')}' is not supported here."
        raise Denied(400, "unsupported_grant_type", 70003, message, site.clock())
    principal = _principal(site, tenant, form.get("client_id", ""))
    _require_proof(site, principal, form, str(request.url))
    given, expires = issue(site, principal, _audience(site, form.get("scope", "")))
    lifetime = int(expires - site.clock())
    said = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime}
    # As every authority must: nothing on the way may keep a token.
    return Json({**said, "access_token": given}, headers={"Cache-Control": "no-store, no-cache"})


def _on_machine(site: Site, header: str) -> Principal:
    for principal in site.store.all(Principal):
        if hmac.compare_digest(principal.identity_header.encode(), header.encode()):
            return principal
    raise Undirected(401, "Unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")


def _require_tenant(site: Site, tenant: str) -> None:
    if all(known.tenant_id != tenant.lower() for known in site.store.all(Principal)):
        message = f"Tenant '{tenant}' not found."
        raise Denied(400, "invalid_tenant", 90002, message, site.clock())


def _principal(site: Site, tenant: str, client_id: str) -> Principal:
    found = site.store.get(Principal, f"{tenant}/{client_id}".lower())
    if found is None:
        message = (
            f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
        )
        raise Denied(400, "unauthorized_client", 700016, message, site.clock())
    return found


def _require_proof(site: Site, principal: Principal, form: Form, url: str) -> None:
    """Refuse who shows none of the principal's secret, signature or federated token."""
    now = site.clock()
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") == _ASSERTION:
        if not (_is(assertion, principal.federated_token) or _signed(principal, assertion, url)):
            message = "Client assertion failed signature validation."
            raise Denied(401, "invalid_client", 700027, message, now)
    elif "client_secret" not in form:
        message = "The request body must contain 'client_assertion' or 'client_secret'."
        raise Denied(401, "invalid_client", 7000218, message, now)
    elif not _is(form["client_secret"], principal.client_secret):
        message = f"Invalid client secret provided for app '{principal.client_id}'."
        raise Denied(401, "invalid_client", 7000215, message, now)


def _is(given: str, known: str) -> bool:
    return bool(known) and hmac.compare_digest(given.encode(), known.encode())


def _signed(principal: Principal, assertion: str, url: str) -> bool:
    """Tell whether *assertion* is the principal's own, for the token endpoint at *url*."""
    if not principal.certificate:
        return False
    key = load_pem_x509_certificate(principal.certificate.encode()).public_key()
    try:
        # msal signs PS256 with RSA keys by default, and RS256 where it is told to.
        claims = jwt.decode(
            assertion, cast("RSAPublicKey", key), algorithms=["PS256", "RS256"], audience=url
        )
    except jwt.InvalidTokenError:
        return False
    return {claims.get("iss"), claims.get("sub")} == {principal.client_id}


def _audience(site: Site, scopes: str) -> str:
    """What a token for *scopes* is for."""
    wanted = next((scope for scope in scopes.split() if scope.endswith(_DEFAULT)), "")
    if not wanted:
        message = (
            f"The provided value for scope {scopes} is not valid. Client credential flows must "
            "have a scope value with /.default suffixed to the resource identifier."
        )
        raise Denied(400, "invalid_scope", 1002012, message, site.clock())
    return wanted.removesuffix(_DEFAULT)


def _site(request: Request) -> Site:
    return cast("Site", request.app.state.site)
