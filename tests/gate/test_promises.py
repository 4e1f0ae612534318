"""
The gate keeps its promises in simulated worlds: `make simulate` in short.

The worlds are few and their seeds fixed; the bounds leave room for three Monte-Carlo errors, and
none for a formula that is wrong.
"""

from collections.abc import Sequence
from functools import partial
from math import sqrt

import numpy as np
import pytest

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.rules.sections import Spending
from tests.simulations import calibrated, decay, matched, power, rare, reuse, shares, vetoes
from tests.simulations.clusters import both_ways
from tests.simulations.coverage import (
    BINARY,
    MULTICLASS,
    REGRESSION,
    Ask,
    Numbers,
    Source,
    asks,
    worlds_of,
)
from tests.simulations.populations import (
    classified,
    clustered,
    predicted,
    predicted_in_clusters,
    scored,
    unbalanced,
)

ALPHA = 0.05
PAIRED = Against.CHAMPION
"""The promise that a decision makes: at most so often a bound is missed, or wrongly promoted."""


def room(share: float, worlds: int) -> float:
    """Three Monte-Carlo errors of a share."""
    return 3 * sqrt(share * (1 - share) / worlds)


def missed(found: Numbers, truth: float) -> tuple[float, float]:
    """How often the lower and the upper 5 % bound miss."""
    return float((found[4] > truth).mean()), float((found[5] < truth).mean())


def claimed(found: Numbers) -> float:
    """The error that estimates claim, over the spread that they have."""
    return float(np.sqrt(np.square(found[1]).mean()) / found[0].std(ddof=1))


@pytest.mark.parametrize(
    ("source", "asked", "worlds"),
    [
        (scored, asks(BINARY, PAIRED, Against.NOBODY), 120),
        (predicted, asks(REGRESSION, PAIRED, Against.NOBODY, prior=("mae", "rmse", "r2")), 120),
        (classified, asks(MULTICLASS, PAIRED), 100),
    ],
    ids=["binary", "regression", "multiclass"],
)
def test_intervals_hold_the_truth_and_are_as_wide_as_that_takes(
    source: Source, asked: Sequence[Ask], worlds: int
) -> None:
    found = worlds_of(source, asked, 2000, worlds)

    for at, ask in enumerate(asked):
        assert max(missed(found[at], source().truth(*ask))) <= ALPHA + room(ALPHA, worlds), ask
        # Three errors of a standard deviation, and what rows that were not seen are counted for.
        assert 0.8 <= claimed(found[at]) <= 1.25, ask


def test_a_lopsided_loss_is_missed_no_more_often_on_one_side() -> None:
    worlds, asked = 1200, [("log_loss", Against.NOBODY)]
    (found,) = worlds_of(scored, asked, 300, worlds)

    assert max(missed(found, scored().truth(*asked[0]))) <= 0.065


def test_few_differing_rows_have_bounds_that_hold() -> None:
    worlds, asked = 200, asks(("accuracy", "recall", "f1"), PAIRED)
    found = worlds_of(scored, asked, 300, worlds)

    for at, ask in enumerate(asked):
        assert max(missed(found[at], scored().truth(*ask))) <= ALPHA, ask


def test_a_class_of_few_rows_is_not_taken_to_be_without_doubt() -> None:
    worlds, asked = 150, asks(MULTICLASS, PAIRED)
    found = worlds_of(unbalanced, asked, 2000, worlds)

    for at, ask in enumerate(asked):
        # Without rows that were not seen a loss of macro recall is missed in 11 %.
        spare = room(ALPHA, worlds) if ask[0] in {"accuracy", "log_loss"} else 0.0
        assert max(missed(found[at], unbalanced().truth(*ask))) <= ALPHA + spare, ask


def test_an_auc_of_few_positive_rows_is_not_taken_to_be_better_than_it_is() -> None:
    worlds = 400
    lows = rare.lows_of(0.99, 30, worlds, (0.05, 2e-4))

    missed = (lows > 0.99).mean(axis=1)

    # A bound of the rows' own spread misses 12 % and 0.7 %.
    assert missed[0] <= 0.05 + 3 * sqrt(0.05 * 0.95 / worlds)
    assert missed[1] == 0
    assert float(np.median(0.99 - lows[0])) < 0.05


def test_rows_that_go_together_are_counted_for_less() -> None:
    worlds, alone = 120, [("log_loss", Against.NOBODY), ("accuracy", Against.NOBODY)]
    known, ignored = both_ways(250, 20, worlds, alone)

    for at, ask in enumerate(alone):
        truth = clustered(20).truth(*ask)
        assert max(missed(known[at], truth)) <= ALPHA + room(ALPHA, worlds), ask
        assert 0.83 <= claimed(known[at]) <= 1.2, ask
        # The world can tell: without the cluster key the error is too small by a quarter.
        assert claimed(ignored[at]) < 0.82, ask


def test_few_clusters_are_counted_as_few() -> None:
    worlds, source = 2000, partial(predicted_in_clusters, 5)
    (found,) = worlds_of(source, [("mae", PAIRED)], 6 * 5, worlds)

    assert 0.95 <= claimed(found) <= 1.05
    assert max(missed(found, source().truth("mae", PAIRED))) <= 0.068


@pytest.mark.parametrize("word", matched.WORDS)
def test_a_threshold_may_be_found_on_the_rows_that_judge_it(word: str) -> None:
    worlds = 200
    found = matched.worlds_of(word, worlds)

    for at, metric in enumerate(matched.METRICS):
        assert max(missed(found[at], 0.0)) <= ALPHA + room(ALPHA, worlds), metric


def test_calibration_has_bounds_that_hold() -> None:
    worlds = 150
    found = calibrated.worlds_of(scored, 1000, worlds)

    for at, what in enumerate(calibrated.WHAT):
        truth = calibrated.true_calibration(scored)[at]
        assert max(missed(found[at], truth)) <= ALPHA + room(ALPHA, worlds), what


def test_bounds_of_a_share_never_miss_more_than_promised() -> None:
    assert list(shares.table(sizes=(300,)).broken()) == []


@pytest.mark.parametrize("spending", [*Spending])
def test_fifty_uses_of_one_holdout_promote_wrongly_at_most_as_often_as_one(
    spending: Spending,
) -> None:
    worlds = 60
    times, _ = reuse.promoted(spending, 2000, worlds)

    assert (times > 0).mean() <= ALPHA + room(ALPHA, worlds)


def test_without_a_ledger_one_holdout_would_promote_wrongly_half_of_the_time() -> None:
    times, _ = reuse.promoted("plain 95 % bound", 2000, 40)

    assert 0.3 <= (times > 0).mean() <= 0.75


def test_the_anchor_stops_a_slow_decay() -> None:
    trend, worlds = decay.TRENDS[1], 10
    anchored, alone = (
        decay.changes(name, trend, worlds)
        for name in ("the same, and the anchor", "proven, margin 0.5 pp")
    )

    assert anchored.mean() >= -100 * decay.MARGIN
    assert alone.mean() <= -3.0


def test_many_slices_object_falsely_no_more_often_than_one() -> None:
    worlds = 60
    found = vetoes.family(worlds, slices=10, rows=600)

    assert found[:, 0].mean() <= ALPHA + room(ALPHA, worlds)
    # The world can tell: uncorrected, more than half of them would have an objection.
    assert found[:, 1:].any(axis=1).mean() >= 0.5


def test_slices_let_the_good_through_and_stop_what_harms_one() -> None:
    good, harmful = (vetoes.outcomes(vetoes.SCENES[at], 25)[:, 0] for at in (0, 3))

    assert good.mean() >= 0.85
    assert harmful.mean() <= 0.05


@pytest.mark.parametrize("disagreement", [0.05, 0.2])
def test_as_many_rows_as_were_planned_are_enough(disagreement: float) -> None:
    worlds = 400
    rows, settled = power.planned(0.01, disagreement, worlds)

    assert rows == pytest.approx(6.1826 * disagreement / 0.01**2, rel=0.05)
    assert settled.mean() == pytest.approx(power.POWER, abs=room(power.POWER, worlds))


@pytest.mark.parametrize(
    ("metric", "source", "worlds"),
    [("accuracy", scored, 400), ("log_loss", scored, 60), ("mae", predicted, 150)],
)
def test_as_many_rows_as_a_decision_asks_for_are_enough(
    metric: str, source: Source, worlds: int
) -> None:
    _, _, shown = power.asked_for(metric, source, worlds)

    assert shown.mean() == pytest.approx(power.POWER, abs=room(power.POWER, worlds))
