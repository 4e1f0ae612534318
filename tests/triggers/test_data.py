"""
What a watcher of landing data promises: every batch is told, in whatever order things fail.

Azurite is asked over a socket, Airflow's own shared streams carry the looks, and what a triggerer
would keep in the database outlives it (`Database`).
"""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset, BaseHook
from airflow.sdk.execution_time.context import AssetStateStoreAccessors
from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.async_blobs import AsyncBlobs
from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.errands import run, version_of
from airflow_aml_retrain.client.watching import Sight
from airflow_aml_retrain.demo.azurite import ACCOUNT, KEY, Azurite
from airflow_aml_retrain.hooks.storage import shared_blobs
from airflow_aml_retrain.triggers import data
from airflow_aml_retrain.triggers.data import NewDataTrigger
from airflow_aml_retrain.wire.arrivals import BlobVersion, manifest_from
from tests.triggers.triggerer import Database, Triggerer, triggerer
from tests.triggers.wire_tap import WireTap, tapped

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def tap(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WireTap]:
    async with tapped(azurite) as tap:
        extra = {"connection_string": tap.connection_string}
        conn = json.dumps({"conn_type": "wasb", "extra": extra})
        monkeypatch.setenv("AIRFLOW_CONN_WASB_DEFAULT", conn)
        yield tap


@pytest.fixture
def store(blob_service: Any) -> BlobStore:
    return BlobStore(blob_service)


@pytest.fixture
def database() -> Database:
    return Database()


def watcher(container: str, **changes: Any) -> NewDataTrigger:
    usual = {"arrivals": f"{container}/arrivals", "settle": 0.0, "poll_interval": 0.05}
    return NewDataTrigger(f"{container}/landing/", **{**usual, **changes})


def ledger(container: str) -> Arrivals:
    return Arrivals(f"{container}/arrivals", f"{container}/landing/")


def land(store: BlobStore, container: str, name: str, text: bytes = b"a,b\n1,2\n") -> None:
    store.write(container, f"landing/{name}", text)


def batches(store: BlobStore, container: str, event: Any) -> list[list[str]]:
    """The names in each batch that *event* tells of."""
    found = [
        manifest_from(store.read(*ledger(container).manifest(number).split("/", 1)))
        for number in range(event["first"], event["last"] + 1)
    ]
    return [[blob.name.rpartition("/")[2] for blob in manifest.blobs] for manifest in found]


async def looked(running: Triggerer, tap: WireTap, times: int = 3) -> None:
    """Until so many looks more have been asked for."""
    before = tap.listings
    await running.until(lambda: tap.listings >= before + times)


async def test_what_lands_is_told_once_with_the_place_of_its_manifest(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")
    land(store, container, "notes.txt")

    async with triggerer() as running:
        running.start(watcher(container), database)
        await running.until(lambda: bool(database.events))
        land(store, container, "two.csv")
        await running.until(lambda: len(database.events) == 2)
        await looked(running, tap)

    first, second = database.events
    assert batches(store, container, first) == [["one.csv"]]
    assert batches(store, container, second) == [["two.csv"]]
    assert second == {
        "source": f"{container}/landing/",
        "first": 2,
        "last": 2,
        "manifest": ledger(container).manifest(2),
        "wasb_conn_id": "wasb_default",
    }


async def test_a_restart_after_the_manifest_and_before_the_event_loses_nothing(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")
    found = [version_of(entry) for entry in store.list(container, "landing/")]
    arrivals = ledger(container)
    nothing = run(store, arrivals.delivered())
    run(store, arrivals.deliver(nothing, lambda known: known.lacks(found)))

    async with triggerer() as running:
        running.start(watcher(container), database)
        await running.until(lambda: bool(database.events))
        await looked(running, tap)

    assert [(event["first"], event["last"]) for event in database.events] == [(1, 1)]


async def test_a_restart_after_the_event_and_before_it_was_stored_tells_the_same_again(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")
    async with triggerer(stores=False) as dying:
        dying.start(watcher(container), database)
        await dying.until(lambda: bool(dying.told))
        land(store, container, "two.csv")
        await dying.until(lambda: len(dying.told) == 2)

    async with triggerer() as running:
        running.start(watcher(container), database)
        await running.until(lambda: bool(database.events))

    assert database.events[0]["first"] == 1
    assert batches(store, container, database.events[0]) == [["one.csv"], ["two.csv"]]


async def test_a_restart_after_the_event_was_stored_tells_nothing_twice(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")
    async with triggerer() as first:
        first.start(watcher(container), database)
        await first.until(lambda: bool(database.state))

    async with triggerer() as second:
        second.start(watcher(container), database)
        await looked(second, tap)

    assert len(database.events) == 1
    assert list(database.state.values()) == [{"number": 1}]


@pytest.mark.parametrize("is_running", [True, False], ids=["while it watches", "between two"])
async def test_a_ledger_that_was_taken_away_is_begun_anew_with_all_that_is_there(
    *, is_running: bool, store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")
    async with triggerer() as running:
        running.start(watcher(container), database)
        await running.until(lambda: len(database.events) == 1)
        land(store, container, "two.csv")
        await running.until(lambda: len(database.events) == 2)
        if is_running:
            await begun_anew(running, store, container, database)
    if not is_running:
        async with triggerer() as running:
            await begun_anew(running, store, container, database)

    known = run(store, ledger(container).delivered())
    assert sorted(known.versions) == [f"landing/{name}.csv" for name in ("one", "three", "two")]
    told = [number for event in database.events[2:] for number in (event["first"], event["last"])]
    assert (told[0], told[-1]) == (1, known.number)


async def begun_anew(
    running: Triggerer, store: BlobStore, container: str, database: Database
) -> None:
    """Take the ledger away, land something, and wait until all that is there has been told."""
    for entry in list(store.list(container, "arrivals/")):
        store.delete(container, entry.name)
    land(store, container, "three.csv")
    if not running.told:
        running.start(watcher(container), database)
    await running.until(lambda: len(database.events) > 2)


async def test_a_blob_that_is_overwritten_in_place_is_told_again(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")

    async with triggerer() as running:
        running.start(watcher(container), database)
        await running.until(lambda: len(database.events) == 1)
        land(store, container, "one.csv", b"a,b\n3,4\n")
        await running.until(lambda: len(database.events) == 2)

    assert batches(store, container, database.events[1]) == [["one.csv"]]


async def test_a_blob_with_an_early_name_that_comes_late_is_told(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "2026-09-30.csv")

    async with triggerer() as running:
        running.start(watcher(container), database)
        await running.until(lambda: len(database.events) == 1)
        land(store, container, "2026-09-01.csv")
        await running.until(lambda: len(database.events) == 2)

    assert batches(store, container, database.events[1]) == [["2026-09-01.csv"]]


async def test_what_is_still_being_written_to_is_not_told(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")

    async with triggerer() as running:
        running.start(watcher(container, settle=3600.0), database)
        await looked(running, tap)
        assert database.events == []
    async with triggerer() as running:
        running.start(watcher(container, settle=0.1), database)
        await running.until(lambda: bool(database.events))

    assert batches(store, container, database.events[0]) == [["one.csv"]]


async def test_with_a_marker_a_folder_counts_when_it_is_there(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "monday/part=0/0.csv")
    land(store, container, "tuesday/0.csv")

    async with triggerer() as running:
        running.start(watcher(container, marker="_SUCCESS"), database)
        await looked(running, tap)
        assert database.events == []
        land(store, container, "monday/_SUCCESS", b"")
        await running.until(lambda: bool(database.events))
        await looked(running, tap)

    (event,) = database.events
    manifest = manifest_from(store.read(*event["manifest"].split("/", 1)))
    assert [blob.name for blob in manifest.blobs] == ["landing/monday/part=0/0.csv"]


async def test_an_outage_ends_nothing(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    async with triggerer() as running:
        running.start(watcher(container), database)
        await looked(running, tap)
        tap.cut()
        land(store, container, "one.csv")
        await running.until(lambda: tap.refused >= 2)
        tap.mend()
        await running.until(lambda: bool(database.events))

    assert batches(store, container, database.events[0]) == [["one.csv"]]


async def test_a_ledger_that_hangs_is_given_up_and_looked_at_again(
    store: BlobStore,
    container: str,
    tap: WireTap,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trigger, shared, asked = watcher(container), shared_blobs("wasb_default"), list[None]()
    trigger.asset_state_store = database  # type: ignore[assignment] # what we use of it

    @asynccontextmanager
    async def used() -> AsyncIterator[AsyncBlobs]:
        asked.append(None)
        if len(asked) == 1:
            await asyncio.Event().wait()
        async with shared.used() as blobs:
            yield blobs

    async def again_and_again() -> AsyncIterator[Sight]:
        blob = BlobVersion("landing/one.csv", "0x1", 7, "2026-11-01T12:00:00+00:00")
        while True:
            yield Sight(("landing/",), {blob.name: blob}, 0.0, 0.0)

    monkeypatch.setattr(data, "_PATIENCE", 0.5)
    monkeypatch.setattr(data, "shared_blobs", lambda _: SimpleNamespace(used=used))

    event = await anext(trigger.filter_shared_stream(again_and_again()))

    assert event.payload["last"] == 1
    assert len(asked) > 1


@pytest.mark.parametrize(
    ("outcome", "is_stored"),
    [
        (AdvanceOutcome(acked=1, failed=0, rejected=0), True),
        (AdvanceOutcome(acked=1, failed=1, rejected=0), False),
        (AdvanceOutcome(acked=0, failed=0, rejected=0), False),
    ],
    ids=str,
)
async def test_the_watermark_passes_no_event_that_was_not_stored(
    *, outcome: AdvanceOutcome, is_stored: bool
) -> None:
    passed: list[None] = []

    async def stored() -> None:
        passed.append(None)

    _, kwargs = watcher("data").serialize()
    looking = NewDataTrigger.create_shared_stream_producer(kwargs)
    await looking.advance([AdvanceItem(Sight((), {}, 0.0, 0.0, [stored]), outcome)])

    assert bool(passed) is is_stored


async def test_a_ledger_that_would_be_new_data_itself_is_refused_and_said_once(
    store: BlobStore,
    container: str,
    tap: WireTap,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    land(store, container, "one.csv")

    async with triggerer() as running:
        running.start(watcher(container, arrivals=f"{container}/landing/ledger"), database)
        await looked(running, tap)

    assert database.events == []
    assert capsys.readouterr().out.count("which is read: keep them elsewhere") == 1


async def test_a_ledger_in_a_container_whose_name_begins_like_that_of_the_source_is_no_new_data(
    store: BlobStore, container: str, tap: WireTap, database: Database
) -> None:
    land(store, container, "one.csv")
    trigger = watcher(container, arrivals=f"{container}-books/arrivals")
    trigger.source = container

    async with triggerer() as running:
        running.start(trigger, database)
        await running.until(lambda: bool(database.events))

    assert database.events[0]["source"] == container


async def test_two_assets_over_one_ledger_are_told_to_part(
    store: BlobStore, container: str, tap: WireTap, capsys: pytest.CaptureFixture[str]
) -> None:
    land(store, container, "one.csv")
    both = AssetStateStoreAccessors([Asset("north"), Asset("south")])

    async with triggerer() as running:
        running.start(watcher(container), both)  # type: ignore[arg-type] # Airflow's own
        await looked(running, tap, 8)

    assert running.told == []
    assert "give each watcher its own arrivals" in capsys.readouterr().out


async def test_watchers_of_one_container_share_one_poll(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    land(store, container, "north/one.csv")
    land(store, container, "south/one.csv")
    places = ["landing/", "landing/north/", "landing/south/", "landing/south/"]
    databases = [Database() for _ in places]
    requests: dict[int, int] = {}

    for number in (1, len(places)):
        async with triggerer() as running:
            for index, place in enumerate(places[:number]):
                source, arrivals = f"{container}/{place}", f"{container}/arrivals-{index}"
                trigger = watcher(container, arrivals=arrivals)
                trigger.source = source
                running.start(trigger, databases[index])
            now = databases[:number]
            await running.until(lambda now=now: all(base.events for base in now))  # type: ignore[misc] # a lambda's default
            tap.listings, began = 0, time.monotonic()
            await looked(running, tap, 20)
            requests[number] = round(tap.listings / (time.monotonic() - began))

    assert [len(base.events) for base in databases] == [1, 1, 1, 1]
    assert requests[4] < 2 * requests[1]


@pytest.mark.timeout(240)
async def test_ten_thousand_blobs_are_one_batch_and_never_hold_up_the_loop(
    blob_service: Any, azurite: Azurite, container: str, tap: WireTap, database: Database
) -> None:
    await fill(azurite, container, 10_000)
    # What Airflow itself loads for a look-up, a triggerer has loaded long before.
    await BaseHook.aget_connection("wasb_default")
    # Python's sweep of all that a test session has in memory is none of the watcher's work.
    gc.collect()
    gc.freeze()
    worst = [0.0]
    stalls = asyncio.create_task(stalled(worst))

    async with triggerer() as running:
        running.start(watcher(container), database)
        await running.until(lambda: bool(database.events))
        await looked(running, tap, 20)
    stalls.cancel()
    gc.unfreeze()

    (event,) = database.events
    manifest = manifest_from(BlobStore(blob_service).read(*event["manifest"].split("/", 1)))
    assert len(manifest.blobs) == 10_000
    assert worst[0] < 0.05
    assert len(json.dumps(event)) < 500
    assert len(json.dumps(database.state)) < 500


async def fill(azurite: Azurite, container: str, count: int) -> None:
    """Put so many blobs there, as quickly as Azurite takes them."""
    import aiohttp
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    sas = generate_container_sas(
        ACCOUNT,
        container,
        account_key=KEY,
        permission=ContainerSasPermissions(write=True),
        expiry=datetime(2100, 1, 1, tzinfo=UTC),
    )
    numbers = iter(range(count))

    async def put(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            url = f"{azurite.blob_url}{container}/landing/{number:06}.csv?{sas}"
            async with session.put(url, data=b"a\n1\n", headers={"x-ms-blob-type": "BlockBlob"}):
                pass

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(put(session) for _ in range(8)))


async def stalled(worst: list[float]) -> None:
    """
    Keep the most seconds for which others have kept the loop, in *worst*.

    Seconds of work, not of the wall: what other processes take is not ours to answer for.
    """
    while True:
        before = time.thread_time()
        await asyncio.sleep(0)
        worst[0] = max(worst[0], time.thread_time() - before)
