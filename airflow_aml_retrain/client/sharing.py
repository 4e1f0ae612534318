"""
What the triggers of one event loop share: one look-up, one token, one `Backend`.

Law: weak in the loop, for sockets and locks belong to one; weak in what is shared, which lives
only as long as somebody uses it. So a key that was read is forgotten with its last user. A
look-up that failed or was cancelled is nobody else's: the next one looks for itself.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

T = TypeVar("T")


@dataclass(slots=True)
class _Loop(Generic[T]):
    values: WeakValueDictionary[Hashable, T] = field(default_factory=WeakValueDictionary)
    locks: WeakValueDictionary[Hashable, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    good_until: WeakKeyDictionary[T, float] = field(default_factory=WeakKeyDictionary)


class Shared(Generic[T]):
    """
    Values by key, one set for each event loop; a value must allow weak references to it.

    What was looked up is good for *good_for* seconds: whoever comes later has it looked up anew,
    and whoever has it keeps it. It must be hashable.
    """

    def __init__(self, *, good_for: float = math.inf) -> None:
        self._good_for = good_for
        self._loops = WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop[T]]()

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """The running loop's value for *key*, made if there is none."""
        values = self._here().values
        found = values.get(key)
        if found is None:
            found = values[key] = make()
        return found

    async def found(self, key: Hashable, look_up: Callable[[], Awaitable[T]]) -> T:
        """The same where making it takes a while: whoever wants it meanwhile waits for it."""
        # Not in line behind those who wait: of a crowd, more may come than leave the line.
        value = self._good(key)
        if value is not None:
            return value
        here = self._here()
        lock = here.locks.setdefault(key, asyncio.Lock())
        async with lock:
            value = self._good(key)
            if value is None:
                value = here.values[key] = await look_up()
                here.good_until[value] = _now() + self._good_for
            return value

    def _good(self, key: Hashable) -> T | None:
        here = self._here()
        value = here.values.get(key)
        return (
            value if value is not None and _now() < here.good_until.get(value, -math.inf) else None
        )

    def _here(self) -> _Loop[T]:
        return self._loops.setdefault(asyncio.get_running_loop(), _Loop())


def _now() -> float:
    return asyncio.get_running_loop().time()
