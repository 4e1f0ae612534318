"""
A whole Airflow on one machine: its home, its settings, its five processes.

Law: whatever Airflow is told, it is told by `Home.environment`, so that each of its processes,
and a person's own shell, can be told the same.
"""

import json
import secrets
import shutil
import socket
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from airflow_aml_retrain.demo.processes import DemoFailed, Supervisor, inherited_environment

USER: Final = "admin"


def free_port(wish: int = 0) -> int:
    """*wish*, if nobody on this machine listens there, else another free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wish))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def _fernet_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, slots=True)
class Home:
    """
    One Airflow's own folder and settings; its keys are made anew for each.

    People and the REST API's users come to *port*, tasks to *execution_port*; *more* are settings
    on top, by the name of their environment variable.
    """

    folder: Path
    dags: Path
    port: int
    execution_port: int = field(default_factory=free_port)
    more: Mapping[str, str] = field(default_factory=dict, repr=False)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    fernet_key: str = field(default_factory=_fernet_key, repr=False)
    signing_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def execution_url(self) -> str:
        """Where tasks speak to Airflow."""
        return f"http://127.0.0.1:{self.execution_port}/execution"

    @property
    def passwords(self) -> Path:
        """The file in which Airflow's simple auth manager keeps its users' passwords."""
        return self.folder / "passwords.json"

    def environment(self) -> dict[str, str]:
        """What every process of this Airflow is told, and nothing else."""
        return {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__FERNET_KEY": self.fernet_key,
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.passwords),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.execution_url}/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": self.signing_key,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.signing_key,
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "PYTHONUNBUFFERED": "1",
            **self.more,
        }

    @property
    def database(self) -> Path:
        return self.folder / "airflow.db"

    def make(self, *, database: Path | None = None) -> None:
        """Make the folder, the user and the database, or take *database*, which is made already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.passwords.write_text(json.dumps({USER: self.password}))
        self.passwords.chmod(0o600)
        if database is None:
            self._migrate()
        else:
            shutil.copy(database, self.database)

    def _migrate(self) -> None:
        done = subprocess.run(  # noqa: S603 - our own interpreter's Airflow
            _airflow("db", "migrate"),
            env={**inherited_environment(), **self.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            msg = f"airflow db migrate ended with {done.returncode}:\n{done.stdout[-3000:]}"
            raise DemoFailed(msg)

    def start(self, supervisor: Supervisor) -> None:
        """Start the five components; `LiveAirflow.wait_until_up` is for when they are up."""
        for name in self._components():
            self.start_component(name, supervisor)

    def start_component(self, name: str, supervisor: Supervisor) -> None:
        """Start one of the five, by its name."""
        environment = {**inherited_environment(), **self.environment()}
        supervisor.start(name, _airflow(*self._components()[name]), environment=environment)

    def _components(self) -> dict[str, tuple[str, ...]]:
        port = str(self.execution_port)
        return {
            # Two api-servers, not one that is both: Airflow commits its audit log in the event
            # loop (airflow/api_fastapi/logging/decorators.py). Were a task's request answered in
            # the same process, it could hold SQLite's lock and need that loop to commit: each
            # would wait for the other, until SQLite gives up after 5 s and REST answers 500.
            "api-server": ("api-server", "--apps", "core"),
            "execution-api": ("api-server", "--apps", "execution", "--port", port),
            # No log servers: the api-server reads the log files themselves.
            "scheduler": ("scheduler", "--skip-serve-logs"),
            "dag-processor": ("dag-processor",),
            "triggerer": ("triggerer", "--skip-serve-logs"),
        }


def _airflow(*arguments: str) -> list[str]:
    # Not the folder we are started in: there the package would be found, and its plugin, twice.
    return [sys.executable, "-P", "-m", "airflow", *arguments]
