"""
Whether as many rows as were foretold are as many as it takes.

Reference 5.2. A plan is made before labels, from how often two models differ; what an INCONCLUSIVE
decision says it needs is made from the difference that it saw. With so many rows the promised 80 %
of hold-outs must settle it.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.folded import at_least
from airflow_aml_retrain.gate.judging.checks import Doubt, applied
from airflow_aml_retrain.gate.metrics import metric_named
from airflow_aml_retrain.gate.plan import plan
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION
from airflow_aml_retrain.gate.scores.confusion import counted
from airflow_aml_retrain.gate.scores.measured import measured
from airflow_aml_retrain.gate.statistics.intervals import rows_needed
from airflow_aml_retrain.gate.verdict import Outcome, Verdict
from tests.simulations.counted import drawn, policy, results, verdict
from tests.simulations.coverage import POINT, Numbers, Source
from tests.simulations.populations import classified, predicted, scored
from tests.simulations.tables import Cell, Table, share
from tests.simulations.worlds import SEED, over_worlds

ALPHA: Final = 0.05
POWER: Final = 0.80
MARGINS: Final = (0.02, 0.01, 0.005, 0.002)
DISAGREEMENTS: Final = (0.02, 0.05, 0.10, 0.20)
SEEN: Final[Sequence[tuple[str, Source]]] = (
    ("accuracy", scored),
    ("auc", scored),
    ("log_loss", scored),
    ("mae", predicted),
    ("rmse", predicted),
    ("macro_f1", classified),
)


def planned_table(worlds: int, margins: Sequence[float] = MARGINS) -> Table:
    return Table(
        title="(e) Power of 'accuracy no worse by a margin' with as many rows as `plan` says",
        how=f"{worlds:,} worlds, seed {SEED}; two models exactly as good, alpha {ALPHA}; columns: "
        "share of rows answered differently",
        promise="0.76 to 0.88 of the hold-outs settle it (0.80 were planned for)",
        columns=[name for share in DISAGREEMENTS for name in (f"rows, {share:.0%}", "power")],
        rows=[
            (
                f"margin {100 * margin:g} pp",
                [cell for differ in DISAGREEMENTS for cell in _planned(margin, differ, worlds)],
            )
            for margin in margins
        ],
    )


def _no_worse(margin: float) -> Policy:
    check = {"metric": "accuracy", "vs": "champion", "margin": margin}
    return policy(check, decision={"anchor": "off", "alpha": ALPHA, "power": POWER})


def planned(margin: float, disagreement: float, worlds: int) -> tuple[int, NDArray[np.bool_]]:
    """The rows that `plan` says, and whether a hold-out of so many settles it, (worlds,)."""
    rules = _no_worse(margin)
    rows = plan(rules, disagreement=disagreement).rows
    one = partial(settles, rules=rules, rows=rows, disagreement=disagreement)
    return rows, np.array(over_worlds(one, worlds))


def _planned(margin: float, disagreement: float, worlds: int) -> list[Cell]:
    rows, settled = planned(margin, disagreement, worlds)
    return [Cell(float(rows), form=",.0f"), share(settled, 0.76, 0.88)]


def settles(random: Generator, rules: Policy, rows: int, disagreement: float) -> bool:
    cells = drawn(random, rows, disagreement, better=0.0)
    return verdict(rules, {Against.CHAMPION: cells}, ALPHA) is Verdict.PROMOTE


def seen_table(worlds: int, seen: Sequence[tuple[str, Source]] = SEEN) -> Table:
    return Table(
        title="(e) Power of 'better than the champion' with as many rows as the gate asks for",
        how=f"{worlds:,} worlds, seed {SEED}; one improvement, as each metric sees it",
        promise="0.75 to 0.85 of the hold-outs show it (0.80 were promised)",
        columns=["better by", "rows", "power"],
        rows=[(metric, _seen(metric, source, worlds)) for metric, source in seen],
    )


def asked_for(metric: str, source: Source, worlds: int) -> tuple[float, int, NDArray[np.bool_]]:
    """The improvement, the rows that the gate asks for, and whether so many show it, (worlds,)."""
    estimate = measured(source().rows, POINT).estimate(metric, Against.CHAMPION)
    better = -metric_named(metric).loss(0.0, estimate.difference)
    rows = rows_needed(estimate, better, ALPHA, POWER) or 0
    one = partial(shows, metric=metric, source=source, rows=rows)
    return better, rows, np.array(over_worlds(one, worlds))


def _seen(metric: str, source: Source, worlds: int) -> list[Cell]:
    better, rows, shown = asked_for(metric, source, worlds)
    return [
        Cell(better, form=".5f"),
        Cell(float(rows), form=",.0f"),
        share(shown, 0.75, 0.85),
    ]


def shows(random: Generator, metric: str, source: Source, rows: int) -> bool:
    rules = policy({"metric": metric, "vs": "champion"}, decision={"anchor": "off"})
    if metric == "accuracy":
        cells = random.multinomial(rows, _shares(source))
        (result,) = results(rules, {Against.CHAMPION: cells}, ALPHA)
    else:
        scores = measured(source().holdout(random, rows), POINT)
        result = applied(rules.checks[0], scores, Doubt(ALPHA, POWER))
    return result.outcome is Outcome.PASSED


@cache
def _shares(source: Source) -> Numbers:
    """Of the eight cells, in the whole population."""
    rows = source().rows
    said = [at_least(rows.scores[model], POINT.threshold) for model in (CHAMPION, CHALLENGER)]
    return counted(rows.truth, *said) / len(rows)
