"""
A person stops what waits, with a real scheduler and a real triggerer: its jobs are cancelled.

Two runs of one DAG wait for trainings that would last for hours: each for three in one task, and
for one in another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from airflow_aml_retrain.demo import emulation
from airflow_aml_retrain.demo.airflow import free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.processes import Supervisor
from tests.world import World, census_like

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from airflow_aml_retrain.demo.rest import Json

DAG_ID: Final = "train_long"
JOBS: Final = {"many": 3, "wait": 1}
"""How many jobs each task waits for."""

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Stopping:
    """Two runs, the *stopped* one and the *other*, and the jobs that they wait for."""

    airflow: LiveAirflow
    world: World
    container: str
    stopped: str
    other: str

    def jobs(self, folder: str, task: str) -> "list[Json]":
        """The jobs of one task of the run whose data lies in *folder*."""
        data = f"{self.container}/{folder}/{task}.csv"
        jobs = self.world.emulator.control.jobs()
        return [job for job in jobs if job["inputs"]["input1"].endswith(data)]

    def states(self, folder: str, task: str) -> list[str]:
        return [job["status"] for job in self.jobs(folder, task)]

    def is_waiting(self) -> bool:
        """Whether each job was looked at in the triggerer; a sensor's own look was the first."""
        return all(
            [job["polls"] >= 2 for job in self.jobs(folder, task)] == [True] * count
            for folder in ("stopped", "other")
            for task, count in JOBS.items()
        )

    def fail(self, task: str) -> None:
        """What the button *Mark as failed* of a task does."""
        path = f"dags/{DAG_ID}/dagRuns/{self.stopped}/taskInstances/{task}"
        self.airflow.rest.call("PATCH", path, {"new_state": "failed"})

    def wait_until_cancelled(self, folder: str, task: str) -> None:
        all_of_them = ["Cancelled"] * JOBS[task]
        self.airflow.wait(
            f"the jobs of {task} to be cancelled",
            lambda: self.states(folder, task) == all_of_them,
            timeout=60,
        )


@pytest.fixture(scope="module")
def lasting(
    azurite: Azurite,
    blob_service: "BlobServiceClient",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A workspace of an emulator of its own, where a job takes hours."""
    with Supervisor(tmp_path_factory.mktemp("logs"), patience=1.0) as supervisor:
        emulator = emulation.start(
            supervisor, azurite, tmp_path_factory.mktemp("lasting"), free_port(), job_time=10_000.0
        )
        yield World.make(emulator, blob_service, azurite.connection_string)


@pytest.fixture(scope="module")
def stopping(real_airflow: LiveAirflow, lasting: World) -> Iterator[Stopping]:
    rest, container = real_airflow.rest, "stopping"
    lasting.blob_service.create_container(container)
    _connect(real_airflow, lasting)
    real_airflow.add_dag(Path(__file__).with_name(f"{DAG_ID}.py"), DAG_ID)
    rest.unpause(DAG_ID)
    runs = {}
    for folder in ("stopped", "other"):
        for task in JOBS:
            lasting.store.write(container, f"{folder}/{task}.csv", census_like(60).encode())
        runs[folder] = rest.trigger(DAG_ID, data=f"{container}/{folder}")
    stopping = Stopping(real_airflow, lasting, container, **runs)
    real_airflow.wait("all to be waiting", stopping.is_waiting, timeout=120)
    yield stopping
    # What still waits would ask an emulator that is gone, to the end of the session.
    for run in runs.values():
        rest.call("PATCH", f"dags/{DAG_ID}/dagRuns/{run}", {"state": "failed"})


def _connect(airflow: LiveAirflow, world: World) -> None:
    settings = world.settings
    airflow.rest.add_connection(
        "train_long_studio",
        "aml_studio",
        host=world.emulator.url,
        password=settings.token.reveal(),
        extra=f'{{"workspace_id": "{settings.workspace_id}"}}',
    )
    extra = f'{{"connection_string": "{world.connection_string}"}}'
    airflow.rest.add_connection("train_long_wasb", "wasb", extra=extra)


@pytest.mark.parametrize(("task", "spared"), [("many", "wait"), ("wait", "many")])
def test_who_fails_a_task_cancels_each_job_that_it_waits_for_and_no_other(
    stopping: Stopping, task: str, spared: str
) -> None:
    before = stopping.states("stopped", spared)
    # By when the triggerer's next round has cut short what the kill began.
    later = {"status": 503, "headers": {"Retry-After": "3"}}
    stopping.world.emulator.control.fail_next(later, plane="jobs", method="DELETE")

    stopping.fail(task)

    stopping.wait_until_cancelled("stopped", task)
    assert stopping.states("stopped", spared) == before
    for left, count in JOBS.items():
        assert stopping.states("other", left) == ["Running"] * count


def test_who_fails_a_run_cancels_every_job_that_it_waits_for(stopping: Stopping) -> None:
    rest = stopping.airflow.rest

    rest.call("PATCH", f"dags/{DAG_ID}/dagRuns/{stopping.other}", {"state": "failed"})

    for task in JOBS:
        stopping.wait_until_cancelled("other", task)
