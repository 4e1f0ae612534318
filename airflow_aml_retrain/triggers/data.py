"""
Telling Airflow that new data has landed.

Law, in this order: a batch is written down in storage (`client.arrivals`), its event is told, and
only when Airflow has stored that event does the watermark in the asset's state pass it. A triggerer
that dies before the first has lost nothing, for it looks again; one that dies before the second or
the third tells again. So every batch is told at least once, and a second time only then; who
consumes it asks the ledger and not the events, and is harmed by neither.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import aclosing
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypedDict

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.sharing import Shared
from airflow_aml_retrain.client.watching import Interest, Sight, Watch, sights
from airflow_aml_retrain.errors import NotConfigured, RetrainError
from airflow_aml_retrain.hooks.storage import shared_blobs
from airflow_aml_retrain.wire.arrivals import Delivered
from airflow_aml_retrain.wire.settling import Settling

if TYPE_CHECKING:
    from airflow_aml_retrain.client.async_blobs import SharedBlobs

_interests: Final = Shared[Interest]()
_PATIENCE: Final = 120.0
"""Seconds for the ledger at one look; Airflow gives up on a watcher that is at one for 300."""


class NewDataEvent(TypedDict):
    """
    The batches *first* to *last* of *source* have been delivered; *manifest* is the last one.

    All places are in the storage that *wasb_conn_id* reaches.
    """

    source: str
    first: int
    last: int
    manifest: str
    wasb_conn_id: str


class NewDataTrigger(BaseEventTrigger):
    """
    Fires when new or changed blobs under a prefix have settled; for an `AssetWatcher`.

    Give the same *source* and *arrivals* to `PrepareDataOperator`, which finds there what is new.
    Two assets over one source need *arrivals* of their own.

    :param source: Where blobs land, "container/prefix".
    :param arrivals: Where to keep what was delivered, "container/prefix", in storage of the same
        connection and not under *source*.
    :param settle: Seconds for which a blob's size and etag must have been seen unchanged.
    :param marker: The name of a blob, such as "_SUCCESS", that is put into a folder when all of it
        is there: blobs of folders without it do not count. Default: none is needed.
    :param suffix: How the names of data end; others are not looked at.
    :param poll_interval: Seconds between two looks. Watchers of one container, with one connection
        and interval, share them.
    :param wasb_conn_id: The storage connection.
    """

    def __init__(
        self,
        source: str,
        *,
        arrivals: str = "aml-retrain/arrivals",
        settle: float = 60.0,
        marker: str | None = None,
        suffix: str = ".csv",
        poll_interval: float = 60.0,
        wasb_conn_id: str = "wasb_default",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's own
        self.source = source
        self.arrivals = arrivals
        self.settle = settle
        self.marker = marker
        self.suffix = suffix
        self.poll_interval = poll_interval
        self.wasb_conn_id = wasb_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "source": self.source,
            "arrivals": self.arrivals,
            "settle": self.settle,
            "marker": self.marker,
            "suffix": self.suffix,
            "poll_interval": self.poll_interval,
            "wasb_conn_id": self.wasb_conn_id,
        }

    def shared_stream_key(self) -> Hashable:
        container = self.source.partition("/")[0]
        return (__name__, self.wasb_conn_id, container, self.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        return _Looking(cls(**kwargs))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch alone; whoever comes back for more has stored what it was told."""
        async with aclosing(self._looks_alone()) as looks:
            async for event in self.filter_shared_stream(looks):
                yield event

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[Sight]
    ) -> AsyncIterator[TriggerEvent]:
        shared, watch, mark = shared_blobs(self.wasb_conn_id), self._watch(), _Watermark(self)
        with self.interest().in_prefix(watch.prefix):
            async for sight in shared_stream:
                delivered = await self._seen(watch, mark, sight, shared)
                if delivered is not None and delivered.number > mark.told:
                    sight.told.append(mark.up_to(delivered.number))
                    yield TriggerEvent(self._event(mark.told + 1, delivered.number))
                    mark.told = delivered.number

    def interest(self) -> Interest:
        """What all watchers that share our looks are interested in."""
        return _interests.kept(self.shared_stream_key(), Interest)

    async def _seen(
        self, watch: Watch, mark: "_Watermark", sight: Sight, shared: "SharedBlobs"
    ) -> Delivered | None:
        """What has been delivered; None where it could not be said, and the next look will try."""
        try:
            async with asyncio.timeout(_PATIENCE):
                delivered = await watch.seen(sight, shared)
                if delivered is not None:
                    await mark.recall(delivered.number)
        except (RetrainError, AirflowRuntimeError, TimeoutError) as exc:
            trouble = f"{type(exc).__name__}: {exc}"
            if trouble != mark.trouble:
                self.log.warning("%s: %s; trying again at each look", self.source, trouble)
            mark.trouble = trouble
            return None
        mark.trouble = ""
        return delivered

    async def _looks_alone(self) -> AsyncGenerator[Sight]:
        async with aclosing(_Looking(self).open_stream()) as stream:
            async for sight, _ in stream:
                yield sight
                for tell in sight.told:
                    await tell()

    def _watch(self) -> Watch:
        arrivals = Arrivals(self.arrivals, self.source)
        return Watch(arrivals, Settling(self.settle), self.suffix, self.marker)

    def _event(self, first: int, last: int) -> NewDataEvent:
        manifest = Arrivals(self.arrivals, self.source).manifest(last)
        return NewDataEvent(
            source=self.source,
            first=first,
            last=last,
            manifest=manifest,
            wasb_conn_id=self.wasb_conn_id,
        )


class _Looking(SharedStreamProducer):
    """The looks that watchers of one container share; it only remembers what they are told."""

    def __init__(self, trigger: NewDataTrigger) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncGenerator[tuple[Sight, Sight]]:
        trigger = self._trigger
        looks = sights(
            shared_blobs(trigger.wasb_conn_id),
            trigger.source.partition("/")[0],
            trigger.interest(),
            trigger.poll_interval,
            trigger.log.warning,
        )
        async with aclosing(looks):
            async for sight in looks:
                yield sight, sight

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Airflow has stored the events of these looks."""
        for sight, outcome in batch:
            if outcome.is_clean:
                for tell in sight.told:
                    await tell()


class _Watermark:
    """
    The last batch whose event Airflow has stored, in the state of the asset that is watched.

    *told* is the last one that was told, stored or not; *trouble* is what last kept us from it.
    """

    def __init__(self, trigger: NewDataTrigger) -> None:
        folder = Arrivals(trigger.arrivals, trigger.source).folder
        self._key = f"aml-retrain-arrivals-{sha256(folder.encode()).hexdigest()[:16]}"
        self._trigger = trigger
        self._is_known = False
        self._stored = self._written = 0
        self.told = 0
        self.trouble = ""

    async def recall(self, newest: int) -> None:
        """Where we were; a ledger that ends before that, at *newest*, is told from 1 on."""
        if not self._is_known and (store := self._trigger.asset_state_store) is not None:
            try:
                match await store.aget(self._key):
                    case {"number": int(number)}:
                        self.told = self._stored = self._written = number
            except ValueError as exc:
                msg = f"two assets watch {self._trigger.source}: give each watcher its own arrivals"
                raise NotConfigured(msg) from exc
        self._is_known = True
        if newest < self.told:
            self.told = self._stored = self._written = 0
        await self._write()

    def up_to(self, number: int) -> Any:
        """To be called when the event of batch *number* has been stored."""

        async def stored() -> None:
            self._stored = max(self._stored, number)
            try:
                await self._write()
            except (AirflowRuntimeError, OSError) as exc:
                log = self._trigger.log
                log.warning("batch %s of %s: %s; noting it later", number, self._key, exc)

        return stored

    async def _write(self) -> None:
        store = self._trigger.asset_state_store
        if store is not None and self._stored > self._written:
            await store.aset(self._key, {"number": self._stored})
            self._written = self._stored
