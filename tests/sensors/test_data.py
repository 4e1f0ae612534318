"""What is promised of waiting for enough data: counted once, an outage ends nothing, soft-fail."""

import asyncio
import csv
import io
import json
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.client import errands
from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.csv_blobs import CsvBlob
from airflow_aml_retrain.client.row_count import RowCount
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.errors import BadInput, DeadlineExceeded
from airflow_aml_retrain.operators.prepare import PrepareDataOperator
from airflow_aml_retrain.sensors.data import NewDataSensor
from airflow_aml_retrain.triggers.enough import EnoughDataTrigger
from tests.runs import UNSAID, States, told_of_runs
from tests.triggers.triggerer import until
from tests.triggers.wire_tap import WireTap, tapped

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def tap(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WireTap]:
    async with tapped(azurite) as tap:
        for name, string in (
            ("WASB_DEFAULT", azurite.connection_string),
            ("TAPPED", tap.connection_string),
        ):
            conn = json.dumps({"conn_type": "wasb", "extra": {"connection_string": string}})
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", conn)
        yield tap


@pytest.fixture
def store(blob_service: Any) -> BlobStore:
    return BlobStore(blob_service)


@pytest.fixture(autouse=True)
def states(monkeypatch: pytest.MonkeyPatch) -> States:
    return told_of_runs(monkeypatch)


def land(store: BlobStore, container: str, name: str, rows: int, *, start: int = 0) -> None:
    text = "".join(["id,income\n", *(f"{row},x\n" for row in range(start, start + rows))])
    store.write(container, f"landing/{name}.csv", text.encode())


def context(run_id: str = "scheduled__2026-11-01") -> Context:
    now = datetime.fromtimestamp(time.time(), UTC)
    task = SimpleNamespace(
        dag_id="d", task_id="enough", run_id=run_id, map_index=-1, start_date=now
    )
    run = SimpleNamespace(run_after=now, run_type="scheduled")
    return cast("Context", {"ti": task, "dag_run": run})


def sensor(container: str, **changes: Any) -> NewDataSensor:
    usual = {"arrivals": f"{container}/arrivals", "poll_interval": 0.05}
    return NewDataSensor(task_id="enough", source=f"{container}/landing/", **{**usual, **changes})


def deferred(sensor: NewDataSensor, **changes: Any) -> EnoughDataTrigger:
    """The trigger that the sensor hands over to, reborn, over a wire that can be cut."""
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context())
    trigger = caught.value.trigger
    _, kwargs = trigger.serialize()
    return EnoughDataTrigger(**{**json.loads(json.dumps(kwargs)), **changes})


async def fired(trigger: EnoughDataTrigger) -> Any:
    (event,) = [event async for event in trigger.run()]
    return event.payload


def prepare(container: str, run_id: str) -> Any:
    operator = PrepareDataOperator(
        task_id="prepare",
        source=f"{container}/landing/",
        destination=f"{container}/prepared",
        arrivals=f"{container}/arrivals",
        take_stock=True,
    )
    return operator.execute(context(run_id))


async def test_enough_is_said_at_once_and_small(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    land(store, container, "one", 30)
    land(store, container, "two", 40)

    found = sensor(container, minimum_rows=70).execute(context())

    assert found == {"source": f"{container}/landing/", "learned": 0, "blobs": 2, "rows": 70}


async def test_what_has_been_learned_is_not_new(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    land(store, container, "one", 50)
    prepare(container, "r1")
    trigger = deferred(sensor(container))
    land(store, container, "two", 20, start=50)

    found = sensor(container, minimum_rows=20).execute(context())
    told = await fired(trigger)

    assert (found["learned"], found["blobs"], found["rows"]) == (1, 1, 20)
    assert (told["found"]["learned"], told["found"]["blobs"]) == (1, 1)


async def test_what_a_run_prepared_that_failed_after_that_is_still_to_be_learned(
    store: BlobStore, container: str, tap: WireTap, states: dict[str, str]
) -> None:
    land(store, container, "one", 50)
    prepare(container, "r1")
    waiting = sensor(container, minimum_rows=50)
    trigger = deferred(waiting)
    states["d/r1"] = "failed"

    at_once, later = waiting.execute(context()), await fired(trigger)

    assert (at_once["rows"], later["found"]["rows"]) == (50, 50)


async def test_a_wait_goes_on_while_airflow_does_not_say_how_a_run_ended(
    tap: WireTap,
    store: BlobStore,
    container: str,
    states: States,
) -> None:
    land(store, container, "one", 40)
    prepare(container, "r1")
    states["d/r1"] = UNSAID

    trigger = deferred(sensor(container))
    asked = states.asked
    waiting = asyncio.create_task(fired(trigger))
    await until(lambda: states.asked > asked)
    states["d/r1"] = "failed"

    assert (await waiting)["found"]["blobs"] == 1


async def test_half_a_folder_is_not_enough_neither_at_the_first_look_nor_later(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    land(store, container, "day/1-final", 30)
    land(store, container, "day/1-draft", 40)
    waiting = sensor(container, marker="_SUCCESS", suffix="-final.csv", minimum_rows=1)

    half = deferred(waiting, deadline=time.time() + 0.2)
    whole = deferred(waiting)
    late = await fired(half)
    store.write(container, "landing/day/_SUCCESS", b"")

    assert late["state"] == "timeout"
    assert (await fired(whole))["found"]["rows"] == 30
    assert waiting.execute(context())["rows"] == 30


async def test_a_wait_goes_on_until_there_are_rows_enough_through_an_outage(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    land(store, container, "one", 30)
    waiting = sensor(container, minimum_rows=50)
    trigger = deferred(waiting, wasb_conn_id="tapped")
    tap.cut()

    async def mended() -> None:
        async for _ in _ticks():
            if tap.refused >= 2:
                land(store, container, "two", 30, start=30)
                tap.mend()
                return

    event, _ = await asyncio.gather(fired(trigger), mended())

    assert waiting.execute_complete(context(), event)["rows"] == 60


async def _ticks() -> AsyncIterator[None]:
    while True:
        await asyncio.sleep(0.01)
        yield


async def test_the_rows_of_a_version_are_counted_once(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    land(store, container, "one", 30)
    sensor(container, minimum_rows=1).execute(context())
    counted = Arrivals(f"{container}/arrivals", f"{container}/landing/").folder + "/counted.json"
    place = split_path(counted)
    known = json.loads(store.read(*place))

    # A count that only who reads the blob again would correct.
    known["landing/one.csv"][1] = 1000
    store.write(*place, json.dumps(known).encode())
    again = sensor(container, minimum_rows=1).execute(context())
    land(store, container, "one", 31)
    changed = sensor(container, minimum_rows=1).execute(context())

    assert (again["rows"], changed["rows"]) == (1000, 31)


class Watched(RowCount):
    """Counts only while the event loop goes on; remembers how many bytes it was fed with."""

    fed: ClassVar[list[int]] = []
    loop_went_on = threading.Event()

    def feed(self, block: bytes) -> None:
        self.loop_went_on.clear()
        assert self.loop_went_on.wait(10), "the loop stands still while rows are counted"
        self.fed.append(len(block))
        super().feed(block)


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[int]]:
    async def go_on() -> None:
        async for _ in _ticks():
            Watched.loop_went_on.set()

    Watched.fed.clear()
    monkeypatch.setattr(errands, "RowCount", Watched)
    loop = asyncio.create_task(go_on())
    yield Watched.fed
    loop.cancel()


BIG = 400_000
"""Rows of a blob that is read in several pieces."""


async def test_the_loop_goes_on_while_rows_are_counted_of_which_no_more_are_read_than_needed(
    store: BlobStore, container: str, tap: WireTap, watched: list[int]
) -> None:
    some, all_of_them = (deferred(sensor(container, minimum_rows=rows)) for rows in (BIG // 3, BIG))
    land(store, container, "big", BIG)

    first = await fired(some)
    read = sum(watched)
    second = await fired(all_of_them)

    assert BIG // 3 <= first["found"]["rows"] < BIG
    assert second["found"]["rows"] == BIG
    assert 0 < read < sum(watched) - read


async def test_rows_are_not_counted_before_there_are_blobs_enough(
    store: BlobStore, container: str, tap: WireTap, watched: list[int]
) -> None:
    land(store, container, "one", 30)

    late = await fired(deferred(sensor(container, minimum_blobs=2, minimum_rows=20, timeout=0.2)))

    assert (late["state"], watched) == ("timeout", [])


@pytest.mark.parametrize("soft_fail", [False, True])
async def test_when_time_is_up_the_task_fails_or_softly_is_skipped(
    *, store: BlobStore, container: str, tap: WireTap, soft_fail: bool
) -> None:
    land(store, container, "one", 3)
    waiting = sensor(container, minimum_blobs=2, timeout=0.2, soft_fail=soft_fail)

    event = await fired(deferred(waiting))

    with pytest.raises(
        AirflowSkipException if soft_fail else DeadlineExceeded, match="the time to wait for enough"
    ):
        waiting.execute_complete(context(), event)


async def test_the_time_to_wait_begins_with_the_try_and_is_kept_by_the_trigger(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    began = datetime.fromtimestamp(time.time() - 300, UTC)
    now = context()
    now["ti"].start_date = began

    with pytest.raises(TaskDeferred) as caught:
        sensor(container, timeout=1000).execute(now)

    assert caught.value.trigger.deadline == began.timestamp() + 1000
    assert caught.value.timeout > timedelta(seconds=1000)


async def test_a_landing_zone_that_is_not_there_yet_is_waited_for(
    container: str, tap: WireTap
) -> None:
    assert isinstance(deferred(sensor(f"{container}-later")), EnoughDataTrigger)


async def test_counts_that_cannot_be_read_say_what_to_do(
    store: BlobStore, container: str, tap: WireTap
) -> None:
    land(store, container, "one", 3)
    folder = Arrivals(f"{container}/arrivals", f"{container}/landing/").folder
    store.write(*split_path(f"{folder}/counted.json"), b"[1]")

    with pytest.raises(BadInput, match="delete the document"):
        sensor(container, minimum_rows=1).execute(context())


CELLS = st.text(st.sampled_from(["a", ",", '"', "\n", "\r"]), max_size=4)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8), st.integers(1, 9))
def test_counting_finds_as_many_rows_as_reading(rows: list[list[str]], size: int) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["x", "y"], *rows])
    data = text.getvalue().encode()
    count = RowCount()

    for start in range(0, len(data), size):
        count.feed(data[start : start + size])

    assert count.rows == len(list(CsvBlob("b", io.BytesIO(data)).rows()))


@pytest.mark.parametrize(
    ("text", "rows"),
    [("", 0), ("a\n", 0), ("a\n1", 1), ("a\r\n1\r\n\r\n2\r\n", 2), ('a\n"1\n\n1"\n', 1)],
)
def test_headers_blank_lines_and_lines_within_quotes_are_no_rows(text: str, rows: int) -> None:
    count = RowCount()
    count.feed(text.encode())

    assert count.rows == rows
