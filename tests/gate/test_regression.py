"""Regression: the values are scikit-learn's, the errors those of a bootstrap."""

import json
from dataclasses import replace
from itertools import pairwise
from math import isfinite, isinf, isnan

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.scores.regression import RegressionScores
from airflow_aml_retrain.gate.scores.residuals import regression_pictures
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.gate.judged_rows import FAIR, Numbers, by_clusters, by_rows, regression, spread

METRICS = ("mae", "rmse", "rae", "rse", "r2")


def world(rows: int = 2000, seed: int = 1, clusters: int | None = None) -> Rows:
    """Skewed truth, and models that are the more wrong the larger it is."""
    random = np.random.default_rng(seed)
    truth = 10.0 + random.gamma(0.7, 3.0, rows)
    shared = np.zeros(rows)
    groups = None
    if clusters is not None:
        groups = random.integers(0, clusters, rows).astype(np.int32)
        groups[:clusters] = np.arange(clusters)
        shared = random.standard_normal(clusters)[groups]
    size = 0.2 * (truth - 9.0)
    champion = truth + size * (random.standard_normal(rows) + 0.3 * shared)
    challenger = truth + size * (0.6 * random.standard_normal(rows) + shared) + 0.1
    made = regression(truth, champion=champion, challenger=challenger)
    return replace(made, clusters=groups)


def resampled(truth: Numbers, said: Numbers, weights: Numbers) -> dict[str, Numbers]:
    """Every metric of each of the draws that *weights* (draws, n) count rows of."""
    count = weights.sum(axis=1)
    mean = weights @ truth / count
    around = truth - mean[:, None]
    absolute, square = weights @ np.abs(said - truth), weights @ np.square(said - truth)
    rse = square / (weights * np.square(around)).sum(axis=1)
    return {
        "mae": absolute / count,
        "rmse": np.sqrt(square / count),
        "rae": absolute / (weights * np.abs(around)).sum(axis=1),
        "rse": rse,
        "r2": 1.0 - rse,
    }


def of_the_mean(truth: Numbers, weights: Numbers) -> dict[str, Numbers]:
    """The same for who always says the mean of what was drawn."""
    count = weights.sum(axis=1)
    around = truth - (weights @ truth / count)[:, None]
    square = (weights * np.square(around)).sum(axis=1) / count
    absolute = (weights * np.abs(around)).sum(axis=1) / count
    return {"mae": absolute, "rmse": np.sqrt(square), "r2": np.zeros(len(count))}


def drawn_differences(rows: Rows, against: Against, weights: Numbers) -> dict[str, Numbers]:
    new = resampled(rows.truth, rows.scores["challenger"], weights)
    match against:
        case Against.NOBODY:
            return new
        case Against.PRIOR:
            old = of_the_mean(rows.truth, weights)
        case _:
            old = resampled(rows.truth, rows.scores[against], weights)
    return {metric: new[metric] - old[metric] for metric in old}


# More rows than are taken at a time.
@pytest.mark.parametrize("rows", [7, 2000, 300_000])
def test_values_are_those_of_scikit_learn(rows: int) -> None:
    made = world(rows)
    truth, said = made.truth, made.scores["challenger"]
    around = truth - truth.mean()

    values = RegressionScores(made).values("challenger")

    assert values == pytest.approx(
        {
            "mae": mean_absolute_error(truth, said),
            "rmse": mean_squared_error(truth, said) ** 0.5,
            "rae": np.abs(said - truth).sum() / np.abs(around).sum(),
            "rse": np.square(said - truth).sum() / np.square(around).sum(),
            "r2": r2_score(truth, said),
        },
        rel=1e-12,
    )


@pytest.mark.parametrize("against", [Against.NOBODY, Against.CHAMPION, Against.PRIOR])
def test_errors_are_those_of_a_bootstrap_of_rows(against: Against) -> None:
    rows = world(800)
    scores = RegressionScores(rows)
    whole = drawn_differences(rows, against, np.ones((1, 800)))

    drawn = drawn_differences(rows, against, by_rows(800, seed=2))

    for metric, differences in drawn.items():
        estimate = scores.estimate(metric, against)
        assert estimate.se == pytest.approx(spread(differences), rel=FAIR), metric
        assert estimate.difference == pytest.approx(whole[metric][0]), metric
        assert (estimate.rows, estimate.effective_rows) == (800, 800)


@pytest.mark.parametrize("against", [Against.NOBODY, Against.CHAMPION, Against.PRIOR])
def test_errors_of_clusters_are_those_of_a_bootstrap_of_clusters(against: Against) -> None:
    rows = world(1600, clusters=160)
    scores, independent = RegressionScores(rows), RegressionScores(replace(rows, clusters=None))
    assert rows.clusters is not None

    drawn = drawn_differences(rows, against, by_clusters(rows.clusters, seed=3))

    for metric, differences in drawn.items():
        estimate = scores.estimate(metric, against)
        shrunk = (independent.estimate(metric, against).se / estimate.se) ** 2
        assert estimate.se == pytest.approx(spread(differences), rel=FAIR), metric
        assert estimate.effective_rows == pytest.approx(1600 * shrunk)
        assert estimate.degrees is not None
        assert estimate.degrees <= 159
        # The mean of the truth is in doubt by its own rows, whoever they go with.
        assert against is Against.PRIOR or shrunk < 0.75


def test_swapping_the_models_turns_the_difference_and_keeps_its_error() -> None:
    rows = world()
    swapped = replace(
        rows,
        scores={"champion": rows.scores["challenger"], "challenger": rows.scores["champion"]},
    )

    for metric in METRICS:
        one = RegressionScores(rows).estimate(metric, Against.CHAMPION)
        other = RegressionScores(swapped).estimate(metric, Against.CHAMPION)
        assert other.difference == -one.difference
        assert other.se == pytest.approx(one.se, rel=1e-7)
        assert (other.reference, other.challenger) == (one.challenger, one.reference)


def test_the_order_of_the_rows_changes_nothing() -> None:
    """Not even the last binary digit, of numbers of very different sizes."""
    random = np.random.default_rng(7)
    truth = np.exp(5 * random.standard_normal(100_000))
    rows = regression(truth, champion=0.9 * truth, challenger=truth + np.sqrt(truth))
    shuffled = rows.where(random.permutation(100_000))

    one, other = RegressionScores(rows), RegressionScores(shuffled)

    for model in rows.scores:
        assert one.values(model) == other.values(model)
    for metric in METRICS:
        for against in (Against.NOBODY, Against.CHAMPION):
            assert one.estimate(metric, against).se == other.estimate(metric, against).se


def test_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    """800 worlds of 300 rows; the truth is standard normal, so every true value is known."""
    size = {"champion": 0.8, "challenger": 0.7}
    wanted = {"mae": -0.1 * (2 / np.pi) ** 0.5, "rmse": -0.1, "rae": -0.1, "rse": -0.15, "r2": 0.15}
    random = np.random.default_rng(4)
    held = dict.fromkeys(METRICS, 0)

    for _ in range(800):
        truth, shared, own = random.standard_normal((3, 300))
        wrong = {"champion": shared, "challenger": 0.6 * shared + 0.8 * own}
        said = {model: truth + size[model] * error for model, error in wrong.items()}
        scores = RegressionScores(regression(truth, **said))
        for metric in METRICS:
            low, high = interval(scores.estimate(metric, Against.CHAMPION), 0.05)
            held[metric] += low <= wanted[metric] <= high

    # 90 % is promised, and 800 worlds tell it to 1.1 %.
    assert all(0.865 <= count / 800 <= 0.935 for count in held.values()), held


@pytest.mark.parametrize("metric", METRICS)
def test_that_two_models_never_differed_is_no_proof_that_they_never_will(metric: str) -> None:
    """Of what was not seen once in n rows there may be 3 / n, each as wrong as the worst row."""
    rows = world()
    twins = replace(rows, scores=dict.fromkeys(rows.scores, rows.scores["champion"]))
    worst = np.abs(rows.scores["champion"] - rows.truth).max()
    square = np.square(rows.truth - rows.truth.mean()).mean()
    farthest = {
        "mae": worst,
        "rmse": worst**2 / 2 / RegressionScores(twins).values("champion")["rmse"],
        "rae": worst / np.abs(rows.truth - rows.truth.mean()).mean(),
        "rse": worst**2 / square,
        "r2": worst**2 / square,
    }[metric]

    low, high = interval(RegressionScores(twins).estimate(metric, Against.CHAMPION), 0.05)

    assert high == pytest.approx(3 * farthest / 2000, rel=0.02)
    assert low == pytest.approx(-high)


def test_a_model_that_is_never_wrong_has_no_error() -> None:
    truth = world().truth

    values = RegressionScores(regression(truth, challenger=truth)).values("challenger")

    assert values == {"mae": 0.0, "rmse": 0.0, "rae": 0.0, "rse": 0.0, "r2": 1.0}


def test_where_the_truth_is_constant_relative_metrics_say_nothing() -> None:
    rows = regression(np.full(200, 3.0), challenger=np.linspace(2.0, 4.0, 200))
    scores = RegressionScores(rows)

    relative = [scores.estimate(metric, Against.NOBODY) for metric in ("rae", "rse", "r2")]

    assert all(isnan(each.challenger) and not isfinite(each.se) for each in relative)
    assert isfinite(scores.estimate("mae", Against.NOBODY).se)


def test_squares_that_overflow_are_refused_by_name() -> None:
    rows = regression(np.array([1.0, 2.0, 3.0]), challenger=np.array([1e200, -1e200, 2.0]))

    with pytest.raises(GateError, match=r"challenger's score goes up to 1e\+200, too large"):
        RegressionScores(rows)


@pytest.mark.parametrize("clusters", [None, 1])
def test_a_single_row_or_cluster_tells_nothing_of_its_own_spread(clusters: int | None) -> None:
    rows = world(1 if clusters is None else 50, clusters=clusters)

    assert isinf(RegressionScores(rows).estimate("mae", Against.CHAMPION).se)


def test_pictures_show_every_row() -> None:
    rows = world(5000)
    rows.scores["challenger"][:3] = 1e6

    pictures = json.loads(json.dumps(regression_pictures(rows).to_mapping()))

    for model in ("champion", "challenger"):
        square = pictures["predicted_actual"][model]
        assert np.sum(square["counts"]) == sum(pictures["residuals"][model]) == 5000
        assert (
            np.shape(square["counts"]) == (len(square["y"]) - 1, len(square["x"]) - 1) == (30, 30)
        )
    # Three rows far out do not squeeze the others into one box.
    assert pictures["predicted_actual"]["challenger"]["x"][-1] < 100
    assert len(pictures["residuals"]["edges"]) == 41


def test_what_was_said_is_up_and_what_was_true_is_across() -> None:
    truth = np.arange(900.0)
    said = np.full(900, 899.0)

    square = regression_pictures(regression(truth, challenger=said)).to_mapping()
    counts = np.array(square["predicted_actual"]["challenger"]["counts"])  # type: ignore[index]

    assert counts[-1].sum() == 900
    assert counts[:-1].sum() == 0
    assert counts[-1].max() < 40


def test_deciles_are_of_the_truth_with_each_models_mean_error() -> None:
    rows = world(5000)
    rank = rows.truth.argsort().argsort() * 10 // 5000
    off = np.abs(rows.scores["challenger"] - rows.truth)

    deciles = regression_pictures(rows).to_mapping()["deciles"]

    assert isinstance(deciles, list)
    assert [each["rows"] for each in deciles] == [500] * 10
    assert [each["challenger"] for each in deciles] == pytest.approx(
        [off[rank == tenth].mean() for tenth in range(10)]
    )
    assert all(low["high"] == high["low"] for low, high in pairwise(deciles))


def test_a_truth_of_few_values_has_fewer_deciles_and_a_constant_one_has_one() -> None:
    few = np.repeat([1.0, 2.0], [900, 100])
    same = np.full(50, 5.0)

    of_few = regression_pictures(regression(few, challenger=few)).to_mapping()["deciles"]
    of_same = regression_pictures(regression(same, challenger=same)).to_mapping()["deciles"]

    assert isinstance(of_few, list)
    assert [each["rows"] for each in of_few] == [900, 100]
    assert of_same == [{"low": 5.0, "high": 5.0, "rows": 50, "challenger": 0.0}]


def test_the_heavy_tail_is_what_the_worst_thousandth_makes_of_the_squared_error() -> None:
    truth = np.zeros(2000)
    said = np.ones(2000)
    said[[5, 77]] = [30.0, -40.0]

    pictures = regression_pictures(regression(truth, challenger=said)).to_mapping()

    assert pictures["heavy_tail"] == {"challenger": pytest.approx(2500 / 4498)}
