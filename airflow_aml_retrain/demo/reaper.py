"""
Ends whatever its parent started and could not end itself.

Law: no process outlives the one that asked for it, not even when that one is killed. The parent
writes "+SESSION" or "-SESSION" for each session it starts or ends; when the pipe closes, the
sessions still standing are ended. (Sessions and not process groups: Airflow puts every task
into a process group of its own, and leaves it in the scheduler's session.)
"""

import os
import signal
import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import TextIO

import psutil

PATIENCE = 10.0
"""Seconds between asking a process to end and ending it."""


def members(sessions: Collection[int]) -> list[psutil.Process]:
    """Every process of *sessions* that still runs."""
    found = [process for process in psutil.process_iter() if _session_of(process.pid) in sessions]
    return [process for process in found if _is_alive(process)]


def end(sessions: Collection[int], *, patience: float = PATIENCE) -> None:
    """Ask all processes of *sessions* to stop; kill those that are still there after *patience*."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal(members(sessions), number)
        until = time.monotonic() + patience
        # Looked up anew each time: a process may start another while it is being stopped.
        while (left := members(sessions)) and time.monotonic() < until:
            psutil.wait_procs(left, timeout=0.1)


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is not: in a container, nobody may be there to bury it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def main(orders: TextIO) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    standing: set[int] = set()
    for order in orders:
        session = int(order[1:])
        if order.startswith("+"):
            standing.add(session)
        else:
            standing.discard(session)
    end(standing)


if __name__ == "__main__":
    main(sys.stdin)
