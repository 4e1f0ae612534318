"""
What 60 retrainings make of the true accuracy, each decided on a fresh hold-out.

Reference 5.4: "no worse by at most a margin" lets a small loss in each time, and more rows make
it worse, since each small loss is then proven to be allowed. The anchor, the model that served
first, is scored beside the two, and may be fallen behind by the margin once.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.verdict import Verdict
from tests.simulations.counted import Counts, drawn, flipped, policy, verdict
from tests.simulations.tables import Cell, Table, mean
from tests.simulations.worlds import SEED, over_worlds

TIMES: Final = 60
MARGIN: Final = 0.005
DISAGREEMENT: Final = 0.05
ALPHA: Final = 0.05


def _rule(mode: str, margin: float, anchor: str) -> Policy:
    check = {"metric": "accuracy", "vs": "champion", "mode": mode, "margin": margin}
    return policy(check, decision={"anchor": anchor, "alpha": ALPHA})


RULES: Final = {
    "higher than the champion": _rule("point", 0.0, "off"),
    "higher, less 0.5 pp": _rule("point", MARGIN, "off"),
    "proven, margin 0.5 pp": _rule("prove", MARGIN, "off"),
    "the same, and the anchor": _rule("prove", MARGIN, "auto"),
    "proven, no margin": _rule("prove", 0.0, "auto"),
}
ANCHORED: Final = ("the same, and the anchor", "proven, no margin")


@dataclass(frozen=True, slots=True)
class Trend:
    """A challenger is so much better than its champion, on average; and the *rows* that judge."""

    better: float
    rows: int
    spread: float = 0.001

    def __str__(self) -> str:
        return f"{100 * self.better:+.1f} pp, n = {self.rows:,}"


TRENDS: Final = (Trend(-0.001, 5000), Trend(-0.001, 50_000), Trend(0.0, 50_000))


def table(worlds: int) -> Table:
    found = {(name, trend): changes(name, trend, worlds) for name in RULES for trend in TRENDS}
    return Table(
        title=f"(c) Change of true accuracy after {TIMES} retrainings, in pp",
        how=f"{worlds:,} worlds, seed {SEED}; a challenger is its champion and N(trend, 0.1 pp)",
        promise="with the anchor no more than the margin of 0.5 pp is lost, on average",
        columns=[name for trend in TRENDS for name in (str(trend), "worst 5 %")],
        rows=[
            (name, [cell for trend in TRENDS for cell in _cells(name, found[name, trend])])
            for name in RULES
        ],
    )


def _cells(name: str, lost: NDArray[np.float64]) -> list[Cell]:
    least = -100 * MARGIN if name in ANCHORED else -np.inf
    worst = np.quantile(lost, 0.05)
    return [mean(lost, least, form="+.2f"), Cell(float(worst), form="+.2f")]


def changes(name: str, trend: Trend, worlds: int) -> NDArray[np.float64]:
    """By how many percentage points accuracy has changed in the end, (worlds,)."""
    return np.array(over_worlds(partial(history, name=name, trend=trend), worlds))


def history(random: Generator, name: str, trend: Trend) -> float:
    champion = 0.0
    for _ in range(TIMES):
        challenger = champion + random.normal(trend.better, trend.spread)
        cells = counts(random, trend.rows, champion, challenger, anchored=name in ANCHORED)
        if verdict(RULES[name], cells, ALPHA) is Verdict.PROMOTE:
            champion = challenger
    return 100 * champion


def counts(
    random: Generator, rows: int, champion: float, challenger: float, *, anchored: bool
) -> dict[Against, Counts]:
    """A fresh hold-out, seen by champion, challenger and the anchor, whose accuracy is 0."""
    if not anchored:
        return {Against.CHAMPION: drawn(random, rows, DISAGREEMENT, challenger - champion)}
    if champion == 0.0:
        cells = drawn(random, rows, DISAGREEMENT, challenger)
        return {Against.CHAMPION: cells, Against.ANCHOR: cells}
    # Of any three answers two are the same: each model is alone, rightly or wrongly, in as many.
    lead = np.array([challenger, champion, 0.0])
    lead -= lead.mean()
    rightly = (DISAGREEMENT / 2 + lead) / 2
    alone = [*rightly, *(DISAGREEMENT / 2 - rightly)]
    right, champion_right, anchor_right, wrong, champion_wrong, anchor_wrong, _ = (
        random.multinomial(rows, [*alone, 1 - sum(alone)]).tolist()
    )
    return {
        Against.CHAMPION: flipped(rows, right + champion_wrong, wrong + champion_right),
        Against.ANCHOR: flipped(rows, right + anchor_wrong, wrong + anchor_right),
    }
