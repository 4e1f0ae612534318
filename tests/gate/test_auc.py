"""AUC by bins is as close to the exact one as it says, and its error is DeLong's."""

from math import isnan
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.folded import BINS, bins, fold, unfold
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.scores.auc import (
    area,
    certificate,
    histograms,
    leverage,
    placements,
    reach,
)
from airflow_aml_retrain.gate.scores.ranking import Ranking, binned, exactly, near
from airflow_aml_retrain.gate.scores.sums import place_differences
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.gate.binary_worlds import measured, seen, world
from tests.gate.judged_rows import binary

Numbers = NDArray[np.float64]
Yes = NDArray[np.bool_]

# Few values tie; neighbours of one another share a bin, or do not by a hair.
SPITEFUL: Final = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 5e-324, 1 - 2**-53, 0.3, 0.3 + 1e-7, 0.3 + 1e-4]),
    st.floats(0, 1),
)
rows = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.bool_, n),
        arrays(np.float64, n, elements=SPITEFUL),
        arrays(np.float64, n, elements=SPITEFUL),
    )
)


def by_bins(truth: Yes, scores: Numbers) -> Ranking:
    folded = fold(scores)
    return binned(folded, histograms(truth, bins(folded)))


@settings(max_examples=60)
@given(rows)
def test_the_certificate_is_never_violated(made: tuple[Yes, Numbers, Numbers]) -> None:
    truth, *models = made
    assume(truth.any() and not truth.all())
    off, most = 0.0, 0.0

    for scores in models:
        counts = histograms(truth, bins(fold(scores)))
        counts = counts[:, counts.any(axis=0)]
        exact = exactly(truth, fold(scores))

        assert exact.area == pytest.approx(roc_auc_score(truth, unfold(fold(scores))), abs=1e-12)
        assert exact.certificate == 0.0
        assert abs(area(counts) - exact.area) <= certificate(counts) + 1e-12
        off, most = float(area(counts)) - exact.area - off, float(certificate(counts)) + most

    assert abs(off) <= most + 1e-12


def test_a_constant_score_is_a_coin_and_its_certificate_says_nothing() -> None:
    truth = np.array([True, False, True, False, False])

    ranking = by_bins(truth, np.full(5, 0.3))

    assert (ranking.area, ranking.certificate) == (0.5, 0.5)


@pytest.mark.parametrize("rows", [300, BINS + 5000])
def test_the_error_of_a_difference_is_that_of_delong(rows: int) -> None:
    made = world(rows, 1)

    found = measured(made).estimate("auc", Against.CHAMPION, exact=True)

    values = [placed(made.truth, seen(made, model)) for model in ("champion", "challenger")]
    wanted = delong(made.truth, values[1] - values[0])
    assert found.se == pytest.approx(wanted, rel=1e-6)
    assert (found.method, found.certified) == ("DeLong", 0.0)


def test_the_error_of_one_auc_is_that_of_delong() -> None:
    made = world(400, 2)

    found = measured(made).estimate("auc", Against.NOBODY)

    assert found.se == pytest.approx(delong(made.truth, placed(made.truth, seen(made))), rel=1e-6)
    assert found.challenger == pytest.approx(roc_auc_score(made.truth, seen(made)), abs=1e-12)


def placed(truth: Yes, scores: Numbers) -> Numbers:
    """Placement values: the share of the other class that a row beats, by ranks (Sun and Xu)."""
    everybody, own = rankdata(scores), np.empty(len(scores))
    for side in (truth, ~truth):
        own[side] = rankdata(scores[side])
    beaten = (everybody - own) / np.where(truth, (~truth).sum(), truth.sum())
    return np.asarray(np.where(truth, beaten, 1.0 - beaten))


def delong(truth: Yes, values: Numbers) -> float:
    variances = [values[side].var(ddof=1) / side.sum() for side in (truth, ~truth)]
    return float(np.sqrt(sum(variances)))


def test_bins_are_nearly_as_good_as_the_scores_where_rows_are_many() -> None:
    made = world(BINS + 50_000, 3, base=-4.0)
    scores = measured(made)

    close = scores.estimate("auc", Against.CHAMPION)
    exact = scores.estimate("auc", Against.CHAMPION, exact=True)

    assert close.method == "DeLong by bins"
    assert 0 < abs(close.difference - exact.difference) <= close.certified < 1e-3
    assert abs(close.difference - exact.difference) < 1e-6
    assert close.se == pytest.approx(exact.se, rel=1e-4)


def test_what_a_row_beats_is_counted_twice_and_ties_once() -> None:
    counts = np.array([[1, 2, 0, 1], [0, 1, 1, 0]])

    assert placements(counts).tolist() == [[4, 3, 1, 0], [1, 4, 6, 7]]
    assert area(counts) == (4 + 6) / (2 * 4 * 2)
    assert certificate(counts) == 2 / (2 * 4 * 2)


def test_many_histograms_are_measured_at_once() -> None:
    many = np.random.default_rng(4).integers(0, 5, (3, 2, 2, 7))

    areas, bounds = area(many), certificate(many)

    assert areas.shape == bounds.shape == (3, 2)
    assert areas[2, 1] == area(many[2, 1])
    assert bounds[0, 1] == certificate(many[0, 1])


def test_an_auc_of_one_class_is_no_number_and_infinitely_uncertain() -> None:
    counts = np.array([[0, 0], [2, 1]])

    assert isnan(area(counts))
    assert not np.isfinite(leverage(counts, 0.0).slope).all()
    assert reach(counts).tolist() == [6.0, 0.0]


def test_bins_rank_the_same_whether_the_place_of_each_row_is_kept_or_not() -> None:
    random = np.random.default_rng(9)
    truth, folded = random.random(5000) < 0.2, fold(random.beta(0.3, 2.0, 5000))

    one, other = near(truth, folded), binned(folded, histograms(truth, bins(folded)))

    assert one.area == other.area == float(area(other.counts))
    assert one.certificate == other.certificate > 0.0
    assert np.array_equal(one.placed(truth, slice(None)), other.placed(truth, slice(None)))


def test_numbers_too_large_for_four_bytes_are_kept_whole() -> None:
    truth, folded = np.array([True, False]), fold(np.array([0.9, 0.1]))
    counts = np.zeros((2, BINS), dtype=np.int64)
    counts[[1, 0], bins(folded)] = [1_500_000_000, 2_000_000_000]

    ranking = binned(folded, counts)

    assert ranking.area == 1.0
    assert ranking.table[-1] == 4_000_000_000
    assert place_differences(truth, ranking, ranking).mean == 0.0


def test_intervals_of_a_difference_miss_as_rarely_as_they_say() -> None:
    truth = true_difference()

    bounds = np.array(
        [
            interval(measured(world(300, seed)).estimate("auc", Against.CHAMPION), 0.05)
            for seed in range(400)
        ]
    )

    # 5 % were promised on either side; the error of such a share of 400 is 1.1 %.
    assert (bounds[:, 0] > truth).mean() < 0.085
    assert (bounds[:, 1] < truth).mean() < 0.085
    assert ((bounds[:, 0] > truth) | (bounds[:, 1] < truth)).mean() > 0.05


def true_difference() -> float:
    return measured(world(400_000, 0)).estimate("auc", Against.CHAMPION).difference


@pytest.mark.parametrize(
    ("scores", "doubt"),
    [(lambda truth: truth * 1.0, 0.03), (lambda truth: truth * 0.0 + 0.3, 0.058)],
)
def test_a_perfect_or_a_constant_ranking_is_still_in_doubt(scores: Any, doubt: float) -> None:
    truth = np.arange(300) % 3 == 0
    made: Rows = binary(truth, challenger=scores(truth))

    found = measured(made).estimate("auc", Against.NOBODY)

    low, high = interval(found, 0.05)
    # As many pairs as the rarer class has rows are independent of each other: 3 / 100. That all
    # ranks tie `least_area` does not know, and doubts as of ranks that differ.
    assert found.challenger - low == pytest.approx(doubt, rel=0.1)
    assert high >= found.challenger
