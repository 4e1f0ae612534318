"""What waiting promises: any end is told once, an outage ends nothing, a person's kill cancels."""

import asyncio
import gc
import importlib
import json
import pkgutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent

import airflow_aml_retrain.triggers
from airflow_aml_retrain.errors import DeadlineExceeded, JobFailed, WireError
from airflow_aml_retrain.triggers import reach
from airflow_aml_retrain.triggers.data import NewDataTrigger
from airflow_aml_retrain.triggers.enough import EnoughDataTrigger
from airflow_aml_retrain.triggers.events import report_of
from airflow_aml_retrain.triggers.job import JobTrigger, resumed
from airflow_aml_retrain.triggers.jobs import JobsTrigger
from airflow_aml_retrain.triggers.update import UpdateTrigger
from airflow_aml_retrain.wire.conversation import Pause
from airflow_aml_retrain.wire.jobs import JobId, JobState, started
from tests.operators.desk import connections
from tests.triggers.triggerer import cut_short, until
from tests.world import TRAINING, World, census_like

PAST = 1.0
CONNECTION = "AIRFLOW_CONN_AML_STUDIO_DEFAULT"


@pytest.fixture(autouse=True)
def connected(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in connections(world).items():
        monkeypatch.setenv(name, value)
    yield
    world.emulator.control.clear_faults()


@pytest.fixture
def job(world: World, container: str) -> str:
    """The reference of a job that was created and not yet started."""
    world.store.write(container, "train.csv", census_like(80).encode())
    blob = world.store.reference(container, "train.csv")
    with world.backend(TRAINING) as trainer:
        return trainer.reference(trainer.run(trainer.verbs.submit({"input1": blob}, {})))


def start(world: World, reference: str) -> None:
    with world.backend(TRAINING) as trainer:
        trainer.run(started(trainer.verbs, trainer.job(reference)))


def trigger(reference: str, **changes: Any) -> JobTrigger:
    return JobTrigger(
        reference,
        **{
            "conn_id": "aml_studio_default",
            "service": TRAINING,
            "poll_interval": 0.1,
            **changes,
        },
    )


@pytest.fixture
def other_job(world: World, container: str, job: str) -> str:
    """A second one, of the same service."""
    blob = world.store.reference(container, "train.csv")
    with world.backend(TRAINING) as trainer:
        return trainer.reference(trainer.run(trainer.verbs.submit({"input1": blob}, {})))


async def fired(trigger: JobTrigger) -> list[Any]:
    return [event async for event in trigger.run()]


async def test_a_job_that_ends_well_is_told_once(world: World, job: str) -> None:
    start(world, job)

    (event,) = await fired(trigger(job))

    report = report_of(event.payload)
    assert report.state is JobState.SUCCEEDED
    assert job.endswith(report.job)


async def test_a_job_that_ends_well_can_end_its_task_without_a_worker(
    world: World, job: str
) -> None:
    start(world, job)

    (event,) = await fired(trigger(job, end_from_trigger=True))

    assert isinstance(event, TaskSuccessEvent)
    assert event.xcoms is None


async def test_a_job_that_fails_hands_over_the_service_s_own_account(
    world: World, job: str
) -> None:
    world.emulator.control.fail_next({"fail_job": "the R script went up in smoke"})
    start(world, job)

    (event,) = await fired(trigger(job, end_from_trigger=True))

    with pytest.raises(JobFailed, match="up in smoke"):
        report_of(event.payload).require_success()


async def test_an_outage_neither_fails_nor_cancels_a_healthy_job(world: World, job: str) -> None:
    start(world, job)
    control = world.emulator.control
    control.fail_next({"status": 503}, plane="jobs", times=1)
    control.fail_next({"drop": True}, plane="jobs", times=1)

    (event,) = await fired(trigger(job))

    assert report_of(event.payload).state is JobState.SUCCEEDED


async def test_a_connection_that_cannot_be_read_for_a_while_ends_no_wait(
    world: World, job: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start(world, job)
    monkeypatch.delenv(CONNECTION)
    waiting = asyncio.create_task(fired(trigger(job, deadline=time.time() + 60)))
    await until(lambda: "could not be read" in caplog.text)

    monkeypatch.setenv(CONNECTION, connections(world)[CONNECTION])

    (event,) = await waiting
    assert report_of(event.payload).state is JobState.SUCCEEDED


async def test_a_connection_that_is_never_read_is_waited_for_until_the_deadline(
    job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CONNECTION)

    (event,) = await fired(trigger(job, deadline=PAST))

    with pytest.raises(DeadlineExceeded, match="aml_studio_default"):
        report_of(event.payload)


async def test_without_a_deadline_patience_ends_and_the_event_says_what_could_not_be_read(
    job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.5)
    monkeypatch.delenv(CONNECTION)

    (event,) = await fired(trigger(job))

    with pytest.raises(WireError, match="'aml_studio_default' could not be read"):
        report_of(event.payload)


async def test_what_is_wrong_with_a_connection_that_was_read_is_told_at_once(
    job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, '{"conn_type": "http"}')

    async with asyncio.timeout(10):
        (event,) = await fired(trigger(job, deadline=time.time() + 60))

    with pytest.raises(WireError, match="expected one of type"):
        report_of(event.payload)


async def test_waits_that_end_or_are_cancelled_take_nothing_from_those_that_go_on(
    world: World, job: str, other_job: str
) -> None:
    ends, cancelled, goes_on = (
        asyncio.create_task(fired(trigger(each))) for each in (job, other_job, other_job)
    )
    await asyncio.to_thread(start, world, job)
    await ends

    cancelled.cancel()
    await asyncio.wait([cancelled])
    await asyncio.to_thread(start, world, other_job)

    (event,) = await goes_on
    assert report_of(event.payload).state is JobState.SUCCEEDED


async def test_a_wait_whose_key_is_refused_reads_it_anew_for_all_that_share_it(
    world: World, job: str
) -> None:
    start(world, job)
    control = world.emulator.control
    seen = control.requests()[-1]["n"]
    control.fail_next({"status": 401}, plane="jobs", times=1)

    events = await asyncio.gather(*[fired(trigger(job)) for _ in range(5)])

    assert {report_of(event.payload).state for (event,) in events} == {JobState.SUCCEEDED}
    asked = [each["path"].rpartition("/")[2] for each in control.requests(seen)]
    assert control.faults() == []
    assert asked.count("default") == len(["looked up", "read anew"])


async def test_what_lived_before_the_first_wait_stops_no_loop_to_be_collected(job: str) -> None:
    stays = vars(airflow_aml_retrain.triggers)

    await fired(trigger(job, deadline=PAST))

    assert not any(each is stays for each in gc.get_objects())


async def test_the_deadline_is_an_absolute_time_and_is_told_as_such(job: str) -> None:
    (event,) = await fired(trigger(job, deadline=PAST))

    with pytest.raises(DeadlineExceeded):
        report_of(event.payload)


async def test_a_job_of_another_service_is_not_asked_about(job: str) -> None:
    (event,) = await fired(trigger(job.replace("/jobs/", "/elsewhere/jobs/")))

    with pytest.raises(WireError, match="expected a job of"):
        report_of(event.payload)


@pytest.mark.parametrize(
    ("every", "soonest", "latest"), [(0.1, 0.1, 0.11), (6.0, 6.0, 6.6), (10, 6, 14), (30, 15, 45)]
)
def test_the_first_looks_of_a_crowd_are_spread_and_none_comes_while_the_task_still_defers(
    world: World, every: float, soonest: float, latest: float
) -> None:
    with world.backend(TRAINING) as trainer:
        first = next(resumed(trainer.verbs, JobId("1"), every=every))

    assert isinstance(first, Pause)
    assert first.seconds == soonest
    assert first.seconds * (1 + first.spread) == pytest.approx(latest)


async def test_a_person_who_kills_the_task_cancels_the_job(world: World, job: str) -> None:
    await trigger(job).on_kill()

    with world.backend(TRAINING) as trainer:
        report = trainer.run(trainer.verbs.poll(trainer.job(job)))
    assert report.state is JobState.CANCELLED


async def test_a_kill_that_airflow_cuts_short_cancels_the_job_all_the_same(
    world: World, job: str
) -> None:
    await cut_short(trigger(job).on_kill())

    with world.backend(TRAINING) as trainer:
        await until(
            lambda: trainer.run(trainer.verbs.poll(trainer.job(job))).state is JobState.CANCELLED
        )


async def test_a_kill_that_comes_to_nothing_is_told(
    world: World, job: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.emulator.control.fail_next({"status": 403}, plane="jobs", method="DELETE")

    await cut_short(trigger(job).on_kill())

    await until(lambda: "may go on: UnexpectedAnswer: DELETE" in caplog.text)


async def test_cleanup_cancels_nothing_for_it_also_runs_on_restarts(world: World, job: str) -> None:
    await trigger(job).cleanup()

    with world.backend(TRAINING) as trainer:
        report = trainer.run(trainer.verbs.poll(trainer.job(job)))
    assert report.state is JobState.WAITING


async def test_killing_cancels_nothing_where_the_author_said_so(world: World, job: str) -> None:
    await trigger(job, cancel_on_kill=False).on_kill()

    with world.backend(TRAINING) as trainer:
        report = trainer.run(trainer.verbs.poll(trainer.job(job)))
    assert report.state is JobState.WAITING


def every_trigger() -> list[type[BaseTrigger]]:
    room = airflow_aml_retrain.triggers
    modules = [
        importlib.import_module(f"{room.__name__}.{found.name}")
        for found in pkgutil.iter_modules(room.__path__)
    ]
    return [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, BaseTrigger)
        and kind.__module__ == module.__name__
    ]


EXAMPLES: dict[type[BaseTrigger], BaseTrigger] = {
    JobTrigger: trigger("https://h/jobs/1"),
    JobsTrigger: JobsTrigger(["1", "2"], conn_id="aml_studio_default", enough=1, linger=2.5),
    UpdateTrigger: UpdateTrigger(
        "https://h/operationsStatus/1",
        resource="Census [trained model]",
        location="https://a/c/m.ilearner",
        conn_id="azure_default",
        deadline=1.5,
        carried={"before": "c/definition.json"},
    ),
    NewDataTrigger: NewDataTrigger("data/landing/", marker="_SUCCESS", settle=1.5),
    EnoughDataTrigger: EnoughDataTrigger(
        "data/landing/",
        arrivals="aml-retrain/arrivals",
        consumer="dag/group",
        minimum_blobs=1,
        minimum_rows=500,
        poll_interval=60.0,
        deadline=1.5,
        wasb_conn_id="wasb_default",
        marker="_SUCCESS",
        suffix=".txt",
    ),
}


@pytest.mark.parametrize("kind", every_trigger())
def test_every_trigger_survives_json_and_rebirth(kind: type[BaseTrigger]) -> None:
    path, arguments = EXAMPLES[kind].serialize()
    module, _, name = path.rpartition(".")

    reborn = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))

    assert reborn.serialize() == (path, arguments)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"job": "1", "state": "running", "details": ""},
        {"job": 1, "state": "failed", "details": ""},
    ],
)
def test_an_event_that_is_none_of_ours_is_not_believed(event: object) -> None:
    with pytest.raises(WireError, match="expected an event"):
        report_of(event)


def test_job_ids_are_what_the_service_gave() -> None:
    event = {"job": "a" * 32, "state": "succeeded", "details": ""}

    assert report_of(event).job == JobId("a" * 32)
