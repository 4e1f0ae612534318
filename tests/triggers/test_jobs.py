"""What waiting for many jobs promises: each job's end is its own, and one client asks for all."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from airflow_aml_retrain.errors import DeadlineExceeded, ServiceUnavailable, WireError
from airflow_aml_retrain.triggers.events import outcomes_of
from airflow_aml_retrain.triggers.jobs import JobsTrigger
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState, started
from tests.operators.desk import connections
from tests.triggers.triggerer import cut_short, until
from tests.world import TRAINING, World, census_like

PAST: Final = 1.0
CONNECTION: Final = "AIRFLOW_CONN_AML_STUDIO_DEFAULT"
UNKNOWN: Final = "0" * 32


@pytest.fixture(autouse=True)
def connected(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in connections(world).items():
        monkeypatch.setenv(name, value)
    yield
    world.emulator.control.clear_faults()


@pytest.fixture
def jobs(world: World, container: str) -> list[JobId]:
    """Three jobs that were created and not yet started."""
    world.store.write(container, "train.csv", census_like(80).encode())
    blob = world.store.reference(container, "train.csv")
    with world.backend(TRAINING) as trainer:
        return [trainer.run(trainer.verbs.submit({"input1": blob}, {})) for _ in range(3)]


def start(world: World, *jobs: JobId) -> None:
    with world.backend(TRAINING) as trainer:
        for job in jobs:
            trainer.run(started(trainer.verbs, job))


def state(world: World, job: JobId) -> JobState:
    with world.backend(TRAINING) as trainer:
        return trainer.run(trainer.verbs.poll(job)).state


def trigger(jobs: list[JobId], **changes: Any) -> JobsTrigger:
    about = {"conn_id": "aml_studio_default", "service": TRAINING, "poll_interval": 0.1}
    return JobsTrigger(jobs, **{**about, **changes})


async def outcomes(trigger: JobsTrigger) -> dict[JobId, object]:
    """What it tells when it fires, once: of each job that ended its state, or what went wrong."""
    [event] = [event async for event in trigger.run()]
    return {
        job: outcome.state if isinstance(outcome, JobReport) else outcome
        for job, outcome in outcomes_of(event.payload)
    }


async def test_it_fires_when_all_have_ended(world: World, jobs: list[JobId]) -> None:
    start(world, *jobs)

    assert await outcomes(trigger(jobs)) == dict.fromkeys(jobs, JobState.SUCCEEDED)


async def test_it_fires_with_what_has_ended_once_that_is_enough(
    world: World, jobs: list[JobId]
) -> None:
    start(world, jobs[0])

    assert await outcomes(trigger(jobs, enough=1)) == {jobs[0]: JobState.SUCCEEDED}


async def test_once_it_has_fired_it_asks_no_more(world: World, jobs: list[JobId]) -> None:
    start(world, jobs[0])
    before = asyncio.all_tasks()

    await outcomes(trigger(jobs, enough=1))

    await until(lambda: asyncio.all_tasks() <= before)


async def test_it_lingers_after_the_first_end_and_no_longer(
    world: World, jobs: list[JobId]
) -> None:
    start(world, *jobs[:2])

    seen = await outcomes(trigger(jobs, linger=3.0))

    assert seen == dict.fromkeys(jobs[:2], JobState.SUCCEEDED)


async def test_what_becomes_of_one_job_is_told_of_that_job_alone(
    world: World, jobs: list[JobId]
) -> None:
    start(world, *jobs[1:])
    world.emulator.control.fail_next({"fail_job": "the R script went up in smoke"})
    start(world, jobs[0])

    seen = await outcomes(trigger([*jobs, JobId(UNKNOWN)]))

    assert isinstance(seen.pop(JobId(UNKNOWN)), WireError)
    assert seen == {
        jobs[0]: JobState.FAILED,
        jobs[1]: JobState.SUCCEEDED,
        jobs[2]: JobState.SUCCEEDED,
    }


async def test_an_outage_ends_nothing(world: World, jobs: list[JobId]) -> None:
    start(world, *jobs)
    control = world.emulator.control
    control.fail_next({"status": 503}, plane="jobs", times=2)
    control.fail_next({"drop": True}, plane="jobs", times=2)

    assert await outcomes(trigger(jobs)) == dict.fromkeys(jobs, JobState.SUCCEEDED)


async def test_at_the_deadline_all_that_are_awaited_are_late(jobs: list[JobId]) -> None:
    seen = await outcomes(trigger(jobs, deadline=PAST))

    assert [isinstance(seen[job], DeadlineExceeded) for job in jobs] == [True, True, True]


async def test_a_service_that_cannot_be_reached_by_the_deadline_makes_all_late(
    world: World, jobs: list[JobId]
) -> None:
    world.emulator.control.fail_next({"delay": 5}, plane="management")

    seen = await outcomes(trigger(jobs, deadline=PAST))

    assert [isinstance(seen[job], DeadlineExceeded) for job in jobs] == [True, True, True]


async def test_one_look_up_of_the_service_does_for_all(world: World, jobs: list[JobId]) -> None:
    start(world, *jobs)
    before = [request["n"] for request in world.emulator.control.requests()][-1]

    await outcomes(trigger(jobs))

    asked = world.emulator.control.requests(since=before)
    looks = [request for request in asked if request["plane"] == "management"]
    assert len([request for request in asked if request["plane"] == "jobs"]) >= len(jobs)
    assert len(looks) == len({request["path"] for request in looks})


async def test_a_connection_that_cannot_be_read_for_a_while_ends_nothing(
    world: World,
    jobs: list[JobId],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start(world, *jobs)
    monkeypatch.delenv(CONNECTION)
    waiting = asyncio.create_task(outcomes(trigger(jobs, deadline=time.time() + 60)))
    await until(lambda: "could not be read" in caplog.text)

    monkeypatch.setenv(CONNECTION, connections(world)[CONNECTION])

    assert await waiting == dict.fromkeys(jobs, JobState.SUCCEEDED)


async def test_where_nothing_can_be_asked_no_job_is_said_to_have_failed(
    world: World, jobs: list[JobId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, '{"conn_type": "aml_studio"}')

    with pytest.raises(ServiceUnavailable, match="region"):
        await outcomes(trigger(jobs))


async def test_a_person_who_kills_the_task_cancels_all_that_can_be(
    world: World, jobs: list[JobId]
) -> None:
    start(world, jobs[0])
    await outcomes(trigger(jobs[:1]))
    refusal = {"status": 400, "code": "BadArgument"}
    world.emulator.control.fail_next(refusal, plane="jobs", method="DELETE", path=jobs[1])

    await trigger(jobs).on_kill()

    states = [state(world, job) for job in jobs]
    assert states == [JobState.SUCCEEDED, JobState.WAITING, JobState.CANCELLED]


async def test_a_kill_that_airflow_cuts_short_cancels_all_the_same(
    world: World, jobs: list[JobId]
) -> None:
    await cut_short(trigger(jobs).on_kill())

    await until(lambda: {state(world, job) for job in jobs} == {JobState.CANCELLED})


@pytest.mark.parametrize("spared", ["cleanup", "on_kill"])
async def test_nobody_else_cancels_anything(world: World, jobs: list[JobId], spared: str) -> None:
    await getattr(trigger(jobs, cancel_on_kill=False), spared)()

    assert {state(world, job) for job in jobs} == {JobState.WAITING}


@pytest.mark.parametrize(
    "event", [None, {}, {"ended": [{"job": "1", "state": "running", "details": ""}], "trouble": ""}]
)
def test_an_event_that_is_none_of_ours_is_not_believed(event: object) -> None:
    with pytest.raises(WireError, match="expected an event"):
        outcomes_of(event)
