"""
How late an event loop is, and what its lateness was made of.

A watcher sleeps 10 ms, over and over; it is late by how much longer that takes. Of a lateness by
the clock a part is CPU time of the loop's own thread, and a part of that went into collections of
garbage, which Python makes when it sees fit and which walk over the whole process; during the
rest the thread did not run, and the machine was at something else.
"""

import asyncio
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter, thread_time
from typing import Final

NAP: Final = 0.01

_FULL: Final = 2


@dataclass(slots=True)
class Collections:
    """Collections of garbage in this thread: their CPU seconds, and how many were full ones."""

    seconds: float = 0.0
    full: int = 0
    _begun: float = 0.0

    def __call__(self, phase: str, about: Mapping[str, int]) -> None:
        if phase == "start":
            self._begun = thread_time()
            return
        self.seconds += thread_time() - self._begun
        self.full += about["generation"] == _FULL


@contextmanager
def counted_collections() -> Iterator[Collections]:
    seen = Collections()
    gc.callbacks.append(seen)
    try:
        yield seen
    finally:
        gc.callbacks.remove(seen)


@dataclass(frozen=True, slots=True)
class Late:
    """Seconds too late by the clock; of them the thread's own CPU, and of that, collecting."""

    clock: float = 0.0
    cpu: float = 0.0
    collecting: float = 0.0

    @property
    def own(self) -> float:
        """CPU seconds that the loop was at its own work."""
        return self.cpu - self.collecting


@dataclass(slots=True)
class Lateness:
    """All that was seen in some seconds; *full* is how many full collections fell into them."""

    seen: list[Late] = field(default_factory=list)
    full: int = 0

    @property
    def worst(self) -> Late:
        return max(self.seen, key=lambda late: late.clock, default=Late())

    @property
    def most_work(self) -> float:
        """The longest the loop was at its own work between two naps, in CPU seconds."""
        return max((late.own for late in self.seen), default=0.0)


async def lateness(seconds: float) -> Lateness:
    """Watch the running loop for *seconds*."""
    until, found = perf_counter() + seconds, Lateness()
    with counted_collections() as garbage:
        while (begun := perf_counter()) < until:
            cpu, collecting = thread_time(), garbage.seconds
            await asyncio.sleep(NAP)
            clock = perf_counter() - begun - NAP
            found.seen.append(Late(clock, thread_time() - cpu, garbage.seconds - collecting))
        found.full = garbage.full
    return found


def full_collection() -> float:
    """CPU seconds of a full collection of this process as it is; the least of three."""
    return min(_one_full_collection() for _ in range(3))


def _one_full_collection() -> float:
    begun = thread_time()
    gc.collect()
    return thread_time() - begun
