"""
T3: the paired interval of a difference of two AUCs, 1,000,000 rows in memory.

Ours is binned DeLong, and beside it all that the gate makes in one pass (all metrics of both
models). Theirs: fast DeLong (Sun and Xu 2014) with scipy's `rankdata`, and 1,000 replicates of a
bootstrap with the quickest metric that numpy has (two sorts), of which only a few are run and the
rest is extrapolated. Run: `python -m tests.benchmarks.bench_auc`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores import auc
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.ranking import binned
from airflow_aml_retrain.gate.scores.sums import counted_by_bin, place_differences
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.benchmarks.measuring import aim, by_turns, machine, run, say, timed
from tests.gate.judged_rows import binary

ROWS: Final = 1_000_000
ROUNDS: Final = 3
REPLICATES: Final = 1000
RUN: Final = 5
"""Replicates that are really run."""

Numbers = NDArray[np.float64]
Yes = NDArray[np.bool_]


def main() -> None:
    sides = {side: [str(ROWS)] for side in SIDES}
    found = by_turns(__file__, sides, ROUNDS)
    say(f"T3 95 % interval of a paired difference of AUC, {ROWS:,} rows in memory")
    say(f"  {machine()}; {ROUNDS} rounds by turns, fresh processes, the best of 3 in each")
    say(f"  {'':46}{'s min':>10}{'s median':>10}{'low':>11}{'high':>11}")
    for side, title in TITLES.items():
        runs = found[side]
        low, high = runs.least("low"), runs.least("high")
        bounds = f"{low:11.6f}{high:11.6f}" if low < high else f"{'-':>11}{'-':>11}"
        say(f"  {title:46}{runs.least():10.3f}{runs.middle():10.3f}{bounds}")
    ours = found["bins"].middle()
    say(aim("times fast DeLong", found["delong"].middle() / ours, 10, most=False))
    say(aim("times the bootstrap", found["bootstrap"].middle() / ours, 1000, most=False))


def world(rows: int) -> tuple[Yes, Numbers, Numbers]:
    random = np.random.default_rng(7)
    x, common = random.standard_normal((2, rows))
    truth = random.random(rows) < 1 / (1 + np.exp(2.9 - 1.6 * x))
    logits = [
        -2.75 + slope * x + 0.45 * common + noise * random.standard_normal(rows)
        for slope, noise in ((1.35, 0.30), (1.37, 0.27))
    ]
    champion, challenger = (1 / (1 + np.exp(-logit)) for logit in logits)
    return truth, champion, challenger


def rows_of(arguments: Sequence[str]) -> Rows:
    truth, champion, challenger = world(int(arguments[0]))
    return binary(truth, champion=champion, challenger=challenger)


def by_bins(arguments: Sequence[str]) -> Mapping[str, float]:
    rows = rows_of(arguments)
    seconds, bounds = timed(lambda: binned_interval(rows), 3)
    return {"seconds": seconds, **bounds}


def binned_interval(rows: Rows) -> dict[str, float]:
    ours, theirs = (
        binned(rows.scores[model], counted_by_bin(rows, model)) for model in (CHALLENGER, CHAMPION)
    )
    moments = place_differences(rows.truth, ours, theirs)
    difference = ours.area - theirs.area
    leverage = auc.leverage(ours.counts, difference)
    spread = leverage.spread(moments, auc.reach(ours.counts))
    return _said(*spread.bounds(difference, 0.025))


def by_gate(arguments: Sequence[str]) -> Mapping[str, float]:
    rows = rows_of(arguments)

    def work() -> dict[str, float]:
        estimate = BinaryScores(rows, OperatingPoint()).estimate("auc", Against.CHAMPION)
        return _said(*interval(estimate, 0.025))

    seconds, bounds = timed(work, 3)
    return {"seconds": seconds, **bounds}


def by_delong(arguments: Sequence[str]) -> Mapping[str, float]:
    truth, champion, challenger = world(int(arguments[0]))
    seconds, bounds = timed(lambda: fast_delong(truth, champion, challenger), 3)
    return {"seconds": seconds, **bounds}


def fast_delong(truth: Yes, champion: Numbers, challenger: Numbers) -> dict[str, float]:
    """Sun and Xu's: placement values from three rankings of each model."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    areas, of_positives, of_negatives = [], [], []
    for scores in (champion, challenger):
        every = rankdata(np.concatenate([scores[truth], scores[~truth]]))
        own, other = rankdata(scores[truth]), rankdata(scores[~truth])
        areas.append((every[:positives].sum() / positives - (positives + 1) / 2) / negatives)
        of_positives.append((every[:positives] - own) / negatives)
        of_negatives.append(1 - (every[positives:] - other) / positives)
    variance = sum(
        float((one - other).var(ddof=1)) / len(one) for one, other in (of_positives, of_negatives)
    )
    half, difference = 1.959964 * variance**0.5, float(areas[1] - areas[0])
    return _said(difference - half, difference + half)


def by_bootstrap(arguments: Sequence[str]) -> Mapping[str, float]:
    """Each replicate draws rows and sorts the positive and the negative scores apart."""
    truth, champion, challenger = world(int(arguments[0]))
    random = np.random.default_rng(7)

    def replicate() -> float:
        drawn = random.integers(len(truth), size=len(truth))
        yes = truth[drawn]
        return _area(yes, challenger[drawn]) - _area(yes, champion[drawn])

    seconds, _ = timed(lambda: [replicate() for _ in range(RUN)])
    # So few replicates have no bounds.
    return {"seconds": seconds * REPLICATES / RUN, **_said(0.0, 0.0)}


def _area(truth: Yes, scores: Numbers) -> float:
    positive, negative = np.sort(scores[truth]), np.sort(scores[~truth])
    below = np.searchsorted(negative, positive, "left")
    up_to = np.searchsorted(negative, positive, "right")
    return float((below + up_to).sum() / 2 / len(positive) / len(negative))


def _said(low: float, high: float) -> dict[str, float]:
    return {"low": low, "high": high}


SIDES: Final = {
    "bins": by_bins,
    "gate": by_gate,
    "delong": by_delong,
    "bootstrap": by_bootstrap,
}
TITLES: Final = {
    "bins": "binned DeLong",
    "gate": "the gate: all metrics of both models",
    "delong": "fast DeLong with rankdata",
    "bootstrap": f"numpy bootstrap x {REPLICATES:,} (extrapolated from {RUN})",
}


if __name__ == "__main__":
    run(main, SIDES)
