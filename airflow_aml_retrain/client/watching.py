"""
Watching a container of blob storage: looks at it, and what they mean to one who watches a prefix.

Law: watchers of one container share its looks, and no look lists a blob twice. No outage ends the
watching: it is tried again, ever less often, until storage answers. A batch is written down
(`client.arrivals`) before its watcher is told of it, and what was written down is never chosen
again; so a watcher that begins anew needs to know nothing but the number that was told last.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.async_blobs import AsyncBlobs, SharedBlobs
from airflow_aml_retrain.client.blobs import lies_under
from airflow_aml_retrain.client.errands import arun
from airflow_aml_retrain.errors import NotConfigured, RetrainError
from airflow_aml_retrain.wire.arrivals import BlobVersion, Delivered
from airflow_aml_retrain.wire.settling import Settling

_LONGEST: Final = 300.0
"""Seconds between two looks while storage does not answer, at most."""


@dataclass(slots=True, weakref_slot=True)
class Interest:
    """The prefixes of one container that are watched in this event loop."""

    prefixes: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def in_prefix(self, prefix: str) -> Iterator[None]:
        self.prefixes[prefix] += 1
        try:
            yield
        finally:
            self.prefixes[prefix] -= 1
            self.prefixes += Counter()  # without those that nobody watches any more

    def cover(self) -> tuple[str, ...]:
        """The fewest prefixes under which lies what all of them name, and nothing twice."""
        chosen: list[str] = []
        for prefix in sorted(self.prefixes):
            if not chosen or not prefix.startswith(chosen[-1]):
                chosen.append(prefix)
        return tuple(chosen)


@dataclass(slots=True)
class Sight:
    """
    One look: every blob under *prefixes*, by name, and when it *began* and *ended*.

    Times are seconds of the event loop's clock. *told* is called when what was told because of it
    is safe with Airflow.
    """

    prefixes: tuple[str, ...]
    blobs: Mapping[str, BlobVersion]
    began: float
    ended: float
    told: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def under(self, prefix: str) -> list[BlobVersion] | None:
        """The blobs under *prefix*; None if the look did not go there."""
        if not prefix.startswith(self.prefixes):
            return None
        return [blob for name, blob in self.blobs.items() if name.startswith(prefix)]


async def sights(
    shared: SharedBlobs,
    container: str,
    interest: Interest,
    every: float,
    warn: Callable[[str], None],
) -> AsyncGenerator[Sight]:
    """Look at what *interest* names in *container*, *every* so many seconds, without end."""
    failures, said = 0, ""
    sight: Sight | None = None
    while True:
        try:
            async with shared.used() as blobs:
                while True:
                    sight = await _sight(blobs, container, interest, sight)
                    failures, said = 0, ""
                    yield sight
                    await asyncio.sleep(every * _jitter())
        except RetrainError as exc:
            failures += 1
            if str(exc) != said:
                warn(f"{exc}; looking again until storage answers")
            said = str(exc)
        await asyncio.sleep(min(every * 2 ** min(failures, 10), max(every, _LONGEST)) * _jitter())


async def _sight(
    blobs: AsyncBlobs, container: str, interest: Interest, before: Sight | None
) -> Sight:
    now, prefixes = asyncio.get_running_loop().time, interest.cover()
    known: Mapping[str, BlobVersion] = before.blobs if before else {}
    found: dict[str, BlobVersion] = {}
    began = now()
    for prefix in prefixes:
        async for page in blobs.pages(container, prefix):
            # What is known already is kept as it is: ten thousand objects that live anew from look
            # to look would have Python sweep all of its memory, for which every trigger waits.
            found |= {blob.name: _same(known.get(blob.name), blob) for blob in page}
            await asyncio.sleep(0)  # the other triggers' turn
    return Sight(prefixes, found, began, now())


def _same(known: BlobVersion | None, blob: BlobVersion) -> BlobVersion:
    return known if known == blob and known is not None else blob


def _jitter() -> float:
    """A little more or less, so that those who began together do not go on together."""
    return random.uniform(0.9, 1.1)  # noqa: S311 - no secret


@dataclass(slots=True)
class Watch:
    """
    What one watcher of *arrivals* makes of looks.

    A blob counts whose name ends in *suffix* and, where there is a *marker*, in whose folder, or in
    one above it under the prefix, a blob of that name lies. An empty one does not: it holds nothing
    to learn from, and is what storage with real folders shows of each of them.
    """

    arrivals: Arrivals
    settling: Settling
    suffix: str = ""
    marker: str | None = None
    _known: Delivered | None = None

    @property
    def prefix(self) -> str:
        return self.arrivals.source.partition("/")[2]

    async def seen(self, sight: Sight, shared: SharedBlobs) -> Delivered | None:
        """
        Deliver what has settled; what has been delivered so far (None: we cannot know yet).

        `NotConfigured` if what we write would be new data itself.
        """
        if lies_under(self.arrivals.folder, self.arrivals.source):
            msg = f"arrivals {self.arrivals.place} lies under {self.arrivals.source}, which is read"
            raise NotConfigured(msg + ": keep them elsewhere")
        found = sight.under(self.prefix)
        if found is None:
            return self._known
        if self._known is None:
            async with shared.used() as blobs:
                self._known = await arun(blobs, self.arrivals.delivered())
        # In a thread, for the reason that `arun` gives.
        ripe = await asyncio.to_thread(self._ripe, self._known, sight, found)
        if ripe:
            async with shared.used() as blobs:
                if not await arun(blobs, self.arrivals.shows(self._known)):
                    self._known = None  # somebody took the ledger away: the next look reads it anew
                    return None
                errand = self.arrivals.deliver(self._known, lambda known: known.lacks(ripe))
                self._known = await arun(blobs, errand)
        return self._known

    def _ripe(
        self, known: Delivered, sight: Sight, found: Sequence[BlobVersion]
    ) -> list[BlobVersion]:
        """Those *found* that no batch has brought and that are to be delivered now."""
        lacking = known.lacks(complete(found, self.prefix, self.suffix, self.marker))
        return self.settling.settled(lacking, began=sight.began, ended=sight.ended)


def complete(
    found: Sequence[BlobVersion], prefix: str, suffix: str, marker: str | None
) -> list[BlobVersion]:
    """The blobs among *found* that are data, and of folders that are said to be whole."""
    data = [blob for blob in found if blob.size and blob.name.lower().endswith(suffix.lower())]
    if marker is None:
        return data
    ends = f"/{marker}"
    whole = {blob.name.removesuffix(marker) for blob in found if f"/{blob.name}".endswith(ends)}
    data = [blob for blob in data if not f"/{blob.name}".endswith(ends)]
    return [blob for blob in data if any(folder in whole for folder in _folders(blob.name, prefix))]


def _folders(name: str, prefix: str) -> Iterator[str]:
    """The folders above *name*, each ending in "/" or empty, that lie under *prefix*."""
    least = prefix.rpartition("/")[0]
    folder = name
    while "/" in folder and len(folder) > len(least):
        folder = folder.rpartition("/")[0]
        if len(folder) >= len(least):
            yield f"{folder}/"
    if not least:
        yield ""
