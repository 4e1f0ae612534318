"""
One HTTP session per event loop, shared by all triggers that wait in it.

Law: a session lives exactly as long as somebody holds a lease on it, so nothing has to be closed
by hand and nothing leaks. It carries no credential and no cookie (each request brings its own),
which is why endpoints and connections may share its sockets. No more than `AT_ONCE` requests to a
host are under way, so one that hangs keeps nobody from the others; who waits for a turn has nothing
made yet, for a crowd of half-made requests is what each collection of garbage would walk over.

The registry is weak in the loop: sockets belong to one loop, so a loop that is gone takes its
entry with it, and no state passes from one loop to another.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import aiohttp

CONNECT_TIMEOUT: Final = 10.0
"""Seconds until a connection must stand."""

READ_TIMEOUT: Final = 120.0
"""Seconds of silence; the service itself gives up on a scoring request after about 90."""

AT_ONCE: Final = 100
"""Requests of one event loop to one host that are under way at a time: the sockets they need."""


@dataclass(slots=True)
class Pool:
    """A session, and for each host the turns at it: a request is made when its turn has come."""

    session: "aiohttp.ClientSession"
    leases: int = 0
    _turns: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def turn_at(self, url: str) -> asyncio.Semaphore:
        """What is held while a request to *url* is under way."""
        host = urlsplit(url).netloc
        turns = self._turns.get(host)
        if turns is None:
            turns = self._turns[host] = asyncio.Semaphore(AT_ONCE)
        return turns


_shared: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Pool]] = WeakKeyDictionary()


class Lease:
    """
    A hold on the running loop's pool, from `async with` to its end; the last one out closes it.

    Every wait has one for as long as it lasts. So it is one small object and not a generator in a
    wrapper: each collection of garbage walks over all that the waits of the loop hold.
    """

    __slots__ = ("_shared",)

    _shared: Pool

    async def __aenter__(self) -> Pool:
        loop = asyncio.get_running_loop()
        shared = _shared.get(loop)
        if shared is None:
            shared = _shared[loop] = Pool(_opened())
        shared.leases += 1
        self._shared = shared
        return shared

    async def __aexit__(self, *_why: object) -> None:
        shared = self._shared
        shared.leases -= 1
        if not shared.leases:
            # Out of the registry first: whoever comes while it closes opens a new one.
            del _shared[asyncio.get_running_loop()]
            await shared.session.close()


def _opened() -> "aiohttp.ClientSession":
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT
    )
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=AT_ONCE),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
