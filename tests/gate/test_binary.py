"""
Binary metrics: the values are scikit-learn's, the errors a bootstrap's, the bounds keep their word.

What is promised for hundreds of worlds has bounds that an error which forgets the pairs, the rows
that were not seen, or the clusters, cannot keep.
"""

from dataclasses import replace
from math import isinf, isnan
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn import metrics as oracle

from airflow_aml_retrain.gate.estimates import Against, Estimate, Pairs
from airflow_aml_retrain.gate.folded import reaches
from airflow_aml_retrain.gate.metrics import METRICS, Task, metrics_of
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.confusion import cells_estimate, counted, threshold_estimate
from airflow_aml_retrain.gate.statistics.intervals import harm_p_value, interval
from tests.gate.binary_worlds import measured, seen, world
from tests.gate.judged_rows import binary

Numbers = NDArray[np.float64]

AT_THRESHOLD: Final = ("accuracy", "precision", "recall", "f1")
PRIORS: Final = ("accuracy", "auc", "log_loss")
ALL: Final = tuple(metric.name for metric in metrics_of(Task.BINARY))
SPITEFUL: Final = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 5e-324, 1 - 2**-53]), st.floats(0, 1)
)
made_up = st.integers(2, 40).flatmap(
    lambda n: st.tuples(arrays(np.bool_, n), arrays(np.float64, n, elements=SPITEFUL))
)


def scikit_learn(truth: Any, scores: Numbers, threshold: float) -> dict[str, float]:
    said = scores >= threshold
    loss = oracle.log_loss(truth, scores)
    prior = oracle.log_loss(truth, np.full(len(truth), truth.mean()))
    return {
        "accuracy": oracle.accuracy_score(truth, said),
        "precision": oracle.precision_score(truth, said, zero_division=0),
        "recall": oracle.recall_score(truth, said),
        "f1": oracle.f1_score(truth, said, zero_division=0),
        "auc": oracle.roc_auc_score(truth, scores),
        "log_loss": loss,
        "log_loss_reduction": (prior - loss) / prior,
    }


@settings(max_examples=25)
@given(made_up, st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_values_are_those_of_scikit_learn(
    made: tuple[NDArray[np.bool_], Numbers], threshold: float
) -> None:
    truth, scores = made
    assume(0 < truth.sum() < len(truth))
    rows = binary(truth, challenger=scores)

    values = measured(rows, threshold).values("challenger")

    wanted = scikit_learn(truth, seen(rows), threshold)
    assert values == pytest.approx(wanted, rel=1e-9, abs=2e-9)
    assert tuple(values) == ALL


def test_values_of_many_rows_are_those_of_scikit_learn_too() -> None:
    rows = world(140_000, 1)

    scores = measured(rows)

    for model in ("champion", "challenger"):
        wanted = scikit_learn(rows.truth, seen(rows, model), 0.5)
        assert scores.values(model) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("against", [Against.NOBODY, Against.CHAMPION, Against.PRIOR])
def test_an_estimate_is_made_of_the_values(against: Against) -> None:
    scores = measured(world(2000, 2))
    prior = priors(scores.rows.truth)

    for metric in PRIORS if against is Against.PRIOR else ALL:
        found = scores.estimate(metric, against)

        references = {
            Against.NOBODY: lambda _: None,
            Against.CHAMPION: scores.values("champion").__getitem__,
            Against.PRIOR: prior.__getitem__,
        }
        reference = references[against](metric)
        value = scores.values("challenger")[metric]
        assert found.challenger == pytest.approx(value, abs=1e-12)
        assert found.reference == (None if reference is None else pytest.approx(reference))
        assert found.difference == pytest.approx(value - (reference or 0.0), abs=1e-12)
        assert (found.rows, found.effective_rows) == (2000, 2000)


def priors(truth: NDArray[np.bool_]) -> dict[str, float]:
    """What it is to know only the share of positive rows."""
    rate = float(truth.mean())
    entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
    return {"accuracy": max(rate, 1 - rate), "auc": 0.5, "log_loss": float(entropy)}


@pytest.fixture(scope="module")
def again() -> list[dict[str, dict[str, float]]]:
    """By replicate of a bootstrap, what each model and the prior come to."""
    rows, random = bootstrapped(), np.random.default_rng(4)
    drawn = (rows.where(random.integers(0, len(rows), len(rows))) for _ in range(400))
    scores = (measured(each, 0.3) for each in drawn)
    return [
        {
            "": dict.fromkeys(ALL, 0.0),
            "prior": priors(each.rows.truth),
            **{model: dict(each.values(model)) for model in each.rows.scores},
        }
        for each in scores
    ]


def bootstrapped() -> Rows:
    return world(2500, 3, base=-2.4)


@pytest.mark.parametrize("against", [Against.NOBODY, Against.CHAMPION, Against.PRIOR])
def test_errors_are_those_of_a_bootstrap_of_rows(
    again: list[dict[str, dict[str, float]]], against: Against
) -> None:
    metrics = PRIORS if against is Against.PRIOR else ALL
    scores = measured(bootstrapped(), 0.3)

    found = [scores.estimate(metric, against).se for metric in metrics]

    drawn = [
        [each["challenger"][metric] - each[str(against)][metric] for metric in metrics]
        for each in again
    ]
    # The bootstrap's own error is 1 / sqrt(2 * 400), 3.5 %.
    assert found == pytest.approx(np.std(drawn, axis=0, ddof=1).tolist(), rel=0.13)


def test_cells_have_the_errors_of_ten_thousand_bootstraps() -> None:
    # Drawing rows again is drawing the eight counts again.
    cells = np.array([8600, 50, 42, 180, 700, 45, 38, 345])
    shares = cells / cells.sum()
    drawn = np.random.default_rng(5).multinomial(cells.sum(), shares, 10_000)

    for metric in AT_THRESHOLD:
        difference = cells_estimate(drawn, metric)[2]

        found = cells_estimate(cells, metric)
        assert float(found[3]) == pytest.approx(difference.std(), rel=0.03)
        assert threshold_estimate(cells, metric, Against.CHAMPION).se == pytest.approx(found[3])


def test_the_eight_counts_are_by_truth_reference_and_challenger() -> None:
    truth, old, new = (np.array([at >> bit & 1 for at in range(8)] * 3) > 0 for bit in (2, 1, 0))
    more = np.array([True, False])

    assert counted(truth, old, new).tolist() == [3] * 8
    assert counted(more, more, ~more).tolist() == [0, 1, 0, 0, 0, 0, 1, 0]


def test_pairs_count_the_rows_that_one_model_alone_has_right() -> None:
    cells = np.array([500, 4, 3, 20, 60, 2, 1, 40])

    accuracy = threshold_estimate(cells, "accuracy", Against.CHAMPION)
    recall = threshold_estimate(cells, "recall", Against.CHAMPION)
    alone = threshold_estimate(cells, "precision", Against.NOBODY)

    # Right alone: of negatives who said no, of positives who said yes.
    assert accuracy.pairs == Pairs(630, gains=3 + 2, losses=4 + 1)
    assert recall.pairs == Pairs(103, gains=2, losses=1)
    assert threshold_estimate(cells, "f1", Against.CHAMPION).pairs is None
    assert alone.pairs == Pairs(4 + 20 + 2 + 40, gains=42, losses=0)
    assert threshold_estimate(cells, "f1", Against.NOBODY).pairs == Pairs(42 + 61 + 24, 42, 0)


def test_cells_of_many_slices_are_measured_at_once() -> None:
    many = np.random.default_rng(6).integers(0, 50, (3, 4, 8))

    for metric in AT_THRESHOLD:
        together = cells_estimate(many, metric)
        alone = cells_estimate(many[2, 1], metric)
        assert [float(each[2, 1]) for each in together] == [float(each) for each in alone]


TRUE_ROWS: Final = 400_000
WORLDS: Final = 300


@pytest.fixture(scope="module")
def worlds() -> list[BinaryScores]:
    """Small hold-outs with a rare class: some 25 of 300 rows are positive, few rows differ."""
    return [measured(world(300, seed, base=-3.5), 0.3) for seed in range(WORLDS)]


@pytest.fixture(scope="module")
def everything() -> BinaryScores:
    return measured(world(TRUE_ROWS, 1_000_000, base=-3.5), 0.3)


@pytest.mark.parametrize("against", [Against.CHAMPION, Against.NOBODY])
@pytest.mark.parametrize("metric", ALL)
def test_small_hold_outs_with_a_rare_class_miss_as_rarely_as_they_say(
    worlds: list[BinaryScores], everything: BinaryScores, metric: str, against: Against
) -> None:
    truth = everything.estimate(metric, against).difference

    found = [scores.estimate(metric, against) for scores in worlds]
    bounds = np.array([interval(each, 0.05) for each in found])

    # 5 % were promised on either side; the error of such a share of 300 is 1.26 %.
    assert (bounds[:, 0] > truth).mean() < 0.093
    assert (bounds[:, 1] < truth).mean() < 0.093


def test_errors_of_differences_are_paired() -> None:
    scores = measured(world(3000, 7))

    for metric in ALL:
        alone = scores.estimate(metric, Against.NOBODY).se
        assert scores.estimate(metric, Against.CHAMPION).se < 0.8 * alone


@pytest.mark.parametrize("metric", ALL)
def test_nothing_is_proven_of_two_models_that_are_the_same(metric: str) -> None:
    rows = world(500, 8)
    same = replace(rows, scores=dict.fromkeys(rows.scores, rows.scores["champion"]))

    found = measured(same).estimate(metric, Against.CHAMPION)

    low, high = interval(found, 0.05)
    assert found.difference == 0.0
    assert low < 0.0 < high
    assert -0.2 < low == pytest.approx(-high)
    assert harm_p_value(found, METRICS[metric], 0.0) >= 0.5


@pytest.mark.parametrize("metric", ALL)
def test_swapping_the_models_turns_every_number_round(metric: str) -> None:
    rows = world(1500, 9)
    turned = replace(
        rows,
        scores={
            "champion": rows.scores["challenger"],
            "challenger": rows.scores["champion"],
        },
    )

    one = measured(rows).estimate(metric, Against.CHAMPION)
    other = measured(turned).estimate(metric, Against.CHAMPION)

    assert other.difference == pytest.approx(-one.difference, abs=1e-15)
    assert [other.se, other.skew] == pytest.approx([one.se, -one.skew])
    low, high = interval(one, 0.05)
    assert interval(other, 0.05) == pytest.approx((-high, -low), abs=1e-15)


def test_the_order_of_the_rows_changes_no_bit() -> None:
    # More rows than are taken at a time, and more than are sorted.
    rows = world(150_000, 10)
    turned = rows.where(np.random.default_rng(11).permutation(len(rows)))

    one, other = measured(rows), measured(turned)

    for metric in ALL:
        for against in (Against.CHAMPION, Against.NOBODY):
            assert one.estimate(metric, against) == other.estimate(metric, against)
        assert one.values("champion")[metric] == other.values("champion")[metric]


@pytest.mark.parametrize("against", [Against.CHAMPION, Against.NOBODY])
def test_rows_that_are_repeated_tell_nothing_new(against: Against) -> None:
    rows = world(800, 12)
    numbers = np.random.default_rng(20).permutation(np.repeat(np.arange(800, dtype=np.int32), 5))
    repeated = replace(rows.where(numbers), clusters=numbers)

    for metric in ALL:
        once = measured(rows).estimate(metric, against)
        again = measured(repeated).estimate(metric, against)

        # One row is added to what is five times as much; DeLong takes one row off each class.
        assert again.se == pytest.approx(once.se, rel=0.06)
        assert again.effective_rows == pytest.approx(800, rel=0.01)
        assert interval(again, 0.05) == pytest.approx(interval(once, 0.05), rel=0.08, abs=0.003)
        if metric in {"auc", "log_loss", "log_loss_reduction"}:
            assert again.skew == pytest.approx(once.skew, rel=0.02)


def test_rows_of_one_cluster_are_worth_less_and_bounds_know_it() -> None:
    every = measured(world(300_000, 13, base=-0.8, clusters=15_000)).values
    metrics = ("recall", "auc", "log_loss")
    wanted = {name: every("challenger")[name] - every("champion")[name] for name in metrics}

    missed, careless = dict.fromkeys(metrics, 0), dict.fromkeys(metrics, 0)
    for seed in range(100):
        rows = world(1500, 100 + seed, base=-0.8, clusters=50)
        missed = _missed(rows, wanted, missed)
        careless = _missed(replace(rows, clusters=None), wanted, careless)

    # 10 of 100 were promised, and the error of that is 3.
    assert max(missed.values()) <= 18
    assert sum(careless.values()) > 2 * sum(missed.values())


def _missed(rows: Rows, wanted: dict[str, float], so_far: dict[str, int]) -> dict[str, int]:
    scores, counts = measured(rows), {}
    for metric, truth in wanted.items():
        low, high = interval(scores.estimate(metric, Against.CHAMPION), 0.05)
        counts[metric] = so_far[metric] + (not low <= truth <= high)
    return counts


@pytest.mark.parametrize("match", ["alert_rate", "fpr"])
def test_a_matched_challenger_alerts_as_often_as_the_champion(match: Any) -> None:
    rows = world(5000, 14)
    point = OperatingPoint(threshold=0.4, match=match)

    scores = BinaryScores(rows, point)

    counted_rows = rows.truth == 0 if match == "fpr" else np.ones(5000, dtype=np.bool_)
    alerts = {
        model: int((reaches(rows.scores[model], scores.cuts[model]) & counted_rows).sum())
        for model in rows.scores
    }
    assert alerts["champion"] == (seen(rows, "champion") >= 0.4)[counted_rows].sum()
    assert alerts["challenger"] == alerts["champion"]
    assert scores.thresholds["champion"] == pytest.approx(0.4)
    assert scores.thresholds["challenger"] != pytest.approx(0.4, abs=1e-6)


@pytest.mark.parametrize(("wanted", "alerts"), [(3, 2), (5, 6), (1, 2), (9, 10), (0, 0)])
def test_where_scores_tie_a_match_is_as_near_as_can_be(wanted: int, alerts: int) -> None:
    # Alerts can be 2, 6 or 10, and none only where none are wanted.
    challenger = np.array([1.0] * 2 + [0.4] * 4 + [0.0] * 4)
    champion = np.array([0.9] * wanted + [0.1] * (10 - wanted))
    rows = binary(np.arange(10) % 2 == 0, champion=champion, challenger=challenger)

    scores = BinaryScores(rows, OperatingPoint(match="alert_rate"))

    said = reaches(rows.scores["challenger"], scores.cuts["challenger"])
    assert said.sum() == alerts


def test_without_a_champion_nothing_is_matched() -> None:
    rows = world(100, 15)
    alone = replace(rows, scores={"challenger": rows.scores["challenger"]})

    scores = BinaryScores(alone, OperatingPoint(threshold=0.3, match="fpr"))

    assert scores.thresholds == {"challenger": pytest.approx(0.3)}


def test_a_slice_takes_the_thresholds_of_all_rows() -> None:
    rows = world(3000, 16)
    every = BinaryScores(rows, OperatingPoint(match="alert_rate"))

    part = BinaryScores(rows.where(rows.truth), every.cuts)

    assert part.thresholds == every.thresholds
    assert part.values("challenger")["recall"] == every.values("challenger")["recall"]


def test_a_champion_and_an_anchor_are_measured_side_by_side() -> None:
    rows = world(1000, 17)
    three = replace(rows, scores={**rows.scores, "anchor": rows.scores["champion"][::-1].copy()})

    scores = measured(three)

    for metric in ALL:
        found = scores.estimate(metric, Against.ANCHOR)
        assert found.reference == pytest.approx(scores.values("anchor")[metric])
        assert scores.estimate(metric, Against.CHAMPION) == measured(rows).estimate(
            metric, Against.CHAMPION
        )


def test_a_model_that_never_says_yes_has_no_precision_to_be_sure_of() -> None:
    rows = binary(np.arange(200) % 4 == 0, challenger=np.full(200, 0.2))

    found = measured(rows).estimate("precision", Against.NOBODY)

    assert found.challenger == 0.0
    assert isinf(found.se)
    assert interval(found, 0.05) == (0.0, 1.0)


@pytest.mark.parametrize("answer", [True, False])
def test_rows_of_one_class_leave_what_rests_on_both_uncertain(*, answer: bool) -> None:
    rows = world(200, 18)
    one = replace(rows, truth=np.full(200, answer))

    scores = measured(one)

    values = scores.values("challenger")
    assert isnan(values["auc"])
    assert isnan(values["log_loss_reduction"])
    assert values["accuracy"] == pytest.approx(((seen(one) >= 0.5) == answer).mean())
    for metric in ("auc", "log_loss_reduction", *(["recall"] if not answer else [])):
        assert isinf(scores.estimate(metric, Against.CHAMPION).se)
    assert np.isfinite(scores.estimate("log_loss", Against.PRIOR).se)


@pytest.mark.parametrize("metric", ALL)
def test_a_perfect_challenger_is_better_in_every_metric_and_still_in_doubt(metric: str) -> None:
    rows = world(400, 19)
    perfect = binary(
        rows.truth, champion=seen(rows, "champion"), challenger=np.where(rows.truth, 1.0, 0.0)
    )

    found = measured(perfect).estimate(metric, Against.CHAMPION)
    alone: Estimate = measured(perfect).estimate(metric, Against.NOBODY)

    assert METRICS[metric].loss(found.reference or 0.0, found.challenger) < 0
    assert harm_p_value(found, METRICS[metric], 0.0) > 0.9
    low, high = interval(alone, 0.05)
    assert 0.0 < high - low < 0.2


def test_log_loss_is_cut_off_as_scikit_learn_cuts_it() -> None:
    rows = binary(np.array([True, False, False]), challenger=np.array([0.0, 0.1, 0.2]))

    loss = measured(rows).values("challenger")["log_loss"]

    assert loss == pytest.approx(oracle.log_loss(rows.truth, seen(rows)), rel=1e-9)
    assert loss > 12
