"""
One HTTP session per event loop, shared by all triggers that wait in it.

Law: a session lives exactly as long as somebody holds a lease on it, so nothing has to be closed
by hand and nothing leaks. It carries no credential and no cookie (each request brings its own),
which is why endpoints and connections may share its sockets.

The registry is weak in the loop: sockets belong to one loop, so a loop that is gone takes its
entry with it, and no state passes from one loop to another.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import aiohttp

CONNECT_TIMEOUT: Final = 10.0
"""Seconds until a connection must stand."""

READ_TIMEOUT: Final = 120.0
"""Seconds of silence; the service itself gives up on a scoring request after about 90."""


@dataclass(slots=True)
class _Shared:
    session: "aiohttp.ClientSession"
    leases: int = 0


_shared: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def leased_session() -> AsyncIterator["aiohttp.ClientSession"]:
    """Hold the running loop's session; the last one out closes it."""
    loop = asyncio.get_running_loop()
    shared = _shared.get(loop)
    if shared is None:
        shared = _shared[loop] = _Shared(_opened())
    shared.leases += 1
    try:
        yield shared.session
    finally:
        shared.leases -= 1
        if not shared.leases:
            # Out of the registry first: whoever comes while it closes opens a new one.
            del _shared[loop]
            await shared.session.close()


def _opened() -> "aiohttp.ClientSession":
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT
    )
    return aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
