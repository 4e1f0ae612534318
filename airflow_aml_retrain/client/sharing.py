"""
What the triggers of one event loop share: one look-up, one token, one `Backend`.

Law: weak in the loop, for sockets and tasks belong to one; weak in what is shared, which lives
only as long as somebody uses it. So a key that was read is forgotten with its last user. Whoever
comes while a look-up is under way shares what comes of it, trouble too: of a thousand that begin
while a service hangs, none waits for the time-outs of those before it. Whoever comes later looks
anew. A look-up belongs to no one of them: whoever is cancelled ends its own waiting, and the last
one the look-up.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

T = TypeVar("T")


@dataclass(slots=True)
class _LookUp(Generic[T]):
    """One that is under way, and how many wait for it."""

    task: asyncio.Task[T]
    waiting: int = 0


@dataclass(slots=True)
class _Loop(Generic[T]):
    values: WeakValueDictionary[Hashable, T] = field(default_factory=WeakValueDictionary)
    look_ups: dict[Hashable, _LookUp[T]] = field(default_factory=dict)
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
        value = self._good(key)
        if value is not None:
            return value
        look_ups = self._here().look_ups
        mine = look_ups.get(key)
        if mine is None:
            mine = look_ups[key] = _LookUp(asyncio.create_task(self._looked_up(key, look_up)))
        mine.waiting += 1
        try:
            # A task of its own: who came first may leave first.
            await asyncio.wait([mine.task])
            return mine.task.result()
        finally:
            mine.waiting -= 1
            if (not mine.waiting or mine.task.done()) and look_ups.get(key) is mine:
                # Out of the way first: whoever comes while it is being cancelled begins another.
                del look_ups[key]
                mine.task.cancel()

    async def _looked_up(self, key: Hashable, look_up: Callable[[], Awaitable[T]]) -> T:
        value = await look_up()
        here = self._here()
        here.values[key] = value
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
