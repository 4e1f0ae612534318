"""
The services of `docker-compose.yaml` as processes of this machine.

Law: command and environment are those of the file. A process differs from a container only in
what a machine of its own would give it: other ports, other folders, a name, and (`IMPATIENT`)
shorter times after which one that is lost is noticed. Each has a home and a folder for temporary
files of its own, so that nothing passes from one to another but by what they share in the file.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Final, Self, TypeVar

from airflow_aml_retrain.demo.airflow import USER, free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.live import FINAL
from airflow_aml_retrain.demo.processes import Running, Supervisor, inherited_environment
from airflow_aml_retrain.demo.rest import Json, Rest
from tests.cluster import composition, servers
from tests.cluster.composition import Service

T = TypeVar("T")

IMPATIENT: Final = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}

_PATIENCE: Final = 240.0
_PATH: Final = Path(__file__).parent / "path"
# As the entry point of Airflow's image has it: anything else is a word to `airflow`.
_PROGRAMS: Final = frozenset({"bash", "python"})


@dataclass(frozen=True)
class Cluster:
    """
    All that `docker compose up` starts.

    *addresses* are where this machine has what the file names by host and port; *folder* holds
    the volumes and each container's own files.
    """

    services: Mapping[str, Service]
    secrets: Collection[str] = field(repr=False)
    supervisor: Supervisor
    folder: Path
    addresses: Mapping[str, str]
    running: dict[str, Running] = field(default_factory=dict)

    @classmethod
    def start(cls, supervisor: Supervisor, azurite: Azurite, folder: Path) -> Self:
        """Start everything; return when all of it is well and what is to end has ended."""
        told = {name: f"{name.lower()}0123456789" for name in composition.variables()}
        told["AIRFLOW_FERNET_KEY"] = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzM="
        api, emulator, health = free_port(), free_port(), free_port()
        postgres = servers.start_postgres(supervisor, folder / "pg", told["POSTGRES_PASSWORD"])
        addresses = {
            "postgres:5432": f"127.0.0.1:{postgres}",
            "redis:6379": f"127.0.0.1:{servers.start_redis(supervisor, folder / 'redis')}",
            "azurite:10000": f"{azurite.host}:{azurite.port}",
            # An address of this machine that is none of the loopback's: as to a host elsewhere,
            # nothing goes there by plain http unless the connection allows it by name.
            "emulator:8086": f"0.0.0.0:{emulator}",
            "--port=8086": f"--port={emulator}",
            "api-server:8080": f"127.0.0.1:{api}",
            "localhost:8080": f"127.0.0.1:{api}",
            "127.0.0.1:8086": f"127.0.0.1:{emulator}",
            "127.0.0.1:8080": f"127.0.0.1:{api}",
            "127.0.0.1:8974": f"127.0.0.1:{health}",
        }
        cluster = cls(composition.services(told), told.values(), supervisor, folder, addresses)
        cluster._start_all()
        return cluster

    @property
    def emulator(self) -> Emulator:
        return Emulator(f"http://{self.addresses['emulator:8086']}")

    @cached_property
    def rest(self) -> Rest:
        password = self.services["init"].environment["AIRFLOW_ADMIN_PASSWORD"]
        return Rest(f"http://{self.addresses['api-server:8080']}", USER, password)

    def lose(self, container: str) -> None:
        """As when the machine of *container* is no more."""
        self.supervisor.lose(self.running.pop(container))

    def run(self, name: str) -> str:
        """Run a service that ends; what it said."""
        service = self.services[name]
        done = subprocess.run(  # noqa: S603 - the file's own command
            self._command(service),
            env=self.environment(service, name),
            cwd=self._home(name),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            msg = f"{name} ended with {done.returncode}:\n{done.stdout[-3000:]}"
            raise RuntimeError(msg)
        return done.stdout

    def is_well(self, container: str) -> bool:
        """Whether the health check of the file says so."""
        service = self._service(container)
        done = subprocess.run(  # noqa: S603 - the file's own command
            [self._located(word) for word in service.check],
            env=self.environment(service, container),
            cwd=self._home(container),
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def wait(self, what: str, look: Callable[[], T | None]) -> T:
        """Until *look* returns something; ends at once if a process dies that was not lost."""
        return self.supervisor.wait_for(what, look, timeout=_PATIENCE, every=0.5)

    def wait_for_task(
        self, dag_id: str, run: str, task_id: str, is_so: Callable[[Json], object]
    ) -> Json:
        """Until *is_so* says yes of a task; all that Airflow says of it then."""

        def found() -> Json | None:
            tasks = self.rest.tasks(dag_id, run)
            here = (task for task in tasks if task["task_id"] == task_id and is_so(task))
            return next(here, None)

        return self.wait(f"task {task_id} of {run}", found)

    def wait_for_run(self, dag_id: str, run: str) -> str:
        """Until a run has ended; its state."""

        def state() -> str | None:
            now = str(self.rest.run(dag_id, run)["state"])
            return now if now in FINAL else None

        return self.wait(f"the end of {run}", state)

    def environment(self, service: Service, container: str) -> dict[str, str]:
        """What the process is told: the file's, and what a machine of its own would give."""
        home = self._home(container)
        inherited = inherited_environment()
        own = {
            "PATH": f"{Path(sys.executable).parent}:{inherited['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(home),
            "HOSTNAME": container,
            "PYTHONUNBUFFERED": "1",
        }
        told = {name: self._located(value) for name, value in service.environment.items()}
        return {**inherited, **own, **told, **(self._placed(home) if service.is_airflow else {})}

    def _service(self, container: str) -> Service:
        return self.services[container.rstrip("-0123456789")]

    def _placed(self, home: Path) -> dict[str, str]:
        return {
            **IMPATIENT,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.addresses["api-server:8080"].rpartition(":")[2],
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "container_name.container_name",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self._volume("logs")),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": self.addresses[
                "127.0.0.1:8974"
            ].rpartition(":")[2],
            "PYTHONPATH": str(_PATH),
        }

    def _start_all(self) -> None:
        """In the order of the file's `depends_on`, all that goes on at once."""
        self._start("emulator")
        self.run("init")
        lasting = [s for s in self.services.values() if s.is_airflow and s.check]
        for service in lasting:
            for number in range(service.replicas):
                self._start(service.name, number if service.replicas > 1 else None)
        for name in ("emulator", "api-server", "scheduler"):
            self.wait(f"{name} to be well", partial(self._is_well_now, name))
        self.run("furnish")

    def _is_well_now(self, container: str) -> bool | None:
        return self.is_well(container) or None

    def _start(self, name: str, number: int | None = None) -> None:
        service = self.services[name]
        container = name if number is None else f"{name}-{number + 1}"
        command = self._command(service)
        if name == "worker":
            # Celery takes a worker's name from its machine.
            command += ["--celery-hostname", f"celery@{container}"]
        self.running[container] = self.supervisor.start(
            f"cluster-{container}",
            command,
            environment=self.environment(service, container),
            folder=self._home(container),
        )

    def _command(self, service: Service) -> list[str]:
        words = [self._located(word) for word in service.command]
        return words if words[0] in _PROGRAMS else ["airflow", *words]

    def _located(self, text: str) -> str:
        """*text* with the places of this machine in the place of the file's."""
        for place, here in {**self.addresses, **self._mounted}.items():
            text = text.replace(place, here)
        return text

    @cached_property
    def _mounted(self) -> dict[str, str]:
        """Where this machine has what the containers have mounted."""
        said = [each for service in self.services.values() for each in service.said["volumes"]]
        pairs = (re.split(":", mount)[:2] for mount in said)
        return {
            inside: str(composition.ROOT / source if source[0] == "." else self._volume(source))
            for source, inside in pairs
            if inside.startswith("/opt/")
        }

    def _volume(self, name: str) -> Path:
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _home(self, container: str) -> Path:
        folder = self.folder / "homes" / container
        folder.mkdir(parents=True, exist_ok=True)
        return folder
