"""
T4 and T5: the challenger against the champion in every slice, rows in memory.

T4 is 200 slices of 10,000,000 rows. T5 is 8 slices of 1,000,000 rows beside a loop that calls
scikit-learn for each slice and model, without intervals. (Its aim in the reference is against
Fairlearn with 20 replicates. Fairlearn is not among our tools, so the loop stands in for it, and
20 replicates of the loop are extrapolated.) Every metric of binary models is asked for.
Run: `python -m tests.benchmarks.bench_slices`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from airflow_aml_retrain.gate.folded import unfold
from airflow_aml_retrain.gate.rows import Rows, Slicing
from airflow_aml_retrain.gate.rules.sections import OperatingPoint, Slices
from airflow_aml_retrain.gate.scores.slices import slice_estimates
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.benchmarks.bench_auc import rows_of
from tests.benchmarks.measuring import Runs, aim, by_turns, machine, run, say, timed

ROUNDS: Final = 3
METRICS: Final = ("accuracy", "precision", "recall", "f1", "auc", "log_loss")
SHARES: Final = (0.35, 0.25, 0.15, 0.10, 0.07, 0.05, 0.02, 0.01)
REPLICATES: Final = 20


def main() -> None:
    many = by_turns(__file__, {"gate": ["10000000", "200"]}, ROUNDS)["gate"]
    say("T4 all metrics in 200 slices of 10,000,000 rows in memory, with intervals")
    say(f"  {machine()}; {ROUNDS} fresh processes")
    report({"gate": many})
    say(aim("seconds (least)", many.least(), 1.5))
    say()
    few = by_turns(__file__, {side: ["1000000", "8"] for side in SIDES}, ROUNDS)
    say("T5 all metrics in 8 slices of 1,000,000 rows in memory")
    say(f"  {machine()}; {ROUNDS} rounds by turns, fresh processes")
    report(few)
    ratio = few["naive"].middle() / few["gate"].middle()
    say(aim("times the loop, which has no intervals", ratio, 10, most=False))
    say(
        f"  with {REPLICATES} replicates for intervals the loop would take {REPLICATES + 1} times "
        f"as long: {(REPLICATES + 1) * ratio:.0f} times (extrapolated)"
    )


def report(found: Mapping[str, Runs]) -> None:
    titles = {"gate": "gate, with intervals", "naive": "scikit-learn, slice by slice"}
    say(f"  {'':34}{'s min':>9}{'s median':>10}{'MB peak':>9}")
    for side, runs in found.items():
        peak = runs.middle("peak")
        say(f"  {titles[side]:34}{runs.least():9.3f}{runs.middle():10.3f}{peak:9.0f}")


def sliced(arguments: Sequence[str]) -> Rows:
    """The first 8 slices as the reference has them, many of the same size."""
    rows, count = rows_of(arguments[:1]), int(arguments[1])
    shares = SHARES if count == len(SHARES) else np.full(count, 1 / count)
    codes = np.random.default_rng(3).choice(count, len(rows), p=shares).astype(np.int32)
    values = tuple(f"{number:03}" for number in range(count))
    return replace(rows, slicings={"part": Slicing("part", values, codes)})


def by_gate(arguments: Sequence[str]) -> Mapping[str, float]:
    rows = sliced(arguments)
    rules = Slices(columns=("part",), metrics=METRICS, max_slices=200)

    def work() -> list[tuple[float, float]]:
        found = slice_estimates(rows, rules, OperatingPoint())
        return [interval(each.estimate, 0.025) for each in found]

    seconds, _ = timed(work)
    return {"seconds": seconds}


def by_loop(arguments: Sequence[str]) -> Mapping[str, float]:
    from sklearn import metrics

    rows = sliced(arguments)
    models = {model: unfold(scores) for model, scores in rows.scores.items()}
    codes = rows.slicings["part"].codes

    def one(truth: np.ndarray, scores: np.ndarray) -> tuple[float, ...]:
        said = scores >= 0.5
        return (
            metrics.accuracy_score(truth, said),
            metrics.precision_score(truth, said),
            metrics.recall_score(truth, said),
            metrics.f1_score(truth, said),
            metrics.roc_auc_score(truth, scores),
            metrics.log_loss(truth, scores),
        )

    def work() -> list[tuple[float, ...]]:
        masks = [codes == number for number in range(int(arguments[1]))]
        return [one(rows.truth[mask], scores[mask]) for mask in masks for scores in models.values()]

    seconds, _ = timed(work)
    return {"seconds": seconds}


SIDES: Final = {"gate": by_gate, "naive": by_loop}

if __name__ == "__main__":
    run(main, SIDES)
