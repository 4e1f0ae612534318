"""
Many worlds at once, on all cores, each with a seed of its own.

Law: a world depends on its number only, so that the same worlds come out whoever runs them and
in whatever order.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from multiprocessing import get_context
from os import cpu_count
from typing import Final, TypeVar

import numpy as np
from numpy.random import Generator

SEED: Final = 20261122
_SHARE: Final = 25
"""Worlds that a process takes at once."""

Outcome = TypeVar("Outcome")
World = Callable[[Generator], Outcome]

_POOL: ContextVar[ProcessPoolExecutor | None] = ContextVar("pool", default=None)


@contextmanager
def all_cores() -> Iterator[None]:
    """Within it, worlds run in processes; without it, here and one after the other."""
    # Not forked: the parent may have threads by then.
    with ProcessPoolExecutor(cpu_count(), mp_context=get_context("spawn")) as pool:
        token = _POOL.set(pool)
        try:
            yield
        finally:
            _POOL.reset(token)


def over_worlds(world: World[Outcome], worlds: int) -> list[Outcome]:
    """What comes of each of so many *worlds*; *world* must survive pickling."""
    pool = _POOL.get()
    one = partial(_numbered, world)
    if pool is None:
        return [one(number) for number in range(worlds)]
    return list(pool.map(one, range(worlds), chunksize=_SHARE))


def _numbered(world: World[Outcome], number: int) -> Outcome:
    return world(np.random.default_rng([SEED, number]))
