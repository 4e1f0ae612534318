"""
`python -m airflow_aml_retrain.demo`: the whole story, on this machine.

Ends with 0 if both decisions came out as told (`--once`) or a person pressed Ctrl-C, with 1 if
the story went differently, a process died, or another demo runs in the same folder.
"""

import argparse
import fcntl
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from airflow_aml_retrain.demo import story
from airflow_aml_retrain.demo.census import census
from airflow_aml_retrain.demo.processes import DemoFailed, Supervisor
from airflow_aml_retrain.demo.resources import CensusResources
from airflow_aml_retrain.demo.scene import Scene
from airflow_aml_retrain.demo.screen import Screen
from airflow_aml_retrain.demo.workspace import CensusWorkspace

_SCENES: Final[Mapping[str, type[Scene]]] = {"classic": CensusWorkspace, "new": CensusResources}


class Occupied(DemoFailed):
    """The folder is another demo's, or not a demo's at all."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    screen = Screen()
    # A closed terminal and a polite `kill` end it as Ctrl-C does, which a shell may have disabled.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with _fresh(options.state) as state, Supervisor(state / "logs") as supervisor:
            return _tell(screen, supervisor, state, options)
    except DemoFailed as exc:
        screen.fail(str(exc))
        return 1
    except KeyboardInterrupt:
        screen.say("\n Stopped.")
        return 0 if not options.once else 130


def _tell(screen: Screen, supervisor: Supervisor, state: Path, options: argparse.Namespace) -> int:
    today = datetime.now(tz=UTC).date()  # noqa: TID251 - the demo is the outermost room
    stage = story.set_up(
        screen,
        supervisor,
        _SCENES[options.service],
        state=state,
        dags=options.dags,
        census=census(today),
    )
    story.land(screen, stage)
    outcomes = story.live_through(screen, stage)
    departures = story.end(screen, outcomes, state / "reports")
    for departure in departures:
        screen.say(f" [bold red]Not as it should be:[/] {departure}")
    if not options.once:
        story.invite(screen, stage, state)
        supervisor.wait_for_bad_news()
    return 1 if departures else 0


@contextmanager
def _fresh(state: Path) -> Iterator[Path]:
    """The folder *state*, empty but for a lock that says it is in use."""
    state.mkdir(parents=True, exist_ok=True)
    lock = state / "lock"
    if any(state.iterdir()) and not lock.exists():
        msg = f"{state} holds something that is not a demo's: give another --state"
        raise Occupied(msg)
    with lock.open("a") as door:
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            msg = f"another demo runs in {state}: stop it first, or give another --state"
            raise Occupied(msg) from exc
        for left in state.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            elif left != lock:
                left.unlink()
        yield state.resolve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_aml_retrain.demo",
        description="Airflow retrains the census model, month by month, and lets the better in.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--service", choices=_SCENES, default="classic", help="the kind of web service"
    )
    dags = Path(__file__).parents[2] / "dags"
    parser.add_argument("--once", action="store_true", help="stop when the story is told")
    parser.add_argument("--state", type=Path, default=Path(".demo"), help="what is kept, and logs")
    parser.add_argument("--dags", type=Path, default=dags, help="the folder of DAGs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
