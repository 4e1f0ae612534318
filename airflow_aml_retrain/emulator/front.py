"""
What every request passes through: its number in the log, the faults, the request id.

The log holds method, path and status; no query, no header and no body, so no credential.
"""

import asyncio
import itertools
import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_aml_retrain.emulator.faults import Faults, plane_of, refused
from airflow_aml_retrain.emulator.messages import Deed

DEED = "emulator.deed"
"""Where in the scope a route finds what is to be done to it."""

_KEPT = 100_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request; *status* 0 means that the connection was dropped."""

    n: int
    method: str
    path: str
    status: int
    plane: str


class Journal:
    """The requests that were seen, newest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._seen: deque[Seen] = deque(maxlen=_KEPT)

    def write(self, method: str, path: str, status: int, plane: str) -> None:
        with self._lock:
            self._seen.append(Seen(next(self._numbers), method, path, status, plane))

    def since(self, n: int) -> list[dict[str, Any]]:
        """Those with a number above *n*."""
        with self._lock:
            return [asdict(seen) for seen in self._seen if seen.n > n]


class Front:
    """
    The ASGI application around *app*.

    The outermost one: only there does `send` belong to the server, whose connection a fault may
    have to close.
    """

    def __init__(self, app: ASGIApp, faults: Faults, journal: Journal) -> None:
        self.app = app
        self._faults = faults
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        plane = plane_of(path)
        deed = self._faults.take(plane, method, path) or Deed()
        status = await self._answered({**scope, DEED: deed}, receive, send, deed)
        self._journal.write(method, path, status, plane)
        _log.info("%s %s %s", method, path, status or "dropped")

    async def _answered(self, scope: Scope, receive: Receive, send: Send, deed: Deed) -> int:
        if deed.delay is not None:
            await asyncio.sleep(deed.delay)
        said = _Said(send)
        spoiled = deed.drop or deed.status is not None
        if not spoiled:
            await self.app(scope, receive, said.aloud)
            return said.status
        if deed.after:
            await self.app(scope, receive, said.aside)
        if deed.drop:
            await _hang_up(send)
            return 0
        return await _refuse(deed, said)


class _Said:
    """Passes an answer on with a request id, or swallows it; *status* is what it was."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 500

    async def aloud(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            number = str(uuid.uuid4()).encode()
            message["headers"] = [*message.get("headers", ()), (b"x-ms-request-id", number)]
        await self._send(message)

    async def aside(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


async def _refuse(deed: Deed, said: _Said) -> int:
    refusal = refused(deed)
    body = json.dumps(refusal.body).encode()
    headers: Mapping[str, str] = {
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(body)),
        **(deed.headers or {}),
    }
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    start = {"type": "http.response.start", "status": refusal.status, "headers": encoded}
    await said.aloud(start)
    await said.aloud({"type": "http.response.body", "body": body})
    return refusal.status


async def _hang_up(send: Send) -> None:
    """Close the connection without a byte; ASGI has no word for it, so uvicorn's own is used."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()
    # uvicorn learns of it in its next round, and then wants no answer from us.
    await asyncio.sleep(0.01)
