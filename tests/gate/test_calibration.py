"""Calibration is told with its doubt: a perfect model is found perfect, a bent one bent."""

from dataclasses import replace
from math import inf, isnan, sqrt
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.scores.calibration import CalibrationReport, calibration
from airflow_aml_retrain.gate.scores.sums import counted_by_bin
from tests.gate.binary_worlds import seen, sigmoid, world
from tests.gate.judged_rows import binary

Numbers = NDArray[np.float64]

WORLDS: Final = 250


def drawn(rows: int, seed: int, *, slope: float = 1.0, shift: float = 0.0) -> Rows:
    """Scores whose odds are bent: *slope* 1 and *shift* 0 are perfectly calibrated."""
    random = np.random.default_rng(seed)
    odds = -1.5 + 1.2 * random.standard_normal(rows)
    truth = random.random(rows) < sigmoid(slope * odds + shift)
    return binary(truth, challenger=sigmoid(odds))


def report(rows: Rows, alpha: float = 0.025) -> CalibrationReport:
    return calibration(rows, "challenger", alpha=alpha)


def test_the_ratio_of_observed_to_expected_is_exact() -> None:
    rows = world(3000, 1)

    found = report(rows)

    assert found.observed_expected == pytest.approx(rows.truth.sum() / seen(rows).sum(), rel=1e-9)
    assert found.observed_expected_low < found.observed_expected < found.observed_expected_high


def test_slope_and_intercept_are_those_of_scikit_learn() -> None:
    rows = drawn(5000, 2, slope=0.7, shift=0.3)
    odds = np.log(seen(rows) / (1 - seen(rows)))

    fitted = LogisticRegression(C=inf, tol=1e-9, max_iter=1000).fit(odds[:, None], rows.truth)

    found = report(rows)
    assert found.slope == pytest.approx(float(fitted.coef_[0, 0]), abs=2e-3)
    assert found.intercept == pytest.approx(float(fitted.intercept_[0]), abs=4e-3)


def test_errors_are_those_of_a_bootstrap_of_rows() -> None:
    rows, random = drawn(1500, 3, slope=0.6), np.random.default_rng(4)

    again = [report(rows.where(random.integers(0, len(rows), len(rows)))) for _ in range(200)]

    # One error each way holds 68 %; the bootstrap's own error is 5 %.
    found = report(rows, alpha=0.1587)
    for name in ("slope", "observed_expected"):
        error = (getattr(found, f"{name}_high") - getattr(found, f"{name}_low")) / 2
        assert error == pytest.approx(np.std([getattr(each, name) for each in again]), rel=0.2)


def test_bounds_of_a_perfect_model_miss_1_as_rarely_as_they_say() -> None:
    found = [report(drawn(400, seed), alpha=0.05) for seed in range(WORLDS)]

    for name in ("slope", "observed_expected"):
        low = np.array([getattr(each, f"{name}_low") for each in found])
        high = np.array([getattr(each, f"{name}_high") for each in found])
        # 5 % were promised on either side; the error of such a share of 250 is 1.4 %.
        assert (low > 1).mean() < 0.1
        assert (high < 1).mean() < 0.1
        assert ((low > 1) | (high < 1)).mean() > 0.04


@pytest.mark.parametrize("slope", [0.5, 2.0])
def test_a_bent_model_is_found_bent(slope: float) -> None:
    found = report(drawn(20_000, 5, slope=slope))

    assert found.slope_low < slope < found.slope_high
    assert not found.slope_low < 1.0 < found.slope_high
    assert found.debiased_low > 0.02
    assert found.ece > 5 * found.ece_floor


def test_the_error_of_a_perfect_model_is_its_floor_and_nothing_without_bias() -> None:
    found = [report(drawn(1000, seed)) for seed in range(WORLDS)]

    assert np.mean([each.ece for each in found]) == pytest.approx(
        np.mean([each.ece_floor for each in found]), rel=0.03
    )
    assert np.mean([each.ece for each in found]) > 0.02
    # What is left of the mean square error has no bias, so that half of its roots are 0.
    assert np.mean([each.debiased == 0 for each in found]) > 0.4
    assert np.mean([each.debiased_low > 0 for each in found]) < 0.06


def test_ece_is_that_of_a_plain_count_by_groups() -> None:
    rows = world(4500, 6)
    order = np.argsort(seen(rows), kind="stable")
    groups = [(rows.truth[at], seen(rows)[at]) for at in np.array_split(order, 15)]

    wanted = sum(
        len(truth) / len(rows) * abs(float(truth.mean() - scores.mean()))
        for truth, scores in groups
    )

    assert report(rows).ece == pytest.approx(wanted, abs=2e-3)


def test_bins_for_the_picture_are_few_and_hold_every_row() -> None:
    rows = world(5000, 7)

    bins = report(rows).bins

    assert len(bins) == 20
    assert sum(each.rows for each in bins) == 5000
    assert max(each.rows for each in bins) < 300
    scores = [each.mean_score for each in bins]
    assert scores == sorted(scores)
    assert np.average(scores, weights=[each.rows for each in bins]) == pytest.approx(
        seen(rows).mean(), rel=1e-3
    )
    assert all(each.low <= each.observed <= each.high for each in bins)


def test_scores_that_tie_share_a_bin() -> None:
    truth = np.arange(1000) % 4 == 0

    found = report(binary(truth, challenger=np.where(np.arange(1000) < 700, 0.2, 0.3)))

    assert [each.rows for each in found.bins] == [700, 300]


@pytest.mark.parametrize("scores", [0.25, 0.0, 1.0])
def test_a_constant_score_has_no_slope_and_all_slopes_are_possible(scores: float) -> None:
    truth = np.arange(1000) % 4 == 0

    found = report(binary(truth, challenger=np.full(1000, scores)))

    assert isnan(found.slope)
    assert (found.slope_low, found.slope_high) == (-inf, inf)
    assert found.observed_expected == pytest.approx(0.25 / scores if scores else inf)
    assert found.ece == pytest.approx(abs(scores - 0.25), abs=3e-4)


def test_a_model_that_parts_the_classes_has_no_slope_that_is_steep_enough() -> None:
    truth = np.arange(400) % 2 == 0

    found = report(binary(truth, challenger=np.where(truth, 0.8, 0.3)))

    assert isnan(found.slope)
    assert found.debiased == pytest.approx(sqrt((0.2**2 + 0.3**2) / 2), rel=1e-2)


def test_rows_that_go_together_widen_every_bound() -> None:
    rows = world(500, 8)
    repeated = rows.where(np.repeat(np.arange(500), 6))
    together = replace(repeated, clusters=np.repeat(np.arange(500, dtype=np.int32), 6))

    once, careless, careful = report(rows), report(repeated), report(together)

    for name in ("slope", "observed_expected"):
        widths = [
            getattr(each, f"{name}_high") - getattr(each, f"{name}_low")
            for each in (once, careless, careful)
        ]
        assert widths[2] == pytest.approx(widths[0], rel=0.02)
        assert widths[1] < 0.5 * widths[0]


def test_the_order_of_the_rows_changes_no_bit() -> None:
    rows = world(150_000, 9)
    turned = rows.where(np.random.default_rng(10).permutation(len(rows)))

    assert report(turned) == report(rows)


def test_histograms_that_are_known_need_not_be_made_again() -> None:
    rows = world(1000, 11)

    known = counted_by_bin(rows, "challenger")

    assert calibration(rows, "challenger", counts=known) == report(rows)


def test_the_record_has_what_its_schema_names() -> None:
    mapping = report(world(1000, 12)).to_mapping()

    assert set(mapping) == {
        "observed_expected",
        "observed_expected_low",
        "observed_expected_high",
        "slope",
        "slope_low",
        "slope_high",
        "intercept",
        "ece",
        "ece_floor",
        "debiased",
        "bins",
    }
    bins = mapping["bins"]
    assert isinstance(bins, list)
    assert set(bins[0]) == {"mean_score", "observed", "low", "high", "rows"}
