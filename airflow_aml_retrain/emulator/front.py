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
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_aml_retrain.emulator.faults import Faults, plane_of, refused
from airflow_aml_retrain.emulator.letterhead import Letterhead
from airflow_aml_retrain.emulator.messages import Deed

DEED = "emulator.deed"
"""Where in the scope a route finds what is to be done to it."""

Headers = list[tuple[bytes, bytes]]

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

    def __init__(
        self, app: ASGIApp, faults: Faults, journal: Journal, letterhead: Letterhead
    ) -> None:
        self.app = app
        self._faults = faults
        self._journal = journal
        self._letterhead = letterhead

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        plane = plane_of(path)
        deed = self._faults.take(plane, method, path) or Deed()
        began = self._letterhead.began()

        def noted(status: int) -> None:
            self._journal.write(method, path, status, plane)
            _log.info("%s %s %s", method, path, status or "dropped")

        def head() -> Headers:
            return self._letterhead.headers(method, began) if plane == "resources" else []

        await self._answer({**scope, DEED: deed}, receive, _Said(send, noted, head), deed)

    async def _answer(self, scope: Scope, receive: Receive, said: "_Said", deed: Deed) -> None:
        if deed.delay is not None:
            await asyncio.sleep(deed.delay)
        if not deed.drop and deed.status is None:
            await self.app(scope, receive, said.aloud)
            return
        if deed.after:
            await self.app(scope, receive, _swallow)
        if deed.drop:
            await said.hang_up()
        else:
            await _refuse(deed, said)


class _Said:
    """
    What goes back: an answer with a request id, or nothing.

    It is noted before it is sent, so that who has the answer finds it in the log.
    """

    def __init__(
        self, send: Send, noted: Callable[[int], None], head: Callable[[], Headers]
    ) -> None:
        self._send = send
        self._noted = noted
        self._head = head

    async def aloud(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            number = str(uuid.uuid4()).encode()
            headers = [*message.get("headers", ()), (b"x-ms-request-id", number), *self._head()]
            message["headers"] = headers
            self._noted(message["status"])
        await self._send(message)

    async def hang_up(self) -> None:
        """Close the connection without a byte; ASGI has no word for it, so uvicorn's is used."""
        self._noted(0)
        cycle = getattr(self._send, "__self__", None)
        transport = getattr(cycle, "transport", None)
        if transport is not None:
            transport.abort()
        # uvicorn learns of it in its next round, and then wants no answer from us.
        await asyncio.sleep(0.01)


async def _swallow(message: Message) -> None:
    """An answer that is lost."""


async def _refuse(deed: Deed, said: _Said) -> None:
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
