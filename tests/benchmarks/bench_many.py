"""
Waiting for many jobs: by one task each, by one task for all, and how many one triggerer holds.

With a scheduler, one after the other on one Airflow (LocalExecutor, parallelism 4, SQLite): 100
jobs of 20 s, made by the run, looked at every 5 s; the service runs them all at once. (a) mapped
tasks that defer as Data Factory's operator does (`foreign`), each trigger with a client of its
own; (b) `WaitForJobSensor`, mapped; (c) `RetrainManyOperator`. Time is from the start of the run
to its end.

Without one: triggers in the event loop of a process of their own, begun one after the other without
a pause, as when a triggerer starts, over jobs that do not end, of which each is awaited by many;
the emulator is another process. The loop's delay is by how much a sleep of 10 ms is too long. Run:
`python -m tests.benchmarks.bench_many`.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Final

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.demo import emulation
from airflow_aml_retrain.demo.airflow import Home, free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.outcome import why_failed
from airflow_aml_retrain.demo.processes import Supervisor
from airflow_aml_retrain.triggers.job import JobTrigger
from airflow_aml_retrain.triggers.jobs import JobsTrigger
from airflow_aml_retrain.wire.conversation import Credential
from tests.benchmarks.foreign import ForeignTrigger
from tests.benchmarks.measuring import Sides, aim, fresh, machine, peak, run, say
from tests.world import TRAINING, World, census_like

HERE: Final = Path(__file__).parent
JOBS: Final = 100
JOB_TIME: Final = 20.0
RUNS: Final = {
    "foreign": "(a) mapped, as Data Factory's operator",
    "mapped": "(b) mapped WaitForJobSensor",
    "fan_in": "(c) RetrainManyOperator",
}
TRIGGERS: Final = {
    "foreign": "a client each",
    "single": "JobTrigger",
    "many": "JobsTrigger, 1,000 jobs each",
}
WAITS: Final = (
    ("foreign", 1000, 10.0),
    ("single", 1000, 10.0),
    ("single", 10000, 30.0),
    ("many", 10000, 30.0),
)
LOOK: Final = 40.0
"""Seconds for which waiting is watched: begun, and looked at least once."""

DISTINCT: Final = 100


def main() -> None:
    # Airflow shows every request of the storage client.
    logging.disable(logging.INFO)
    say(machine())
    with TemporaryDirectory() as folder, Supervisor(Path(folder) / "logs") as supervisor:
        azurite = Azurite.start(supervisor)
        emulator = emulation.start(
            supervisor,
            azurite,
            Path(folder) / "emulator",
            free_port(),
            job_time=JOB_TIME,
            jobs_at_a_time=10 * JOBS,
        )
        with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
            world = World.make(emulator, blobs, azurite.connection_string)
            blobs.create_container("bench")
            BlobStore(blobs).write("bench", "train.csv", census_like(40).encode())
            held(world)
            scheduled(world, supervisor, Path(folder))


def held(world: World) -> None:
    """How many waits one event loop holds."""
    jobs = waiting_jobs(world)
    say(f"waits in one event loop, watched for {LOOK:.0f} s")
    say(
        f"{'':32}{'waits':>7}{'look s':>8}{'CPU %':>8}{'MB':>7}{'worst ms':>10}{'then ms':>9}"
        f"{'looks/s':>9}"
    )
    for kind, waits, every in WAITS:
        before = polls(world.emulator)
        said = waited(world, kind, waits, every, jobs)
        looks = (polls(world.emulator) - before) / LOOK
        say(
            f"{TRIGGERS[kind]:32}{waits:7}{every:8.0f}{said['cpu'] * 100:8.0f}{said['memory']:7.0f}"
            f"{said['worst'] * 1000:10.0f}{said['then'] * 1000:9.0f}{looks:9.0f}"
        )
        if (kind, waits) == ("single", 10000):
            say(aim("worst delay of the loop while all wait, ms", said["then"] * 1000, 50.0))


def waiting_jobs(world: World) -> list[str]:
    """References of jobs that are never started, and so never end."""
    with world.backend(TRAINING) as trainer:
        blob = BlobStore(world.blob_service).reference("bench", "train.csv")
        ask = trainer.verbs.submit
        return [trainer.reference(trainer.run(ask({"input1": blob}, {}))) for _ in range(DISTINCT)]


def polls(emulator: Emulator) -> int:
    return sum(job["polls"] for job in emulator.control.jobs())


def waited(
    world: World, kind: str, waits: int, every: float, jobs: Sequence[str]
) -> Mapping[str, float]:
    os.environ.update(environment(world))
    return fresh(__file__, "wait", kind, str(waits), str(every), *jobs)


def environment(world: World) -> dict[str, str]:
    """The connections, as Airflow reads them from its environment."""
    return {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(said)
        for name, said in connections(world).items()
    }


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


def wait(arguments: Sequence[str]) -> Mapping[str, float]:
    """One side: begin so many waits, watch the loop, and drop them."""
    kind, waits, every, *jobs = arguments
    return asyncio.run(watched(triggers(kind, int(waits), float(every), jobs)))


def triggers(kind: str, waits: int, every: float, jobs: Sequence[str]) -> list[BaseTrigger]:
    each = [jobs[number % len(jobs)] for number in range(waits)]
    about: dict[str, Any] = {"conn_id": "aml_studio_default", "service": TRAINING}
    match kind:
        case "foreign":
            return [ForeignTrigger(job, "foreign", every) for job in each]
        case "single":
            return [JobTrigger(job, poll_interval=every, **about) for job in each]
        case _:
            ids = [job.rpartition("/")[2] for job in each]
            groups = [ids[start : start + 1000] for start in range(0, waits, 1000)]
            return [JobsTrigger(group, poll_interval=every, **about) for group in groups]


async def watched(waits: Sequence[BaseTrigger]) -> Mapping[str, float]:
    # What Airflow itself loads for its first look-up is not ours to measure.
    await BaseHook.aget_connection("aml_studio_default")
    before, cpu = peak(), process_time()
    watch = asyncio.create_task(delay(10.0))
    tasks = []
    for trigger in waits:
        tasks.append(asyncio.create_task(fired(trigger)))
        # As the triggerer does between two.
        await asyncio.sleep(0)
    worst = await watch
    then = await delay(LOOK - 10.0)
    said = {
        "cpu": (process_time() - cpu) / LOOK,
        "memory": peak() - before,
        "worst": max(worst, then),
        "then": then,
    }
    if ended := [task for task in tasks if task.done()]:
        sys.exit(f"{len(ended)} waits ended, the first with {ended[0].exception()!r}")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return said


async def fired(trigger: BaseTrigger) -> TriggerEvent:
    return await anext(aiter(trigger.run()))


async def delay(seconds: float) -> float:
    """By how much the worst sleep of 10 ms is too long, over *seconds*."""
    worst, until = 0.0, perf_counter() + seconds
    while (begun := perf_counter()) < until:
        await asyncio.sleep(0.01)
        worst = max(worst, perf_counter() - begun - 0.01)
    return worst


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


SIDES: Final[Sides] = {"wait": wait}

if __name__ == "__main__":
    run(main, SIDES)
