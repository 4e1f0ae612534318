"""
What slices do to a verdict: false vetoes, and harms that are seen.

Reference 5.5: 6 % of rows answered differently, the whole must be no worse by 0.25 pp, and every
slice may object. Holm's correction keeps the alarms of many slices from adding up; beside it, from
the same results, what an uncorrected veto would do, and what if each slice had to prove itself.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from airflow_aml_retrain.gate.judging.checks import Doubt, applied
from airflow_aml_retrain.gate.judging.slice_checks import slice_results
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows, Slicing
from airflow_aml_retrain.gate.scores.measured import measured
from airflow_aml_retrain.gate.verdict import Outcome, Verdict, decide
from tests.gate.judged_rows import binary
from tests.simulations.counted import policy
from tests.simulations.populations import scored
from tests.simulations.tables import Cell, Table, share
from tests.simulations.worlds import SEED, over_worlds

ALPHA: Final = 0.05
DOUBT: Final = Doubt(ALPHA, 0.8)
DISAGREEMENT: Final = 0.06
OVERALL_MARGIN: Final = 0.0025
SLICE_MARGIN: Final = 0.01
SLICES: Final = {"columns": ["part"], "metrics": ["accuracy"], "family_alpha": ALPHA}
RULES: Final = policy(
    {"metric": "accuracy", "vs": "champion", "margin": OVERALL_MARGIN},
    decision={"anchor": "off"},
    slices=SLICES,
)
ALIKE: Final = ("accuracy", "recall", "auc", "log_loss")
ALIKE_RULES: Final = policy(
    {"metric": "log_loss", "vs": "champion"}, slices={**SLICES, "metrics": list(ALIKE)}
)


@dataclass(frozen=True, slots=True)
class Scene:
    """
    *slices* of *rows* each, *better* everywhere; in the *first* better by that instead.

    *low* and *high* are what the share of promotions must lie between.
    """

    slices: int
    rows: int
    better: float
    first: float | None = None
    low: float = 0.0
    high: float = 1.0
    worlds: float = 1.0

    def __str__(self) -> str:
        where = "everywhere" if self.first is None else "but one"
        said = f"{self.slices} x {self.rows:,}, {100 * self.better:+g} pp {where}"
        return said if self.first is None else f"{said} {100 * self.first:+g} pp"


SCENES: Final = (
    Scene(8, 2000, 0.005, low=0.95),
    Scene(20, 500, 0.005, low=0.85),
    Scene(20, 5000, 0.0, low=0.85, worlds=0.4),
    Scene(8, 2000, 0.005, first=-0.03, high=0.02),
    Scene(20, 500, 0.005, first=-0.03, high=0.70),
)


def table(worlds: int, scenes: tuple[Scene, ...] = SCENES) -> Table:
    return Table(
        title="(d) Share of challengers promoted, by what slices may do",
        how=f"{worlds:,} worlds (0.4 of that for 20 x 5,000), seed {SEED}",
        promise="Holm lets the good ones through (0.85, 0.95 of 8 x 2,000), stops what harms one "
        "large slice (0.02), and objects falsely in at most alpha (and 3 Monte-Carlo errors)",
        columns=["Holm", "uncorrected", "each proves", "false veto"],
        rows=[(str(scene), _cells(scene, round(worlds * scene.worlds))) for scene in scenes],
    )


def _cells(scene: Scene, worlds: int) -> list[Cell | None]:
    promoted, uncorrected, proved, objected = outcomes(scene, worlds).T
    is_harmless = scene.first is None
    return [
        share(promoted, scene.low, scene.high),
        share(uncorrected),
        share(proved),
        share(objected, 0.0, _most(worlds)) if is_harmless else None,
    ]


def _most(worlds: int) -> float:
    return ALPHA + 3 * float(np.sqrt(ALPHA * (1 - ALPHA) / worlds))


def outcomes(scene: Scene, worlds: int) -> NDArray[np.bool_]:
    """What `verdicts` says, (worlds, 4)."""
    return np.array(over_worlds(partial(verdicts, scene=scene), worlds))


def verdicts(random: Generator, scene: Scene) -> tuple[bool, bool, bool, bool]:
    """Whether it is promoted with Holm, without, if each slice must prove itself; and any veto."""
    rows = holdout(random, scene)
    scores = measured(rows, RULES.decision.operating_point)
    overall = applied(RULES.checks[0], scores, DOUBT).outcome
    slices = slice_results(rows, RULES, DOUBT)
    passed = overall is Outcome.PASSED
    return (
        decide([overall, *(each.outcome for each in slices)]) is Verdict.PROMOTE,
        passed and all((each.p_value or 0.0) > ALPHA for each in slices),
        passed and all(each.low >= -SLICE_MARGIN for each in slices),
        any(each.outcome is Outcome.FAILED for each in slices),
    )


def holdout(random: Generator, scene: Scene) -> Rows:
    """Rows in which right and wrong answers fall as *scene* has it; every other one is positive."""
    better = np.full(scene.slices, scene.better)
    if scene.first is not None:
        better[0] = scene.first
    gain = (DISAGREEMENT + better) / 2
    shares = [gain, DISAGREEMENT - gain, np.full(scene.slices, 0.05)]
    fates = random.multinomial(scene.rows, np.column_stack([*shares, 1 - sum(shares)]))
    # Only the challenger is right, only the champion, neither, both.
    challenger_right = _spelt(fates, [True, False, False, True])
    champion_right = _spelt(fates, [False, True, False, True])
    truth = np.arange(len(challenger_right)) % 2 == 0
    rows = binary(
        truth, champion=_said(truth, champion_right), challenger=_said(truth, challenger_right)
    )
    return _in_parts(rows, scene.slices)


def _spelt(fates: NDArray[np.int64], said: list[bool]) -> NDArray[np.bool_]:
    return np.repeat(np.tile(said, len(fates)), fates.ravel())


def _said(truth: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(truth == right, 0.9, 0.1)


def _in_parts(rows: Rows, slices: int) -> Rows:
    codes = np.repeat(np.arange(slices, dtype=np.int32), len(rows) // slices)
    slicing = Slicing("part", tuple(f"{number:03}" for number in range(slices)), codes)
    return replace(rows, slicings={"part": slicing})


def family_table(worlds: int, slices: int = 20, rows: int = 1000) -> Table:
    """Of two models between which each row's scores are shared out by lot."""
    found = family(worlds, slices, rows)
    most = _most(worlds)
    named = [(metric, at) for at, metric in enumerate(ALIKE)]
    return Table(
        title=f"(d) False vetoes of {slices} slices of {rows:,}, two models exactly alike",
        how=f"{worlds:,} worlds, seed {SEED}; scores of the two models swapped row by row by lot",
        promise=f"some slice objects in at most alpha = {ALPHA} (and 3 Monte-Carlo errors)",
        columns=["Holm", "uncorrected"],
        rows=[
            *((metric, [None, share(found[:, 1 + at])]) for metric, at in named),
            (
                "all of them, one family",
                [share(found[:, 0], 0.0, most), share(np.any(found[:, 1:], axis=1))],
            ),
        ],
    )


def family(worlds: int, slices: int, rows: int) -> NDArray[np.bool_]:
    """What `objections` says, (worlds, 1 + metrics)."""
    return np.array(over_worlds(partial(objections, slices=slices, rows=rows), worlds))


def objections(random: Generator, slices: int, rows: int) -> list[bool]:
    """Whether any slice objects after Holm; and whether any would uncorrected, by metric."""
    drawn = scored().rows.where(random.integers(len(scored().rows), size=slices * rows))
    swapped = random.random(len(drawn)) < 0.5
    one, other = drawn.scores[CHAMPION], drawn.scores[CHALLENGER]
    scores = {
        CHAMPION: np.where(swapped, other, one),
        CHALLENGER: np.where(swapped, one, other),
    }
    parts = _in_parts(replace(drawn, scores=scores), slices)
    results = slice_results(parts, ALIKE_RULES, DOUBT)
    any_failed = any(each.outcome is Outcome.FAILED for each in results)
    bare = [
        any((each.p_value or 0.0) <= ALPHA for each in results if each.metric == metric)
        for metric in ALIKE
    ]
    return [any_failed, *bare]
