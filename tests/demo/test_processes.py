"""No process outlives the one that asked for it, and none dies unnoticed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from airflow_aml_retrain.demo import reaper
from airflow_aml_retrain.demo.processes import (
    NotReady,
    ProcessDied,
    Running,
    Supervisor,
    inherited_environment,
)

SLEEPER = [sys.executable, "-c", "import signal; print('asleep', flush=True); signal.pause()"]

# As an Airflow task does: a child in a process group of its own, and deaf to SIGTERM.
PARENT = [
    sys.executable,
    "-c",
    """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
print("forked", flush=True)
signal.pause()
""",
]

# What holds much takes its time to go.
FAMILY = [
    sys.executable,
    "-c",
    """
import os, signal
for _ in range(40):
    if os.fork() == 0:
        held = bytearray(16 * 1024 * 1024)
        held[::4096] = b"x" * len(held[::4096])
        signal.pause()
signal.pause()
""",
]

# A shell that starts the tests in the background lets them, and all below, ignore SIGINT.
UNDERTAKING = """
import signal
import sys
from pathlib import Path
from airflow_aml_retrain.demo.processes import Supervisor

signal.signal(signal.SIGINT, signal.default_int_handler)
with Supervisor(Path(sys.argv[1])) as supervisor:
    sleeper = supervisor.start("sleeper", sys.argv[2:])
    print(sleeper.pid, flush=True)
    supervisor.wait_for_bad_news()
"""


def saying(running: Running, word: str) -> Callable[[], bool | None]:
    return lambda: (word in running.written()) or None


def undertaking(logs: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that supervises a sleeper, and the sleeper's id."""
    command = [sys.executable, "-c", UNDERTAKING, str(logs), *SLEEPER]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert process.stdout is not None
    with process.stdout:
        return process, int(process.stdout.readline())


def test_a_process_that_dies_ends_every_wait_and_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        sleeper = supervisor.start("sleeper", SLEEPER)
        supervisor.wait_for("the sleeper", saying(sleeper, "asleep"), timeout=20)

        os.kill(sleeper.pid, signal.SIGKILL)

        with pytest.raises(ProcessDied, match=r"(?s)sleeper ended unasked .*-9.*asleep"):
            supervisor.wait_for_bad_news()


def test_what_is_lost_on_purpose_is_gone_with_all_below_it_and_is_no_bad_news(
    tmp_path: Path,
) -> None:
    with Supervisor(tmp_path) as supervisor:
        parent = supervisor.start("parent", PARENT)
        sleeper = supervisor.start("sleeper", SLEEPER)
        supervisor.wait_for(
            "the fork", lambda: len(reaper.members({parent.pid})) == 2 or None, timeout=20
        )

        supervisor.lose(parent)

        assert supervisor.running == (sleeper,)
        assert not reaper.members({parent.pid})
        with pytest.raises(NotReady):
            supervisor.wait_for("bad news", lambda: None, timeout=0.5)


def test_what_is_lost_on_purpose_is_waited_for_however_long_it_takes_to_go(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        family = supervisor.start("family", FAMILY)
        supervisor.wait_for(
            "the family", lambda: len(reaper.members({family.pid})) == 41 or None, timeout=20
        )

        supervisor.lose(family)

        assert not reaper.members({family.pid})


def test_what_does_not_come_about_is_named(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor, pytest.raises(NotReady, match="vain for a miracle"):
        supervisor.wait_for("a miracle", lambda: None, timeout=0.2)


def test_stopping_reaches_children_in_groups_of_their_own(tmp_path: Path) -> None:
    with Supervisor(tmp_path, patience=0.2) as supervisor:
        parent = supervisor.start("parent", PARENT)
        supervisor.wait_for(
            "the fork", lambda: len(reaper.members({parent.pid})) == 2 or None, timeout=20
        )
        supervisor.wait_for("the parent", saying(parent, "forked"), timeout=20)

    assert not reaper.members({parent.pid})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_its_supervisor_however_that_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    process, sleeper = undertaking(tmp_path)

    process.send_signal(number)
    process.wait(timeout=30)

    assert not psutil.wait_procs(_existing(sleeper), timeout=30)[1]


@pytest.mark.parametrize(
    "name", ["AZURE_CLIENT_SECRET", "IDENTITY_HEADER", "MSI_SECRET", "AIRFLOW_HOME"]
)
def test_no_process_is_told_who_we_are_elsewhere(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "elsewhere")

    assert "elsewhere" not in inherited_environment().values()
    assert "PATH" in inherited_environment()


def _existing(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid)] if psutil.pid_exists(pid) else []
