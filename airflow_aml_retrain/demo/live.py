"""An Airflow that runs: its home, its processes and its REST API, and waiting for what it does."""

import os
import shutil
import signal
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

from airflow_aml_retrain.demo.airflow import USER, Home
from airflow_aml_retrain.demo.processes import DemoFailed, Running, Supervisor
from airflow_aml_retrain.demo.rest import Json, Rest, serves_tasks

FINAL: Final = frozenset({"success", "failed"})

_START: Final = 180.0
_PARSE: Final = 60.0
# Asking more often would take the api-server's time from the tasks, which need it too.
_LOOK: Final = 0.5


@dataclass(frozen=True, slots=True)
class LiveAirflow:
    """A running Airflow; every wait ends at once if one of its processes dies."""

    home: Home
    rest: Rest
    supervisor: Supervisor

    @classmethod
    def start(cls, home: Home, supervisor: Supervisor) -> Self:
        """Start the components of a *home* that is made; return when all say that they are well."""
        home.start(supervisor)
        live = cls(home, Rest(home.url, USER, home.password), supervisor)
        live.wait_until_up()
        return live

    def wait_until_up(self) -> None:
        self.wait("Airflow to be up", self._is_up, timeout=_START)

    def wait(self, what: str, is_so: Callable[[], bool], *, timeout: float) -> None:
        """Until *is_so* says yes."""
        self.supervisor.wait_for(what, lambda: is_so() or None, timeout=timeout, every=_LOOK)

    def add_dag(self, file: Path, dag_id: str) -> None:
        """Put *file* into the folder of DAGs; return when Airflow knows its *dag_id*."""
        shutil.copy(file, self.home.dags)
        self.wait_for_dag(dag_id, file.name)

    def wait_for_dag(self, dag_id: str, file: str) -> None:
        """Until *dag_id* is known; that its *file* cannot be imported is said at once."""
        self.wait(f"the DAG {dag_id}", lambda: self._knows(dag_id, file), timeout=_PARSE)

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        timeout: float,
        states: Collection[str] = FINAL,
    ) -> str:
        """Until the run is in one of *states*; which one."""

        def state() -> str | None:
            now = str(self.rest.run(dag_id, run_id)["state"])
            return now if now in states else None

        what = f"run {run_id} of {dag_id}"
        return self.supervisor.wait_for(what, state, timeout=timeout, every=_LOOK)

    def wait_for_task(
        self, dag_id: str, run_id: str, task_id: str, *states: str, timeout: float
    ) -> Json:
        """Until a task is in one of *states*; all that Airflow says of it then."""

        def task() -> Json | None:
            tasks = self.rest.tasks(dag_id, run_id)
            here = (t for t in tasks if t["task_id"] == task_id and t["state"] in states)
            return next(here, None)

        what = f"task {task_id} of {run_id} to be {' or '.join(states)}"
        return self.supervisor.wait_for(what, task, timeout=timeout, every=_LOOK)

    def kill_worker(self, task: Json) -> None:
        """Kill the process that runs *task*, and the worker that looks after it, at one stroke."""
        runner = psutil.Process(int(task["pid"]))
        worker = runner.parent()
        if worker is not None:
            os.kill(worker.pid, signal.SIGKILL)
        os.kill(runner.pid, signal.SIGKILL)

    def component(self, name: str) -> Running:
        """The process of one component, below which are all others of it."""
        [running] = [each for each in self.supervisor.running if each.name == name]
        return running

    def restart(self, name: str) -> None:
        """
        Kill a component with all below it at one stroke, and start it anew.

        One of those whose heart beats: scheduler, triggerer, dag-processor. Back when it does.
        """
        self.supervisor.lose(self.component(name))
        last = self.rest.heartbeat(name)
        self.home.start_component(name, self.supervisor)
        self.wait(f"a new {name}", lambda: self.rest.heartbeat(name) > last, timeout=_START)

    def _is_up(self) -> bool:
        # Tasks' API first: it makes its routes when it is first asked, which takes seconds that
        # it may as well take while the others still start.
        return serves_tasks(self.home.execution_url) and self.rest.is_healthy()

    def _knows(self, dag_id: str, file: str) -> bool:
        for error in self.rest.import_errors():
            if Path(error["filename"]).name == file:
                msg = f"{file} cannot be imported:\n{error['stack_trace']}"
                raise DemoFailed(msg)
        return self.rest.has_dag(dag_id)
