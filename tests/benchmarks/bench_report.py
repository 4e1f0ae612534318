"""
T6, T7 and T8: what the gate costs before it has read a row, and what its report costs after.

T6 is a fresh interpreter that imports the gate and reads a policy, beside one that goes on to a
decision about 2,000 rows of Parquet, for which pyarrow is loaded, and one that imports pandas and
scikit-learn's metrics. All have their bytecode, as what is installed has; time is CPU time since
the interpreter ran its first line, memory the peak of the whole process. T7 draws the page of real
decisions. T8, coverage, takes worlds and not seconds: `make simulate`. Run:
`python -m tests.benchmarks.bench_report`.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.benchmarks.measuring import Runs, aim, by_turns, fresh, machine, run, say, timed

ROUNDS: Final = 5
SIZES: Final = (2_000, 200_000, 2_000_000)
POLICY: Final = {
    "gate": "bench",
    "data": {"label": "y", "score": "score"},
    "checks": [
        {"metric": metric, "vs": "champion", "margin": 0.01}
        for metric in ("log_loss", "auc", "accuracy", "precision", "recall", "f1")
    ],
    "calibration": {"slope": [0.5, 2.0]},
    "flips": {"max_churn": 0.5},
    "slices": {"columns": ["segment"], "metrics": ["log_loss", "recall"], "max_slices": 300},
}

_SCRIPT: Final = """
import json, resource, time
began, wall = time.process_time(), time.perf_counter()
{work}
seconds, wall = time.process_time() - began, time.perf_counter() - wall
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
print(json.dumps(dict(seconds=seconds, wall=wall, peak=peak)))
"""
_READ: Final = f"""
from airflow_aml_retrain.gate.decision import evaluate
from airflow_aml_retrain.gate.policy import Policy
policy = Policy.parse({POLICY!r})
"""
_DECIDED: Final = """
import sys
from io import BytesIO
from pathlib import Path
models = ("champion", "challenger")
evaluate({model: BytesIO((Path(sys.argv[1]) / model).read_bytes()) for model in models}, policy)
"""
_IMPORTS: Final = {
    "gate": _READ,
    "decision": _READ + _DECIDED,
    "naive": "import pandas\nimport sklearn.metrics",
}
_TITLES: Final = {
    "gate": "gate, and a policy read",
    "decision": "the same, and a first decision",
    "naive": "pandas, sklearn.metrics",
}


def main() -> None:
    imports()
    pages()
    say("T8 coverage of nominal 95 % intervals, 0.935 to 0.965: `make simulate`, table (a)")


def imports() -> None:
    with TemporaryDirectory() as folder:
        fresh(__file__, "write", folder)
        # The first round of each writes the bytecode.
        found = {
            side: Runs([_imported(work, folder) for _ in range(ROUNDS + 1)][1:])
            for side, work in _IMPORTS.items()
        }
    say("T6 import of the gate and one policy read")
    say(f"  {machine()}; {ROUNDS} fresh interpreters")
    say(f"  {'':34}{'CPU s min':>10}{'s median':>10}{'MB peak':>9}")
    for side, title in _TITLES.items():
        runs = found[side]
        say(f"  {title:34}{runs.least():10.3f}{runs.middle():10.3f}{runs.middle('peak'):9.0f}")
    gate = found["gate"]
    say(aim("CPU seconds (least)", gate.least(), 0.35))
    say(aim("seconds by the clock (least)", gate.least("wall"), 0.35))
    say(aim("MB at the peak", gate.middle("peak"), 70))
    say()


def _imported(work: str, folder: str) -> Mapping[str, float]:
    command = [sys.executable, "-c", _SCRIPT.format(work=work), folder]
    # Else an environment that forbids bytecode has ours compiled anew, and theirs not.
    told = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=told)  # noqa: S603 - ours
    answer: Mapping[str, float] = loads(done.stdout)
    return answer


def write(arguments: Sequence[str]) -> Mapping[str, float]:
    for model, content in scored(min(SIZES)).items():
        (Path(arguments[0]) / model).write_bytes(content)
    return {"seconds": 0.0}


def pages() -> None:
    say("T7 the report of a decision with 6 checks, calibration, flips and 300 slices")
    say(f"  {machine()}; {ROUNDS} fresh processes, the first page of each")
    say(f"  {'rows':>12}{'s min':>9}{'s median':>10}{'kB':>7}")
    slowest = largest = 0.0
    for size in SIZES:
        runs = by_turns(__file__, {"page": [str(size)]}, ROUNDS)["page"]
        say(f"  {size:12,}{runs.least():9.3f}{runs.middle():10.3f}{runs.middle('kilobytes'):7.0f}")
        slowest = max(slowest, runs.least())
        largest = max(largest, runs.middle("kilobytes"))
    say(aim("seconds (least), at any size", slowest, 0.1))
    say(aim("kB, at any size", largest, 150))
    say()


def page(arguments: Sequence[str]) -> Mapping[str, float]:
    from airflow_aml_retrain.gate.decision import evaluate
    from airflow_aml_retrain.gate.policy import Policy
    from airflow_aml_retrain.gate.records.body import body
    from airflow_aml_retrain.gate.report.page import render

    files = {model: BytesIO(content) for model, content in scored(int(arguments[0])).items()}
    decision = evaluate(files, Policy.parse(POLICY))
    if decision.judgement is None:
        raise SystemExit(decision.headline)
    record = body(decision, {})
    seconds, html = timed(lambda: render(record))
    return {"seconds": seconds, "kilobytes": len(html.encode()) / 1000}


def scored(rows: int) -> Mapping[str, bytes]:
    """Parquet files of champion and challenger, in 300 slices."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tests.benchmarks.bench_auc import world

    truth, *models = world(rows)
    segment = np.arange(rows) % 300
    content = {}
    for model, scores in zip(("champion", "challenger"), models, strict=True):
        table = pa.table({"y": truth.astype(np.int8), "score": scores, "segment": segment})
        out = BytesIO()
        pq.write_table(table, out, compression="zstd", row_group_size=131072)
        content[model] = out.getvalue()
    return content


if __name__ == "__main__":
    run(main, {"write": write, "page": page})
