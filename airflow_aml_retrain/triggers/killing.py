"""
Doing what a person's kill asks for.

Law: it is done to its end, whoever waits for it. Airflow 3.3.2 says once more in each round of its
triggerer, about every second, that a trigger is cancelled, until the trigger has ended
(`TriggerRunnerSupervisor.cancelling_triggers`); so it cuts short the very `on_kill` that it called.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

_log: Final = logging.getLogger(__name__)

_under_way: Final[set[asyncio.Task[None]]] = set()
"""Held here because an event loop holds its tasks but weakly."""


async def done_to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for *work*, which goes on without whoever is cancelled meanwhile."""
    task = asyncio.create_task(work)
    _under_way.add(task)
    task.add_done_callback(_ended)
    await asyncio.shield(task)


def _ended(task: asyncio.Task[None]) -> None:
    _under_way.discard(task)
    if not task.cancelled() and (trouble := task.exception()) is not None:
        # Whoever would have told of it may have left.
        _log.warning("What a person stopped may go on: %s: %s", type(trouble).__name__, trouble)
