"""
What importing our operators, sensors and triggers costs, beside Data Factory's operators.

How it is measured: for each, a fresh interpreter imports `airflow.sdk` first; what the next
import adds in CPU seconds, modules and peak memory is taken, and the best of the runs is shown.
Example DAGs are executed as the dag-processor does, in an interpreter that has `airflow.sdk`.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_aml_retrain.get_provider_info import get_provider_info

RUNS: Final = 5
DAGS: Final = Path(__file__).parents[2] / "dags"
NEIGHBOUR: Final = "airflow.providers.microsoft.azure.operators.data_factory"
IN_DAG_FILES: Final = ("operators", "sensors")
ALL: Final = (*IN_DAG_FILES, "triggers")

_SCRIPT: Final = """
import importlib, json, resource, runpy, sys, time
import airflow.sdk
modules, memory = len(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
for name in sys.argv[1:]:
    runpy.run_path(name) if name.endswith(".py") else importlib.import_module(name)
seconds = time.process_time() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
print(json.dumps([seconds, len(sys.modules) - modules, memory / 1024]))
"""


@dataclass(frozen=True, slots=True)
class Weight:
    """CPU *seconds*, *modules* and *mebibytes* on top of `airflow.sdk`."""

    seconds: float
    modules: int
    mebibytes: float

    def __str__(self) -> str:
        return f"{self.seconds:8.4f} CPU s {self.modules:6d} modules {self.mebibytes:7.1f} MiB"


def surface(rooms: Sequence[str]) -> list[str]:
    """Every module of *rooms* that is for users: `get_provider_info` names them."""
    info = get_provider_info()
    return [name for room in rooms for said in info[room] for name in said["python-modules"]]


def weigh(names: Sequence[str]) -> Weight:
    """The best of some runs: everything else on the machine only ever adds."""
    return min((_once(names) for _ in range(RUNS)), key=lambda weight: weight.seconds)


def _once(names: Sequence[str]) -> Weight:
    command = [sys.executable, "-c", _SCRIPT, *names]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return Weight(*json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    ours, theirs = weigh(surface(ALL)), weigh([NEIGHBOUR])
    _say(f"import on top of airflow.sdk, best of {RUNS} fresh interpreters")
    _say(f"  {weigh(surface(IN_DAG_FILES))}  operators and sensors: what a DAG file imports")
    _say(f"  {ours}  operators, sensors and triggers")
    _say(f"  {theirs}  {NEIGHBOUR}")
    _say(f"  ratio, triggers too: {ours.seconds / theirs.seconds:.3f} of the CPU time (aim: < 0.1)")
    _say("parse of the example DAGs, on top of airflow.sdk")
    for dag in sorted(DAGS.glob("*.py")):
        _say(f"  {weigh([str(dag)])}  {dag.name}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
