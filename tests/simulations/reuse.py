"""
False promotions over 50 uses of one hold-out.

Reference 5.3: every challenger is exactly as good as the champion (accuracy 0.9, 7.6 % of rows
answered differently), so whatever is promoted is promoted wrongly, and takes the champion's place.
"""

from collections.abc import Iterator, Mapping
from functools import cache, partial
from math import inf, sqrt
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.holdout.ledger import Ledger
from airflow_aml_retrain.gate.rows import Holdout
from airflow_aml_retrain.gate.rules.sections import Spending
from airflow_aml_retrain.gate.verdict import Verdict
from tests.simulations.counted import policy, verdict
from tests.simulations.tables import Table, mean, share
from tests.simulations.worlds import SEED, over_worlds

USES: Final = 50
ALPHA: Final = 0.05
SIZES: Final = {2000: 1.0, 10_000: 0.3}
"""Rows, and what part of the worlds they are tried in."""

ACCURACY: Final = 0.9
HOLDOUT: Final = Holdout(2000, "0" * 64)
# Of a row's difficulty p: its mean is the accuracy, and 2 E[p (1 - p)] the disagreement, 7.6 %.
DIFFICULTY: Final = (0.6577, 0.0731)
CHECK: Final = {"metric": "accuracy", "vs": "champion", "mode": "prove"}
RULES: Final = policy(CHECK, decision={"anchor": "off"})
BARE: Final = policy({**CHECK, "mode": "point"}, decision={"anchor": "off"})

Right = NDArray[np.bool_]


def table(worlds: int, sizes: Mapping[int, float] = SIZES) -> Table:
    names = ("higher point estimate", "plain 95 % bound", *Spending)
    found = {
        name: [promoted(name, rows, round(worlds * part)) for rows, part in sizes.items()]
        for name in names
    }
    return Table(
        title=f"(b) False promotions over {USES} uses of one hold-out, and its flattery",
        how=f"{worlds:,} worlds (0.3 of that for 10,000 rows), seed {SEED}; flattery: pp by which "
        "the last champion looks better than the first, and is not",
        promise=f"every scheme promotes wrongly, ever, in at most alpha = {ALPHA} of worlds (and 3 "
        "Monte-Carlo errors)",
        columns=[
            name for rows in sizes for name in (f"any, n = {rows:,}", "promotions", "flattery")
        ],
        rows=[
            (
                name,
                [
                    cell
                    for times, flattery in found[name]
                    for cell in (
                        share(times > 0, 0.0, _most(name, len(times))),
                        mean(times),
                        mean(flattery, form="+.2f"),
                    )
                ],
            )
            for name in names
        ],
    )


def _most(name: str, worlds: int) -> float:
    """Of worlds with any promotion; who spends all of alpha on one use needs room on both sides."""
    return ALPHA + 3 * sqrt(ALPHA * (1 - ALPHA) / worlds) if name in set(Spending) else inf


def promoted(rule: str, rows: int, worlds: int) -> NDArray[np.float64]:
    """How often it promoted, and the last champion's flattery in percentage points: (2, worlds)."""
    return np.array(over_worlds(partial(history, rule=rule, rows=rows), worlds)).T


def history(random: Generator, rule: str, rows: int) -> tuple[float, float]:
    """One hold-out, 50 challengers."""
    chance = random.beta(*DIFFICULTY, size=rows)
    first = champion = random.random(rows) < chance
    times = 0
    for alpha in alphas(rule):
        challenger = random.random(rows) < chance
        if _wins(champion, challenger, alpha):
            champion, times = challenger, times + 1
    return float(times), 100 * float(champion.mean() - first.mean())


@cache
def alphas(rule: str) -> tuple[float | None, ...]:
    """What each use may spend, by the ledger; None: nothing is asked but the higher number."""
    if rule not in set(Spending):
        return (None if rule.startswith("higher") else ALPHA,) * USES
    return tuple(_granted(Spending(rule)))


def _granted(spending: Spending) -> Iterator[float]:
    rules = policy(CHECK, holdout={"reuse": {"max_uses": USES, "spending": spending.value}})
    ledger = Ledger()
    for number in range(USES):
        try:
            use, ledger = ledger.use(HOLDOUT, rules.holdout, ALPHA, str(number))
        except GateError:
            return
        yield use.alpha


def _wins(champion: Right, challenger: Right, alpha: float | None) -> bool:
    cells = np.bincount(4 + 2 * champion + challenger, minlength=8)
    if cells[5] <= cells[6]:
        return False  # no bound lies above its own estimate; half of the time is saved
    rules = BARE if alpha is None else RULES
    return verdict(rules, {Against.CHAMPION: cells}, alpha or ALPHA) is Verdict.PROMOTE
