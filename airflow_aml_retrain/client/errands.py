"""
Errands in blob storage that a worker runs blocking and a trigger awaits, written once.

Law: an errand is a generator that yields what it wants of storage and is sent the answer. It knows
neither socket nor loop, so that what both sides believe of the ledger of arrivals cannot drift
apart.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from airflow_aml_retrain.client.blobs import BlobEntry, BlobStore, DocumentChanged, split_path
from airflow_aml_retrain.client.csv_blobs import BLOCK
from airflow_aml_retrain.client.row_count import RowCount
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.arrivals import BlobVersion

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """
    What lies under *place* ("container/prefix"); answered by a list of `BlobVersion`.

    In a container that is not there lies nothing.
    """

    place: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """What the blob at *place* holds; answered by bytes."""

    place: str


@dataclass(frozen=True, slots=True)
class Make:
    """A blob at *place*, unless there is one; answered by whether it was made."""

    place: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Put:
    """*data* at *place*, over what is there; answered by nothing."""

    place: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Count:
    """
    The rows of the CSV at *place*, which is never held as a whole; answered by `Counted`.

    It is not read to its end where *enough* rows have been counted before that.
    """

    place: str
    enough: int


class Counted(NamedTuple):
    """So many *rows*, which are all that there are if *is_whole*."""

    rows: int
    is_whole: bool


Step = Look | Fetch | Make | Put | Count
Errand = Generator[Step, Any, T]


class AsyncStore(Protocol):
    """What is needed of `AsyncBlobs`."""

    async def list(self, container: str, prefix: str) -> list[BlobVersion]: ...

    async def read(self, container: str, path: str) -> bytes: ...

    async def create(self, container: str, path: str, data: bytes) -> bool: ...

    async def put(self, container: str, path: str, data: bytes) -> None: ...

    def chunks(self, container: str, path: str) -> AsyncGenerator[bytes]: ...


def look(place: str) -> Errand[list[BlobVersion]]:
    return cast("list[BlobVersion]", (yield Look(place)))


def fetch(place: str) -> Errand[bytes]:
    return cast("bytes", (yield Fetch(place)))


def make(place: str, data: bytes) -> Errand[bool]:
    return cast("bool", (yield Make(place, data)))


def put(place: str, data: bytes) -> Errand[None]:
    yield Put(place, data)


def count(place: str, enough: int) -> Errand[Counted]:
    return cast("Counted", (yield Count(place, enough)))


def run(store: BlobStore, errand: Errand[T]) -> T:
    """Run *errand*, blocking."""
    answer: object = None
    while True:
        try:
            step = errand.send(answer)
        except StopIteration as end:
            return cast("T", end.value)
        answer = _answered(store, step)


async def arun(store: AsyncStore, errand: Errand[T]) -> T:
    """
    The same, awaited.

    What the errand makes of an answer, it makes in a thread: ten thousand blobs are sorted, written
    and read for longer than other triggers may wait.
    """
    answer: object = None
    while True:
        step, value = await asyncio.to_thread(_advanced, errand, answer)
        if step is None:
            return cast("T", value)
        answer = await _aanswered(store, step)


def _advanced(errand: Errand[T], answer: object) -> tuple[Step | None, T | None]:
    """The next step of *errand*, or (None) what came of it."""
    try:
        return errand.send(answer), None
    except StopIteration as end:
        return None, cast("T", end.value)


def version_of(entry: BlobEntry) -> BlobVersion:
    modified = entry.last_modified.isoformat()
    return BlobVersion(entry.name, entry.etag.strip('"'), entry.size, modified)


def _answered(store: BlobStore, step: Step) -> object:
    match step:
        case Look(place):
            with suppress(BadInput):
                return [version_of(entry) for entry in store.list(*_container_and_prefix(place))]
            return []
        case Fetch(place):
            return store.read(*split_path(place))
        case Make(place, data):
            return _made(store, place, data)
        case Put(place, data):
            store.write(*split_path(place), data)
        case Count(place, enough):
            return _counted(store, place, enough)
    return None


async def _aanswered(store: AsyncStore, step: Step) -> object:
    match step:
        case Look(place):
            with suppress(BadInput):
                return await store.list(*_container_and_prefix(place))
            return []
        case Fetch(place):
            return await store.read(*split_path(place))
        case Make(place, data):
            return await store.create(*split_path(place), data)
        case Put(place, data):
            await store.put(*split_path(place), data)
        case Count(place, enough):
            return await _acounted(store, place, enough)
    return None


def _counted(store: BlobStore, place: str, enough: int) -> Counted:
    found = RowCount()
    with closing(store.open(*split_path(place))) as stream:
        while block := stream.read(BLOCK):
            if found.rows >= enough:
                return Counted(found.rows, is_whole=False)
            found.feed(block)
    return Counted(found.rows, is_whole=True)


async def _acounted(store: AsyncStore, place: str, enough: int) -> Counted:
    found = RowCount()
    async with aclosing(store.chunks(*split_path(place))) as chunks:
        async for chunk in chunks:
            if found.rows >= enough:
                return Counted(found.rows, is_whole=False)
            # In a thread, for the reason that `arun` gives.
            await asyncio.to_thread(found.feed, chunk)
    return Counted(found.rows, is_whole=True)


def _made(store: BlobStore, place: str, data: bytes) -> bool:
    try:
        store.put_document(*split_path(place), data, etag=None)
    except DocumentChanged:
        return False
    return True


def _container_and_prefix(place: str) -> tuple[str, str]:
    container, _, prefix = place.partition("/")
    return container, prefix
