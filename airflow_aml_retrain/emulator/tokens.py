"""
Access tokens: given out for one audience and for a while, asked for by the Resource Manager plane.

Law: only its hash is kept, so whoever reads our memory cannot use a token.
"""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import jwt
from fastapi import Request

from airflow_aml_retrain.emulator.front import DEED
from airflow_aml_retrain.emulator.messages import Deed
from airflow_aml_retrain.emulator.records import Principal, Token
from airflow_aml_retrain.emulator.refusals import Refusal
from airflow_aml_retrain.emulator.site import Site

AUDIENCES: Final = (
    "https://management.core.windows.net",
    "https://management.azure.com",
    "https://management.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
)
"""What a token must be for, with a slash at its end or without one."""


class Unauthenticated(Refusal):
    """401 as Azure Resource Manager says it, before any resource provider is asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(401, code, message)
        challenge = {
            "authorization_uri": "https://login.windows.net/common",
            "error": "invalid_token",
            "error_description": message,
        }
        said = ", ".join(f"{name}={json.dumps(value)}" for name, value in challenge.items())
        self.headers = {"WWW-Authenticate": f"Bearer {said}"}

    @property
    def body(self) -> dict[str, object]:
        return {"error": {"code": self.code, "message": self.message}}


def issue(site: Site, principal: Principal, audience: str) -> tuple[str, float]:
    """A new token of *principal* for *audience*, and when it ends."""
    now = site.clock()
    expires = float(int(now + site.settings.token_lifetime))
    token = jwt.encode(_claims(principal, audience, int(now), int(expires)), uuid.uuid4().hex)
    site.store.add(
        Token(id=_mark(token), principal_id=principal.id, audience=audience, expires=expires)
    )
    return token, expires


def require(site: Site, request: Request) -> None:
    """Let *request* pass if it shows a token that is good now; `Unauthenticated` otherwise."""
    shown = _shown(request)
    token = site.store.get(Token, _mark(shown))
    if token is None:
        raise Unauthenticated("InvalidAuthenticationToken", "The access token is invalid.")
    deed: Deed = request.scope[DEED]
    if deed.expire_tokens:
        token = site.store.change(Token, token.id, lambda old: replace(old, expires=0.0)) or token
    now = site.clock()
    if token.expires <= now:
        raise _expired(token, now)
    if token.audience.rstrip("/") not in AUDIENCES:
        raise _misdirected(token)


def _shown(request: Request) -> str:
    header = request.headers.get("authorization", "")
    scheme, _, token = header.strip().partition(" ")
    if not header:
        message = "Authentication failed. The 'Authorization' header is missing."
        raise Unauthenticated("AuthenticationFailed", message)
    if scheme.lower() != "bearer" or not token.strip():
        message = (
            "Authentication failed. The 'Authorization' header is provided in an invalid format."
        )
        raise Unauthenticated("AuthenticationFailedInvalidHeader", message)
    return token.strip()


def _expired(token: Token, now: float) -> Unauthenticated:
    ended, current = (
        f"{datetime.fromtimestamp(t, UTC):%m/%d/%Y %H:%M:%S}" for t in (token.expires, now)
    )
    message = (
        f"The access token expiry UTC time '{ended}' is earlier than current UTC time '{current}'."
    )
    return Unauthenticated("ExpiredAuthenticationToken", message)


def _misdirected(token: Token) -> Unauthenticated:
    allowed = ",".join(f"'{audience}/','{audience}'" for audience in AUDIENCES)
    message = (
        "The access token has been obtained for wrong audience or resource "
        f"'{token.audience}'. It should exactly match with one of the allowed audiences {allowed}."
    )
    return Unauthenticated("InvalidAuthenticationTokenAudience", message)


def _claims(principal: Principal, audience: str, now: int, expires: int) -> dict[str, object]:
    return {
        "aud": audience,
        "iss": f"https://sts.windows.net/{principal.tenant_id}/",
        "iat": now,
        "nbf": now,
        "exp": expires,
        "appid": principal.client_id,
        "tid": principal.tenant_id,
        "uti": uuid.uuid4().hex,
        "ver": "1.0",
    }


def _mark(token: str) -> str:
    return sha256(token.encode()).hexdigest()
