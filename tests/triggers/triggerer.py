"""
A triggerer as far as watchers see it: Airflow's own shared streams, and who stores events.

What Airflow keeps in its database lies in a `Database` that outlives the triggerer, so that one
can be killed at any moment and another be started in its place.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from airflow.triggers.shared_stream import SharedStreamManager

from airflow_aml_retrain.triggers.data import NewDataTrigger


@dataclass
class Database:
    """The state of one asset, and the payloads of the events that were stored."""

    state: dict[str, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)

    async def aget(self, key: str, default: Any = None) -> Any:
        await asyncio.sleep(0)
        return self.state.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        await asyncio.sleep(0)
        self.state[key] = value


@dataclass
class Triggerer:
    """
    Runs watchers as `TriggerRunner.run_trigger` does.

    Without *stores* it tells what it was told to nobody, as one does that is about to die.
    """

    stores: bool = True
    manager: SharedStreamManager = field(default_factory=SharedStreamManager)
    told: list[Any] = field(default_factory=list)
    _ids: Any = field(default_factory=count)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, trigger: NewDataTrigger, database: Database) -> None:
        _, kwargs = trigger.serialize()
        reborn = type(trigger)(**kwargs)
        reborn.asset_state_store = database  # type: ignore[assignment] # what we use of it
        self._tasks.append(asyncio.create_task(self._run(next(self._ids), reborn, database)))

    async def until(self, is_so: Callable[[], bool], seconds: float = 30) -> None:
        """Until *is_so*; what ended a watcher is raised."""
        async with asyncio.timeout(seconds):
            while not is_so():
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.manager.stop_all()

    async def _run(self, number: int, trigger: NewDataTrigger, database: Database) -> None:
        key = trigger.shared_stream_key()
        stream = self.manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                seq = self.manager.bind_pending_event(trigger_id=number, key=key)
                self.told.append(event.payload)
                if self.stores and seq is not None:
                    database.events.append(event.payload)
                    self.manager.confirm_persisted([seq])
        finally:
            await self.manager.unsubscribe(number, key)


@asynccontextmanager
async def triggerer(*, stores: bool = True) -> AsyncIterator[Triggerer]:
    running = Triggerer(stores=stores)
    try:
        yield running
    finally:
        await running.stop()


async def cut_short(kill: Coroutine[Any, Any, None]) -> None:
    """Call an `on_kill` as 3.3.2 does, whose next round cancels it."""
    killing = asyncio.create_task(kill)
    await asyncio.sleep(0)
    killing.cancel()
    with suppress(asyncio.CancelledError):
        await killing


async def until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Until *is_so*."""
    async with asyncio.timeout(seconds):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.1)
