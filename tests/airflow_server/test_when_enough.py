"""
A wait for enough rows and three trainings in one task, with a real scheduler and a real triggerer.

The worker that sets the trainings going is killed at one stroke when the third has been created and
not begun.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from airflow_aml_retrain.demo.live import LiveAirflow
from tests.world import World, census_like

if TYPE_CHECKING:
    from airflow_aml_retrain.demo.rest import Json

DAG_ID: Final = "train_when_enough"
MODELS: Final = ["north", "south", "east"]

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Waited:
    """One run, once it has ended in *state*; *early* is how its wait stood with too few rows."""

    airflow: LiveAirflow
    world: World
    container: str
    run: str
    early: str
    state: str

    def jobs(self) -> "list[Json]":
        return _jobs(self.world, self.container)


@pytest.fixture(scope="module")
def waited(real_airflow: LiveAirflow, world: World) -> Iterator[Waited]:
    airflow, rest, container = real_airflow, real_airflow.rest, "enough"
    control = world.emulator.control
    world.blob_service.create_container(container)
    _connect(airflow, world)
    airflow.add_dag(Path(__file__).with_name(f"{DAG_ID}.py"), DAG_ID)
    rest.unpause(DAG_ID)
    world.store.write(container, "landing/first.csv", census_like(60).encode())
    run = rest.trigger(DAG_ID, container=container)
    early = airflow.wait_for_task(
        DAG_ID, run, "enough", "deferred", "success", "failed", timeout=90
    )
    # The first two trainings begin; the third has not when the worker dies.
    control.fail_next({"delay": 0.01}, times=2, plane="jobs", method="POST", path="/start")
    control.fail_next({"delay": 20, "status": 503}, plane="jobs", method="POST", path="/start")
    world.store.write(container, "landing/second.csv", census_like(60, seed=60).encode())
    airflow.wait("three jobs", lambda: len(_jobs(world, container)) == len(MODELS), timeout=90)
    airflow.kill_worker(airflow.wait_for_task(DAG_ID, run, "many", "running", timeout=10))
    state = airflow.wait_for_run(DAG_ID, run, timeout=120)
    yield Waited(airflow, world, container, run, str(early["state"]), state)
    control.clear_faults()


def _jobs(world: World, container: str) -> "list[Json]":
    data = f"{container}/landing/first.csv"
    jobs = world.emulator.control.jobs()
    return [job for job in jobs if job["inputs"].get("input1", "").endswith(data)]


def _connect(airflow: LiveAirflow, world: World) -> None:
    settings = world.settings
    airflow.rest.add_connection(
        f"{DAG_ID}_studio",
        "aml_studio",
        host=world.emulator.url,
        password=settings.token.reveal(),
        extra=f'{{"workspace_id": "{settings.workspace_id}"}}',
    )
    extra = f'{{"connection_string": "{world.connection_string}"}}'
    airflow.rest.add_connection(f"{DAG_ID}_wasb", "wasb", extra=extra)


def test_too_few_rows_are_waited_on_without_a_worker_and_enough_end_the_wait(
    waited: Waited,
) -> None:
    found = waited.airflow.rest.xcom(DAG_ID, waited.run, "enough")

    assert waited.early == "deferred"
    assert (found["blobs"], found["rows"]) == (2, 120)


def test_three_models_are_retrained_in_one_task_over_a_killed_worker_by_one_job_each(
    waited: Waited,
) -> None:
    rest, jobs = waited.airflow.rest, waited.jobs()
    retrained = rest.xcom(DAG_ID, waited.run, "many")

    assert waited.state == "success"
    assert [each["model"] for each in retrained] == MODELS
    assert [each["failure"] for each in retrained] == [""] * len(MODELS)
    told = [each["job"].rpartition("/")[2] for each in retrained]
    assert sorted(told) == sorted(job["job_id"] for job in jobs)
    assert [job["status"] for job in jobs] == ["Finished"] * len(MODELS)


def test_the_second_try_takes_up_what_the_first_had_submitted(waited: Waited) -> None:
    [task] = [
        task for task in waited.airflow.rest.tasks(DAG_ID, waited.run) if task["task_id"] == "many"
    ]

    assert task["try_number"] == 2
    log = waited.airflow.rest.log(DAG_ID, waited.run, "many", 2)
    assert "Taking up job" in log
