"""
What a DAG file pays for our operators, on top of what Airflow's own SDK costs it.

The dag-processor pre-imports only `airflow.*`, so this is paid at every parse and in every task.
The time is measured in `tests/benchmarks/bench_import.py`; the number of modules is a promise.
"""

import subprocess
import sys
from typing import Final

from airflow_aml_retrain.get_provider_info import get_provider_info

LIMIT: Final = 25
SURFACE: Final = ("operators", "sensors")
HEAVY: Final = frozenset({"aiohttp", "azure", "numpy", "pandas", "pyarrow", "requests", "sklearn"})

_SCRIPT: Final = """
import importlib, sys
import airflow.sdk
before = set(sys.modules)
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted(set(sys.modules) - before), sep="\\n")
"""


def surface() -> list[str]:
    """Every module that a DAG author imports: `get_provider_info` names them."""
    info = get_provider_info()
    return [name for room in SURFACE for said in info[room] for name in said["python-modules"]]


def imported() -> list[str]:
    """What importing all of it adds to an interpreter that has imported `airflow.sdk`."""
    command = [sys.executable, "-c", _SCRIPT, *surface()]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603 - our own script


def test_what_a_dag_file_imports_stays_under_25_modules_and_light() -> None:
    added = imported()

    assert "airflow_aml_retrain.operators.prepare" in added
    assert len(added) < LIMIT, added
    assert not {name.partition(".")[0] for name in added} & HEAVY
