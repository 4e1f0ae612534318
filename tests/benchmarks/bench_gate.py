"""
What it costs to judge 1,000,000 scored rows, beside pandas and scikit-learn without intervals.

Each side runs in a fresh process, by turns, three times over the same two CSV files (as Azure's
batch service writes them: input columns, label, scored label, probability). Time is from the
open files to the decision, imports not included; memory is the peak resident size of the process
(getrusage) less what it was after the imports. Run: `python tests/benchmarks/bench_gate.py`.
"""

import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from json import dumps, loads
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

ROWS = 1_000_000
ROUNDS = 3
LABEL = "income"
COLUMNS = f"age,workclass,education,{LABEL},Scored Labels,Scored Probabilities"


def main() -> None:
    with TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("champion.csv", "challenger.csv")]
        # Not written here: Linux hands the peak of a process down to those that it starts.
        subprocess.run([sys.executable, __file__, "write", *files], check=True)  # noqa: S603 - ourselves
        size = Path(files[0]).stat().st_size / 1e6
        sides: dict[str, list[Mapping[str, float]]] = {"gate": [], "naive": []}
        for _ in range(ROUNDS):
            for side, runs in sides.items():
                runs.append(measured(side, files))
    say(
        f"evaluate, {ROWS:,} rows, two CSV files of {size:.0f} MB, {ROUNDS} rounds, fresh processes"
    )
    say(f"{'':34}{'s min':>9}{'s median':>10}{'MB above imports':>18}{'MB peak':>9}")
    gate = row("gate", sides["gate"])
    naive = row("pandas + scikit-learn", sides["naive"])
    say(f"ratio: {naive[0] / gate[0]:.1f} times faster, {naive[1] / gate[1]:.1f} times less memory")
    say(f"the same numbers to within {disagreement(sides):.1e}")


def row(title: str, runs: list[Mapping[str, float]]) -> tuple[float, float]:
    seconds = [run["seconds"] for run in runs]
    memory = median(run["memory"] for run in runs)
    peak = median(run["peak"] for run in runs)
    say(f"{title:34}{min(seconds):9.2f}{median(seconds):10.2f}{memory:18.0f}{peak:9.0f}")
    return median(seconds), memory


def disagreement(sides: Mapping[str, list[Mapping[str, float]]]) -> float:
    names = ("accuracy", "precision", "recall", "f1", "auc", "log_loss")
    return max(abs(sides["gate"][0][name] - sides["naive"][0][name]) for name in names)


def measured(side: str, files: list[str]) -> Mapping[str, float]:
    command = [sys.executable, __file__, side, *files]
    said = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
    answer: Mapping[str, float] = loads(said.stdout)
    return answer


def write(files: list[str]) -> None:
    """The world of the gate's reference: a smooth, calibrated, rare positive class."""
    import numpy as np

    random = np.random.default_rng(7)
    x, common = random.standard_normal((2, ROWS))
    truth = random.random(ROWS) < 1 / (1 + np.exp(2.9 - 1.6 * x))
    for file, slope, noise in zip(files, (1.35, 1.37), (0.30, 0.27), strict=True):
        logit = -2.75 + slope * x + 0.45 * common + noise * random.standard_normal(ROWS)
        scores = (1 / (1 + np.exp(-logit))).tolist()
        with Path(file).open("w", encoding="utf-8") as out:
            out.write(COLUMNS + "\n")
            out.writelines(
                f"{at % 70},Private,Some-college,{said(true)},{said(score >= 0.5)},{score!r}\n"
                for at, (true, score) in enumerate(zip(truth.tolist(), scores, strict=True))
            )


def said(positive: bool) -> str:  # noqa: FBT001 - it is what is said
    return ">50K" if positive else "<=50K"


def gate() -> Callable[[list[str]], dict[str, float]]:
    from airflow_aml_retrain.gate.decision import evaluate
    from airflow_aml_retrain.gate.policy import Policy

    policy = Policy.parse({"label": LABEL, "checks": [{"metric": "auc", "vs": "champion"}]})

    def run(files: list[str]) -> dict[str, float]:
        with Path(files[0]).open("rb") as champion, Path(files[1]).open("rb") as challenger:
            decision = evaluate(champion, challenger, policy)
        return {estimate.metric: estimate.challenger for estimate in decision.estimates}

    return run


def naive() -> Callable[[list[str]], dict[str, float]]:
    import pandas as pd
    from sklearn import metrics

    def one(file: str) -> dict[str, float]:
        table = pd.read_csv(file)
        truth = (table[LABEL] == ">50K").to_numpy()
        scores = table["Scored Probabilities"].to_numpy()
        positive = scores >= 0.5
        return {
            "accuracy": metrics.accuracy_score(truth, positive),
            "precision": metrics.precision_score(truth, positive),
            "recall": metrics.recall_score(truth, positive),
            "f1": metrics.f1_score(truth, positive),
            "auc": metrics.roc_auc_score(truth, scores),
            "log_loss": metrics.log_loss(truth, scores),
        }

    return lambda files: [one(file) for file in files][1]


def peak() -> float:
    """Peak resident size so far, in MB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(side: str, files: list[str]) -> None:
    run = {"gate": gate, "naive": naive}[side]()
    before, start = peak(), perf_counter()
    numbers = run(files)
    seconds = perf_counter() - start
    say(dumps({**numbers, "seconds": seconds, "memory": peak() - before, "peak": peak()}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2:])
    elif sys.argv[1:]:
        measure(sys.argv[1], sys.argv[2:])
    else:
        main()
