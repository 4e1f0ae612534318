"""Folding loses nothing that matters: order, thresholds, and both ends of the scale."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from airflow_aml_retrain.gate.folded import (
    BINS,
    at_least,
    bins,
    fold,
    losses,
    middles,
    order,
    unfold,
)

# The ends, the middle, their neighbours, and -0.0, which must not become 1.
SPITEFUL = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 5e-324, 1e-45, 1e-300, 0.5 + 2**-53, 1 - 2**-53]),
    st.floats(0, 1),
)
scores = st.integers(1, 60).flatmap(lambda n: arrays(np.float64, n, elements=SPITEFUL))
Numbers = NDArray[np.float64]


@given(scores)
def test_scores_come_back_to_24_bits_at_both_ends(given_scores: Numbers) -> None:
    back = unfold(fold(given_scores))

    assert back == pytest.approx(given_scores, rel=1e-7, abs=1e-44)
    assert 1 - back == pytest.approx(1 - given_scores, rel=1e-7, abs=2e-16)


@given(scores)
def test_order_and_bins_are_those_of_the_scores(given_scores: Numbers) -> None:
    folded = fold(given_scores)
    sorted_by_score = np.argsort(given_scores, kind="stable")

    ranks = order(folded)[sorted_by_score].astype(np.int64)
    places = bins(folded)[sorted_by_score]

    assert (np.diff(ranks) >= 0).all()
    assert (np.diff(places) >= 0).all()
    assert places[0] >= 0
    assert places[-1] < BINS
    # As bits, for 0 and 1 are 0.0 and -0.0 here, which are equal as numbers.
    same = np.diff(folded[sorted_by_score].view(np.int32)) == 0
    assert ((np.diff(ranks) == 0) == same).all()


@given(scores)
def test_the_middle_of_its_bin_is_close_to_a_score_and_to_1_less_it(given_scores: Numbers) -> None:
    folded = fold(given_scores)
    kept, middle = unfold(folded), middles()[bins(folded)]

    assert middle == pytest.approx(kept, rel=1.1e-3, abs=1e-38)
    assert 1 - middle == pytest.approx(1 - kept, rel=2.1e-3, abs=1e-15)


@given(scores, SPITEFUL)
def test_a_threshold_cuts_where_the_folded_scores_say(
    given_scores: Numbers, threshold: float
) -> None:
    folded, limit = fold(given_scores), fold(np.array([threshold]))

    assert (at_least(folded, threshold) == (order(folded) >= order(limit))).all()
    # Where 24 bits can tell the two apart, so does the threshold.
    apart = abs(given_scores - threshold) > 1e-7
    assert (at_least(folded, threshold) == (given_scores >= threshold))[apart].all()


@given(scores, st.integers(0, 2**60 - 1))
def test_losses_are_those_of_scikit_learn(given_scores: Numbers, answers: int) -> None:
    truth = np.array([answers >> at & 1 for at in range(len(given_scores))], dtype=np.bool_)
    assume(truth.any() and not truth.all())
    folded = fold(given_scores)

    mean = losses(truth, folded).mean()

    assert mean == pytest.approx(log_loss(truth, unfold(folded)), rel=1e-9, abs=1e-10)


def test_the_sum_of_losses_does_not_depend_on_the_order_of_rows() -> None:
    random = np.random.default_rng(1)
    truth, folded = random.random(60_000) < 0.3, fold(random.random(60_000))
    turned = random.permutation(60_000)

    total = losses(truth, folded).sum()

    assert losses(truth[turned], folded[turned]).sum() == total
    assert losses(truth, folded)[::-1].cumsum()[-1] == total
