"""
Processes that are started together, watched together and stopped together.

Law: each is a session of its own with a log file of its own; the first one that dies unasked ends
every wait at once with `ProcessDied`, which shows the end of its log; none outlives us, whatever
kills us (`reaper`).
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import psutil

from airflow_aml_retrain.demo import reaper

T = TypeVar("T")

_TAIL: Final = 25
_NOT_INHERITED: Final = ("AIRFLOW_", "AZURE_", "IDENTITY_", "MSI_")


def inherited_environment() -> dict[str, str]:
    """Our own environment, less another Airflow's settings and who we are to a real Azure."""
    ours = os.environ  # noqa: TID251 - the demo is the outermost room
    return {name: value for name, value in ours.items() if not name.startswith(_NOT_INHERITED)}


class DemoFailed(RuntimeError):
    """What cannot go on; the message is for a person."""


class ProcessDied(DemoFailed):
    """A process ended that should be running; the message holds the end of its log."""


class NotReady(DemoFailed):
    """Something did not come about in the time that it usually needs many times over."""


@dataclass(frozen=True, slots=True)
class Running:
    """One started process: its *name*, its *log* and what the system knows of it."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    def tail(self, lines: int = _TAIL) -> str:
        """The last *lines* of what it wrote."""
        return "\n".join(self.written().splitlines()[-lines:])

    def written(self) -> str:
        return self.log.read_text("utf-8", "replace")


class Supervisor:
    """
    Holds all processes of one undertaking; a context manager, which stops them on its way out.

    *logs* is the folder in which each process gets its log file; *patience* the seconds between
    asking a process to stop and killing it.
    """

    def __init__(self, logs: Path, *, patience: float = reaper.PATIENCE) -> None:
        self._logs = logs
        self._patience = patience
        self._running: list[Running] = []
        self._stopping = False
        self._bad_news = threading.Event()
        self._died: list[tuple[Running, int]] = []
        self._reaper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._reaper = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
            [sys.executable, "-m", reaper.__name__],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> tuple[Running, ...]:
        """What was started and neither stopped nor lost."""
        return tuple(self._running)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Running:
        """Start *command*; *environment* None is our own."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 - commands are ours, not a user's
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
        self._order(f"+{process.pid}")
        running = Running(name, log, process)
        self._running.append(running)
        threading.Thread(target=self._watch, args=(running,), daemon=True).start()
        return running

    def lose(self, running: Running) -> None:
        """Kill all of one process's session at one stroke, as a machine is lost: no bad news."""
        self._running.remove(running)
        # Looked up anew: one that was starting another has one more, and each takes time to go.
        while left := reaper.members({running.pid}):
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            running.process.wait()
            psutil.wait_procs([each for each in left if each.pid != running.pid], timeout=0.1)
        running.process.wait()
        self._order(f"-{running.pid}")

    def wait_for(
        self, what: str, look: Callable[[], T | None], *, timeout: float, every: float = 0.1
    ) -> T:
        """
        Call *look* every *every* seconds until it returns something, and return that.

        Raises `ProcessDied` as soon as one of our processes has, `NotReady` after *timeout*
        seconds; *what* says what was waited for.
        """
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            self.check()
            found = look()
            if found is not None:
                return found
            self._bad_news.wait(every)
        msg = f"waited {timeout:.0f} s in vain for {what}"
        raise NotReady(msg)

    def wait_for_bad_news(self) -> None:
        """Return never, but raise `ProcessDied` when a process dies."""
        # In slices: a wait without end would not let Ctrl-C through on every platform.
        while not self._bad_news.wait(1.0):
            pass
        self.check()

    def check(self) -> None:
        """Raise `ProcessDied` if a process has."""
        for running, status in self._died:
            msg = (
                f"{running.name} ended unasked with status {status}; "
                f"the end of {running.log}:\n{running.tail()}"
            )
            raise ProcessDied(msg)

    def stop(self) -> None:
        """Stop all processes and wait until they are gone."""
        self._stopping = True
        reaper.end({running.pid for running in self._running}, patience=self._patience)
        for running in self._running:
            running.process.wait()
            self._order(f"-{running.pid}")
        self._running.clear()
        if self._reaper is not None and self._reaper.stdin is not None:
            self._reaper.stdin.close()
            self._reaper.wait()
            self._reaper = None

    def _order(self, order: str) -> None:
        if self._reaper is None or self._reaper.stdin is None:
            msg = "a Supervisor starts processes inside its `with` only"
            raise RuntimeError(msg)
        self._reaper.stdin.write(order + "\n")
        self._reaper.stdin.flush()

    def _watch(self, running: Running) -> None:
        status = running.process.wait()
        if running in self._running and not self._stopping:
            self._died.append((running, status))
            self._bad_news.set()
