"""
What each part of the cluster costs: `docker-compose.yaml` as processes, as the cluster test has it.

Memory is the proportional set size (what is shared by forks is counted once) of a container's
processes, idle after a start and the most that was seen, by looks twice a second, in one run of
`retrain_on_schedule`. CPU is seconds of a processor: from the start until all is well, in a minute
of idling, and in that run. Health checks are not in it; each is measured on its own, once.
Run: `python -m tests.benchmarks.bench_cluster`.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final

import psutil

from airflow_aml_retrain.demo import reaper
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.processes import Supervisor
from airflow_aml_retrain.demo.workspace import CensusWorkspace
from tests.benchmarks.measuring import machine, say
from tests.cluster.cluster import Cluster

DAG_ID: Final = CensusWorkspace.dag_id
IDLE: Final = 60.0
LOOK: Final = 0.5
SETTLING: Final = 15.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a processor until now, and megabytes now."""

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Meter:
    """Looks at every process that a supervisor holds, by its name."""

    supervisor: Supervisor
    peak: dict[str, float] = field(default_factory=dict)

    def now(self) -> dict[str, Cost]:
        return {one.name: _cost(one.pid) for one in self.supervisor.running}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep the most megabytes that each had meanwhile."""
        over = Event()

        def watch() -> None:
            while not over.wait(LOOK):
                for name, cost in self.now().items():
                    self.peak[name] = max(self.peak.get(name, 0.0), cost.megabytes)

        watcher = Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def main() -> None:
    with TemporaryDirectory() as folder, Supervisor(Path(folder) / "logs") as supervisor:
        place = Path(folder) / "cluster"
        place.mkdir()
        cluster = Cluster.start(supervisor, Azurite.start(supervisor), place)
        meter = Meter(supervisor)
        _idle(SETTLING)
        up = meter.now()
        _idle(IDLE)
        idle = meter.now()
        with meter.watching():
            took = _run(cluster)
        after = meter.now()
        checks = {name: _check(cluster, name) for name in ("triggerer-1", "worker-1")}
    _tell(up, idle, after, meter.peak)
    say(f"  the run took {took:.0f} s")
    for name, seconds in checks.items():
        say(f"  one health check of {name}: {seconds:.1f} s of a processor")


def _run(cluster: Cluster) -> float:
    """How long one run of the example took."""
    rest, began = cluster.rest, time.monotonic()
    cluster.wait("the DAG", lambda: rest.has_dag(DAG_ID) or None)
    rest.unpause(DAG_ID)
    runs = cluster.wait("a run", lambda: rest.runs(DAG_ID) or None)
    state = cluster.wait_for_run(DAG_ID, str(runs[0]["dag_run_id"]))
    if state != "success":
        msg = f"the run ended as {state}: its figures would say nothing"
        raise RuntimeError(msg)
    return time.monotonic() - began


def _check(cluster: Cluster, container: str) -> float:
    """CPU seconds of one health check."""
    before = _children()
    if not cluster.is_well(container):
        msg = f"{container} is not well"
        raise RuntimeError(msg)
    return _children() - before


def _children() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def _cost(session: int) -> Cost:
    seconds = megabytes = 0.0
    # PostgreSQL's processes are sessions of their own below the first.
    below = psutil.Process(session).children(recursive=True)
    for process in {*reaper.members({session}), *below}:
        try:
            times, memory = process.cpu_times(), process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        # Children that have ended are their parent's; those that have not speak for themselves.
        seconds += times.user + times.system + times.children_user + times.children_system
        megabytes += memory.pss / 1e6
    return Cost(seconds, megabytes)


def _idle(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - to idle is what is measured


def _tell(
    up: Mapping[str, Cost],
    idle: Mapping[str, Cost],
    after: Mapping[str, Cost],
    peak: Mapping[str, float],
) -> None:
    say("C1 what each part of the cluster costs")
    say(f"  {machine()}")
    say(f"  {'':<16}{'idle MB':>9}{'most MB':>9}{'start s':>9}{'idle s/min':>12}{'run s':>8}")
    for name, cost in up.items():
        rate = (idle[name].seconds - cost.seconds) * 60 / IDLE
        said = (
            f"{idle[name].megabytes:>9.0f}{peak[name]:>9.0f}{cost.seconds:>9.1f}"
            f"{rate:>12.1f}{after[name].seconds - idle[name].seconds:>8.1f}"
        )
        say(f"  {name.removeprefix('cluster-'):<16}{said}")


if __name__ == "__main__":
    main()
