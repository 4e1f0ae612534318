"""
Waiting for many jobs: by one task each, and by one task for all.

With a scheduler, one after the other on one Airflow (LocalExecutor, parallelism 4, SQLite): 100
jobs of 20 s, made by the run, looked at every 5 s; the service runs them all at once. (a) mapped
tasks that defer as Data Factory's operator does (`foreign`), each trigger with a client of its
own; (b) `WaitForJobSensor`, mapped; (c) `RetrainManyOperator`. Time is from the start of the run
to its end. How many waits one triggerer holds is `bench_waits`. Run:
`python -m tests.benchmarks.bench_many`.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any, Final

from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.demo import emulation
from airflow_aml_retrain.demo.airflow import Home, free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.outcome import why_failed
from airflow_aml_retrain.demo.processes import Supervisor
from airflow_aml_retrain.wire.conversation import Credential
from tests.benchmarks.measuring import aim, machine, say
from tests.world import TRAINING, World, census_like

HERE: Final = Path(__file__).parent
JOBS: Final = 100
JOB_TIME: Final = 20.0
RUNS: Final = {
    "foreign": "(a) mapped, as Data Factory's operator",
    "mapped": "(b) mapped WaitForJobSensor",
    "fan_in": "(c) RetrainManyOperator",
}


def main() -> None:
    say(machine())
    with (
        TemporaryDirectory() as folder,
        Supervisor(Path(folder) / "logs") as supervisor,
        training_world(supervisor, Path(folder)) as world,
    ):
        scheduled(world, supervisor, Path(folder))


@contextmanager
def training_world(supervisor: Supervisor, folder: Path) -> Iterator[World]:
    """A world that trains many jobs at once, and what they are trained on."""
    # Airflow shows every request of the storage client.
    logging.disable(logging.INFO)
    azurite = Azurite.start(supervisor)
    emulator = emulation.start(
        supervisor,
        azurite,
        folder / "emulator",
        free_port(),
        job_time=JOB_TIME,
        jobs_at_a_time=10 * JOBS,
    )
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        world = World.make(emulator, blobs, azurite.connection_string)
        blobs.create_container("bench")
        BlobStore(blobs).write("bench", "train.csv", census_like(40).encode())
        yield world


def connections(world: World) -> dict[str, dict[str, Any]]:
    with world.backend(TRAINING) as trainer:
        key = trainer.keyring.secret(Credential.SERVICE_KEY)
    settings = world.settings
    return {
        "aml_studio_default": {
            "conn_type": "aml_studio",
            "host": world.emulator.url,
            "password": settings.token.reveal(),
            "extra": json.dumps({"workspace_id": settings.workspace_id}),
        },
        "foreign": {"conn_type": "http", "password": key.reveal() if key else ""},
        "wasb_default": {
            "conn_type": "wasb",
            "extra": json.dumps({"connection_string": world.connection_string}),
        },
    }


def scheduled(world: World, supervisor: Supervisor, folder: Path) -> None:
    """The same jobs awaited in three ways by a real scheduler."""
    home = Home(folder / "home", folder / "dags", port=free_port())
    home.dags.mkdir()
    (home.folder / "plugins").mkdir(parents=True)
    copy(HERE / "foreign.py", home.folder / "plugins")
    home.make()
    airflow = LiveAirflow.start(home, supervisor)
    for name, said in connections(world).items():
        airflow.rest.add_connection(name, **said)
    say(
        f"{JOBS} jobs of {JOB_TIME:.0f} s with a real scheduler, "
        "seconds from start to end of the run"
    )
    seconds = {}
    for dag_id, title in RUNS.items():
        airflow.add_dag(HERE / "waiting_dags.py", dag_id)
        airflow.rest.unpause(dag_id)
        seconds[dag_id] = lasted(airflow, dag_id)
        say(f"  {title:44}{seconds[dag_id]:8.1f}")
    ratio = seconds["fan_in"] / seconds["foreign"]
    say(aim("(c) as a share of (a)", ratio, 1 / 3))


def lasted(airflow: LiveAirflow, dag_id: str) -> float:
    run_id = airflow.rest.trigger(dag_id, jobs=JOBS, data="bench/train.csv")
    state = airflow.wait_for_run(dag_id, run_id, timeout=600)
    if state != "success":
        sys.exit(f"{dag_id} is {state}: {why_failed(airflow.rest, dag_id, run_id)}")
    said = airflow.rest.run(dag_id, run_id)
    start, end = (datetime.fromisoformat(said[name]) for name in ("start_date", "end_date"))
    return (end - start).total_seconds()


if __name__ == "__main__":
    main()
