"""
T1 and T2: from two scored files of 10,000,000 rows to a decision, beside pandas + scikit-learn.

Ours is `evaluate` with a check of every metric, so all metrics of both models, all paired
intervals, flips and calibration; theirs reads the same two files and computes the metrics of both
models, without intervals. Time is from opening the files to the answer, imports not included;
memory is the peak of the whole process. Run: `python -m tests.benchmarks.bench_gate`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from tests.benchmarks.measuring import Runs, aim, by_turns, fresh, machine, run, say

ROWS: Final = 10_000_000
ROUNDS: Final = 5
METRICS: Final = (
    "accuracy", "precision", "recall", "f1", "auc", "log_loss", "log_loss_reduction",
)  # fmt: skip
COMPARED: Final = METRICS[:-1]
AIMS: Final = {"parquet": (15, 7, 2.0, 250), "csv": (8, 5, 5.0, 350)}
"""By format: times faster, times less memory, seconds, MB."""


def main() -> None:
    with TemporaryDirectory() as folder:
        # Not written here: Linux hands the peak of a process down to those that it starts.
        fresh(__file__, "write", folder, str(ROWS))
        for number, kind in enumerate(AIMS, start=1):
            files = [str(Path(folder) / f"{model}.{kind}") for model in ("champion", "challenger")]
            size = Path(files[0]).stat().st_size / 1e6
            found = by_turns(__file__, {"gate": files, "naive": files}, ROUNDS)
            say(f"T{number} evaluate, {ROWS:,} rows, two {kind} files of {size:.0f} MB each")
            report(kind, found)


def report(kind: str, found: Mapping[str, Runs]) -> None:
    say(f"  {machine()}; {ROUNDS} rounds by turns, fresh processes")
    say(f"  {'':34}{'s min':>9}{'s median':>10}{'MB peak':>9}")
    for side, title in (("gate", "gate, with intervals"), ("naive", "pandas + scikit-learn")):
        runs = found[side]
        say(f"  {title:34}{runs.least():9.2f}{runs.middle():10.2f}{runs.middle('peak'):9.0f}")
    gate, naive = found["gate"], found["naive"]
    apart = max(abs(gate.runs[0][name] - naive.runs[0][name]) for name in COMPARED)
    say(f"  the same numbers to within {apart:.1e}")
    faster, lighter, seconds, megabytes = AIMS[kind]
    say(aim("times faster (medians)", naive.middle() / gate.middle(), faster, most=False))
    say(aim("times less memory", naive.middle("peak") / gate.middle("peak"), lighter, most=False))
    say(aim("seconds (least)", gate.least(), seconds))
    say(aim("MB at the peak", gate.middle("peak"), megabytes))


def write(arguments: Sequence[str]) -> Mapping[str, float]:
    """The world of the gate's reference, section 12, once as Parquet and once as CSV."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    folder, rows = Path(arguments[0]), int(arguments[1])
    random = np.random.default_rng(7)
    x = random.standard_normal(rows)
    segment = random.choice(8, size=rows, p=[0.35, 0.25, 0.15, 0.1, 0.07, 0.05, 0.02, 0.01])
    truth = random.random(rows) < 1 / (1 + np.exp(2.9 - 1.6 * x))
    common = random.standard_normal(rows)
    for model, slope, noise in (("champion", 1.35, 0.30), ("challenger", 1.37, 0.27)):
        logit = -2.75 + slope * x + 0.45 * common + noise * random.standard_normal(rows)
        table = pa.table(
            {
                "id": np.arange(rows),
                "y": truth.astype(np.int8),
                "score": 1 / (1 + np.exp(-logit)),
                "segment": segment.astype(np.int8),
            }
        )
        pq.write_table(
            table, folder / f"{model}.parquet", compression="zstd", row_group_size=131072
        )
        pa_csv.write_csv(table, folder / f"{model}.csv")
    return {"seconds": 0.0}


def gate(files: Sequence[str]) -> Mapping[str, float]:
    from airflow_aml_retrain.gate.decision import evaluate
    from airflow_aml_retrain.gate.policy import Policy

    policy = Policy.parse(
        {
            "data": {"label": "y", "score": "score", "task": "binary"},
            "checks": [{"metric": metric, "vs": "champion"} for metric in METRICS],
        }
    )
    start = perf_counter()
    with Path(files[0]).open("rb") as champion, Path(files[1]).open("rb") as challenger:
        decision = evaluate({"champion": champion, "challenger": challenger}, policy)
    seconds = perf_counter() - start
    if decision.judgement is None:
        raise SystemExit(decision.headline)
    checks = decision.judgement.checks
    values = {each.metric: each.challenger for each in checks if each.challenger is not None}
    return {"seconds": seconds, **values}


def naive(files: Sequence[str]) -> Mapping[str, float]:
    import pandas as pd
    from sklearn import metrics

    def one(file: str) -> dict[str, float]:
        table = pd.read_parquet(file) if file.endswith("parquet") else pd.read_csv(file)
        truth, scores = table["y"].to_numpy(), table["score"].to_numpy()
        positive = scores >= 0.5
        return {
            "accuracy": metrics.accuracy_score(truth, positive),
            "precision": metrics.precision_score(truth, positive),
            "recall": metrics.recall_score(truth, positive),
            "f1": metrics.f1_score(truth, positive),
            "auc": metrics.roc_auc_score(truth, scores),
            "log_loss": metrics.log_loss(truth, scores),
        }

    start = perf_counter()
    _, challenger = (one(file) for file in files)
    return {"seconds": perf_counter() - start, **challenger}


if __name__ == "__main__":
    run(main, {"write": write, "gate": gate, "naive": naive})
