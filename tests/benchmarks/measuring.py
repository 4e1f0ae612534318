"""
How the gate is measured: side by side, by turns, in fresh processes, and said with the machine.

Law: a baseline runs in the same minutes as what is held against it. A side is this same file,
started again with the side's name; it says a line of JSON with its "seconds", and its peak
resident memory is added.
"""

import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json import dumps, loads
from os import cpu_count, getloadavg
from pathlib import Path
from platform import python_version
from statistics import median
from time import perf_counter
from typing import Final, TypeVar

Sides = Mapping[str, Callable[[Sequence[str]], Mapping[str, float]]]

Answer = TypeVar("Answer")

_MODEL: Final = "model name"


@dataclass(frozen=True, slots=True)
class Runs:
    """What several *runs* of one side said, each as a mapping with "seconds" and "peak" (MB)."""

    runs: Sequence[Mapping[str, float]]

    def least(self, what: str = "seconds") -> float:
        return min(run[what] for run in self.runs)

    def middle(self, what: str = "seconds") -> float:
        return median(run[what] for run in self.runs)


def machine() -> str:
    """The machine and how busy it is, in one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(_MODEL)]
    load = ", ".join(f"{each:.1f}" for each in getloadavg())
    return (
        f"machine: {cpu_count()} cores ({named[0] if named else 'of an unknown kind'}), "
        f"load {load}; Python {python_version()}"
    )


def by_turns(file: str, sides: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Runs]:
    """Every side of *file* with its arguments, *rounds* times, one after the other."""
    said: dict[str, list[Mapping[str, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, arguments in sides.items():
            said[side].append(fresh(file, side, *arguments))
    return {side: Runs(runs) for side, runs in said.items()}


def fresh(file: str, side: str, *arguments: str) -> Mapping[str, float]:
    """One run of *side* in a process of its own."""
    command = [sys.executable, "-m", f"tests.benchmarks.{Path(file).stem}", side, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
    answer: Mapping[str, float] = loads(done.stdout.splitlines()[-1])
    return answer


def timed(work: Callable[[], Answer], rounds: int = 1) -> tuple[float, Answer]:
    """The least seconds that *work* takes, and what came of it."""
    seconds: list[float] = []
    for _ in range(rounds):
        start = perf_counter()
        answer = work()
        seconds.append(perf_counter() - start)
    return min(seconds), answer


def run(main: Callable[[], None], sides: Sides) -> None:
    """The end of a benchmark's file: one side of it, or all of it."""
    if len(sys.argv) < 2:
        main()
        return
    side, *arguments = sys.argv[1:]
    say(dumps({**sides[side](arguments), "peak": peak()}))


def peak() -> float:
    """Peak resident size so far, in MB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def aim(what: str, value: float, limit: float, *, most: bool = True) -> str:
    """A line that says a target and whether it was met."""
    met = value <= limit if most else value >= limit
    word = "at most" if most else "at least"
    return f"  {'met   ' if met else 'MISSED'} {what}: {value:.3g}, {word} {limit:g} was the aim"


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
