"""
A `Request` into bytes, a key beside it, and "no answer" into `ServiceUnavailable`; nothing else.

Law: what is sent is never told. Errors and logs name the method and the URL, no body and no
header; redirects are answers like any other, so a credential goes to no host that was not
asked; and what goes to this machine goes through no proxy.
"""

import asyncio
import json
import math
import time
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final, Required, TypedDict
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

from airflow_aml_retrain.client.drive import arun, run
from airflow_aml_retrain.client.hosts import HostRule, is_loopback
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.client.pool import CONNECT_TIMEOUT, READ_TIMEOUT, Lease
from airflow_aml_retrain.errors import NotConfigured, ServiceUnavailable
from airflow_aml_retrain.wire.conversation import Credential, Request, Response
from airflow_aml_retrain.wire.secret import Secret

if TYPE_CHECKING:
    import ssl

    import aiohttp
    import requests

_LATELY: Final = READ_TIMEOUT
"""Seconds for which a key that was read anew is not doubted: as long as an answer may take."""


class _Way(TypedDict, total=False):
    ssl: "Required[ssl.SSLContext | bool]"
    proxy: str
    proxy_auth: "aiohttp.BasicAuth | None"


class BlockingTransport:
    """
    Sends over `requests`; keeps its connections until `close`.

    *ca_bundle* is a PEM file of the authorities to trust in place of the machine's.
    """

    def __init__(self, keyring: Keyring, hosts: HostRule, ca_bundle: str = "") -> None:
        self._keyring = keyring
        self._hosts = hosts
        self._ca_bundle = ca_bundle
        self._token: Secret | None = None
        self._session: requests.Session | None = None

    def __call__(self, request: Request) -> Response:
        self._hosts.require(request.url)
        self._make_ready(request)
        key = self._keyring.secret(request.credential)
        if request.credential is Credential.AZURE_AD:
            self._token = key
        begun = time.monotonic()
        answer = self._sent(request, key, begun)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, answer.content, headers, _since(begun))

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _make_ready(self, request: Request) -> None:
        """Get rid of a credential that was refused, and get one that is not there yet."""
        if request.renew and request.credential is Credential.AZURE_AD:
            self._keyring.forget(self._token)
        elif request.renew or self._keyring.lacks(request.credential):
            run(self._keyring.renewed(request.credential), self)

    def _sent(self, request: Request, key: Secret | None, begun: float) -> "requests.Response":
        import requests

        self._session = self._session or requests.Session()
        try:
            return self._session.request(
                request.method,
                request.url,
                data=_body(request),
                headers=_headers(request, key),
                # Else `requests` lets a ~/.netrc overrule the header.
                auth=lambda prepared: prepared,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                verify=self._ca_bundle or None,
                allow_redirects=False,
                proxies={"http": "", "https": ""} if _is_local(request.url) else None,
            )
        except _lost_to_requests() as exc:
            raise _unavailable(request, exc, begun) from exc


class AsyncTransport:
    """Sends over the `aiohttp` session that all of the event loop shares."""

    def __init__(self, keyring: Keyring, hosts: HostRule, ca_bundle: str = "") -> None:
        self._keyring = keyring
        self._hosts = hosts
        self._ca_bundle = ca_bundle
        # One for each credential: a key may be looked up with a token that is refused too.
        self._renewing = defaultdict[Credential, asyncio.Lock](asyncio.Lock)
        self._renewed_at = defaultdict[Credential, float](lambda: -math.inf)
        self._tokens = WeakKeyDictionary[asyncio.Task[object], Secret | None]()
        self._ways = dict[tuple[str, str], _Way]()

    async def __call__(self, request: Request) -> Response:
        self._hosts.require(request.url)
        await self._make_ready(request)
        key = await self._keyring.asecret(request.credential)
        if request.credential is Credential.AZURE_AD:
            self._tokens[_task()] = key
        begun = time.monotonic()
        async with Lease() as pool, pool.turn_at(request.url):
            return await _asked(pool.session, request, key, self._way(request.url), begun)

    async def _make_ready(self, request: Request) -> None:
        """Get rid of a credential that was refused, and get one that is not there yet."""
        if request.renew and request.credential is Credential.AZURE_AD:
            self._keyring.forget(self._tokens.get(_task()))
        elif request.renew:
            await self._renew(request.credential)
        elif self._keyring.lacks(request.credential):
            await self._look_up(request.credential)

    async def _renew(self, credential: Credential) -> None:
        """Read the key anew, once for the whole crowd whose key was refused."""
        async with self._renewing[credential]:
            # A straggler's old key is refused after the crowd's has been renewed.
            if _since(self._renewed_at[credential]) > _LATELY:
                await arun(self._keyring.renewed(credential), self)
                self._renewed_at[credential] = time.monotonic()

    async def _look_up(self, credential: Credential) -> None:
        """Read the key that is not there yet, once for the whole crowd that needs it."""
        async with self._renewing[credential]:
            if self._keyring.lacks(credential):
                await arun(self._keyring.renewed(credential), self)

    def _way(self, url: str) -> _Way:
        """The way to a host, found once: reading the environment takes a third of a poll."""
        parts = urlsplit(url)
        scheme, host = parts.scheme, parts.hostname or ""
        way = self._ways.get((scheme, host))
        if way is None:
            way = self._ways[scheme, host] = _way(scheme, host, self._trust)
        return way

    @cached_property
    def _trust(self) -> "ssl.SSLContext | bool":
        if not self._ca_bundle:
            return True
        import ssl

        return ssl.create_default_context(cafile=self._ca_bundle)


def _task() -> "asyncio.Task[object]":
    """The running task: a conversation is held in one, so a refusal is answered in the same."""
    task = asyncio.current_task()
    if task is None:
        msg = "an AsyncTransport is used inside a task"
        raise RuntimeError(msg)
    return task


async def _asked(
    session: "aiohttp.ClientSession",
    request: Request,
    key: Secret | None,
    way: _Way,
    begun: float,
) -> Response:
    try:
        async with session.request(
            request.method,
            request.url,
            data=_body(request),
            headers=_headers(request, key),
            skip_auto_headers=("Content-Type",),  # else an empty body gets one
            allow_redirects=False,
            **way,
        ) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, await answer.read(), headers, _since(begun))
    except _lost_to_aiohttp() as exc:
        raise _unavailable(request, exc, begun) from exc


def _body(request: Request) -> bytes | None:
    """UTF-8 JSON; real resource names hold U+00A0, which ASCII clients turned into "?"."""
    if request.body is None:
        return None
    return json.dumps(request.body, ensure_ascii=False, default=_revealed).encode()


def _revealed(value: object) -> str:
    """Write a `Secret` out: the protocol itself demands a SAS in the body."""
    if not isinstance(value, Secret):
        msg = f"a request body cannot hold a {type(value).__name__}"
        raise TypeError(msg)
    return value.reveal()


def _headers(request: Request, key: Secret | None) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if request.body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
    elif request.method != "GET":
        headers["Content-Length"] = "0"
    if key is not None:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    return headers


def _lost_to_requests() -> tuple[type[Exception], ...]:
    """No answer, or the half of one."""
    from requests import exceptions

    return (
        exceptions.ConnectionError,
        exceptions.Timeout,
        exceptions.ChunkedEncodingError,
        exceptions.ContentDecodingError,
    )


def _lost_to_aiohttp() -> tuple[type[Exception], ...]:
    """No answer, or the half of one; not `ClientError`, which covers malformed requests too."""
    import aiohttp

    return (
        aiohttp.ClientConnectionError,
        aiohttp.ClientPayloadError,
        aiohttp.ClientResponseError,
        TimeoutError,
    )


def _unavailable(request: Request, exc: Exception, begun: float) -> Exception:
    """Say that there was no answer; a certificate that is not trusted is the user's to mend."""
    if "CERTIFICATE_VERIFY_FAILED" in str(exc):
        msg = f"{request.line}: the server's certificate is not trusted by this machine"
        return NotConfigured(msg)
    elapsed = _since(begun)
    msg = f"{request.line}: no answer after {elapsed:.1f} s ({type(exc).__name__})"
    return ServiceUnavailable(msg, elapsed=elapsed)


def _since(begun: float) -> float:
    return time.monotonic() - begun


def _is_local(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def _way(scheme: str, host: str, trust: "ssl.SSLContext | bool") -> _Way:
    """Through the proxy that the machine is set up with, as `requests` finds it by itself."""
    import aiohttp
    from yarl import URL

    address = getproxies().get(scheme)
    if not address or is_loopback(host) or proxy_bypass(host):
        return {"ssl": trust}
    proxy = URL(address)
    auth = aiohttp.BasicAuth.from_url(proxy)
    return {"ssl": trust, "proxy": str(proxy.with_user(None)), "proxy_auth": auth}
