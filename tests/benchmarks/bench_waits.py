"""
How many waits one event loop holds, and how late it is meanwhile.

Triggers in the event loop of a process of their own, begun one after the other without a pause, as
when a triggerer starts, over jobs that do not end, of which each is awaited by many; the emulator
is another process. What a lateness is made of, `lateness` says. Held against it are loops of the
same process that wait for nothing, or with tasks that only sleep, and beside each row, in the same
seconds, one that waits for nothing. Run: `python -m tests.benchmarks.bench_waits`.
"""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from random import uniform
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Final

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.processes import Supervisor
from airflow_aml_retrain.triggers.job import JobTrigger
from airflow_aml_retrain.triggers.jobs import JobsTrigger
from tests.benchmarks.bench_many import connections, training_world
from tests.benchmarks.foreign import ForeignTrigger
from tests.benchmarks.lateness import Lateness, full_collection, lateness
from tests.benchmarks.measuring import Sides, aim, fresh, machine, peak, run, say
from tests.world import TRAINING, World

TRIGGERS: Final = {
    "idle": "nothing",
    "asleep": "tasks that only sleep",
    "foreign": "a client each",
    "single": "JobTrigger",
    "many": "JobsTrigger, 1,000 jobs each",
}
WAITS: Final = (
    ("idle", 0, 30.0),
    ("asleep", 10000, 30.0),
    ("foreign", 1000, 10.0),
    ("single", 1000, 10.0),
    ("single", 10000, 30.0),
    ("many", 10000, 30.0),
)
START: Final = 10.0
"""Seconds in which all begin, if they can."""

LOOK: Final = 40.0
"""Seconds for which waiting is watched after that: each is looked at at least once."""

DISTINCT: Final = 100

LEGEND: Final = f"""\
waits in one event loop, watched for {LOOK:.0f} s after all have begun; in ms:
  start, late  the loop at its worst, while they begin and after that; of the latter
  CPU, GC      went on its own thread, and of that on collecting garbage
  work         the most CPU of its own between two naps, collecting garbage left out
  beside       the worst of a loop that waits for nothing, in the same seconds
  empty        CPU of a full collection of the process before the first wait
  full         is how many full collections there were while all waited"""


def main() -> None:
    say(machine())
    with (
        TemporaryDirectory() as folder,
        Supervisor(Path(folder) / "logs") as supervisor,
        training_world(supervisor, Path(folder)) as world,
    ):
        held(world)


def held(world: World) -> None:
    """How many waits one event loop holds."""
    jobs = waiting_jobs(world)
    say(LEGEND)
    say(
        f"{'':32}{'waits':>7}{'look s':>8}{'CPU %':>7}{'MB':>6}{'start':>7}{'late':>7}{'CPU':>6}"
        f"{'GC':>6}{'work':>6}{'beside':>8}{'empty':>7}{'full':>6}{'looks/s':>9}"
    )
    for kind, waits, every in WAITS:
        said = waited(world, kind, waits, every, jobs)
        ms = {name: f"{seconds * 1000:.0f}" for name, seconds in said.items()}
        say(
            f"{TRIGGERS[kind]:32}{waits:7}{every:8.0f}{said['busy'] * 100:7.0f}"
            f"{said['memory']:6.0f}{ms['start']:>7}{ms['late']:>7}{ms['cpu']:>6}{ms['gc']:>6}"
            f"{ms['work']:>6}{ms['beside']:>8}{ms['empty']:>7}{said['full']:6.0f}"
            f"{said['looks']:9.0f}"
        )
        if (kind, waits) == ("single", 10000):
            say(aim("lateness of the loop while all wait, ms", said["late"] * 1000, 50.0))
            say(aim("its own work at a time, ms of CPU", said["work"] * 1000, 50.0))


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
    """What one loop said of its waits; "beside" is by a loop of the same seconds without any."""
    os.environ.update(environment(world))
    before = polls(world.emulator)
    with ThreadPoolExecutor() as sides:
        idle = sides.submit(fresh, __file__, "wait", "idle", "0", str(every))
        said = fresh(__file__, "wait", kind, str(waits), str(every), *jobs)
    looks = (polls(world.emulator) - before) / said["seconds"]
    return {**said, "looks": looks, "beside": idle.result()["late"]}


def environment(world: World) -> dict[str, str]:
    """The connections, as Airflow reads them from its environment."""
    return {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(said)
        for name, said in connections(world).items()
    }


def wait(arguments: Sequence[str]) -> Mapping[str, float]:
    """One side: begin so many waits, watch the loop, and drop them."""
    kind, waits, every, *jobs = arguments
    return asyncio.run(watched(waits_of(kind, int(waits), float(every), jobs)))


def waits_of(
    kind: str, waits: int, every: float, jobs: Sequence[str]
) -> list[Coroutine[Any, Any, object]]:
    if kind == "asleep":
        return [asleep(every) for _ in range(waits)]
    return [fired(trigger) for trigger in triggers(kind, waits, every, jobs)]


def triggers(kind: str, waits: int, every: float, jobs: Sequence[str]) -> list[BaseTrigger]:
    each = [jobs[number % len(jobs)] for number in range(waits)]
    about: dict[str, Any] = {"conn_id": "aml_studio_default", "service": TRAINING}
    match kind:
        case "foreign":
            return [ForeignTrigger(job, "foreign", every) for job in each]
        case "many":
            ids = [job.rpartition("/")[2] for job in each]
            groups = [ids[start : start + 1000] for start in range(0, waits, 1000)]
            return [JobsTrigger(group, poll_interval=every, **about) for group in groups]
        case _:
            return [JobTrigger(job, poll_interval=every, **about) for job in each]


async def watched(waits: Sequence[Coroutine[Any, Any, object]]) -> Mapping[str, float]:
    # What Airflow itself loads for its first look-up is not ours to measure.
    await BaseHook.aget_connection("aml_studio_default")
    empty = full_collection()
    begun, before, cpu = perf_counter(), peak(), process_time()
    watch = asyncio.create_task(lateness(START))
    tasks = []
    for each in waits:
        tasks.append(asyncio.create_task(each))
        # As the triggerer does between two.
        await asyncio.sleep(0)
    start = await watch
    then = await lateness(LOOK)
    seconds = perf_counter() - begun
    said = {
        "seconds": seconds,
        "busy": (process_time() - cpu) / seconds,
        "memory": peak() - before,
        "empty": empty,
        **parts(start, then),
    }
    if ended := [task for task in tasks if task.done()]:
        sys.exit(f"{len(ended)} waits ended, the first with {ended[0].exception()!r}")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return said


def parts(start: Lateness, then: Lateness) -> Mapping[str, float]:
    worst = then.worst
    return {
        "start": start.worst.clock,
        "late": worst.clock,
        "cpu": worst.cpu,
        "gc": worst.collecting,
        "work": then.most_work,
        "full": then.full,
    }


async def fired(trigger: BaseTrigger) -> TriggerEvent:
    return await anext(aiter(trigger.run()))


async def asleep(every: float) -> None:
    """What a wait cannot do without: a task that sleeps, first looks spread as those of ours."""
    for spread in chain([(0.5, 1.5)], repeat((1.0, 1.1))):
        await asyncio.sleep(every * uniform(*spread))  # noqa: S311 - no secret


SIDES: Final[Sides] = {"wait": wait}

if __name__ == "__main__":
    run(main, SIDES)
