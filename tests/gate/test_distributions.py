"""Quantiles and tails have the digits that are promised; scipy is the oracle."""

from math import cos

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from airflow_aml_retrain.gate.statistics.distributions import (
    binomial_at_least,
    clopper_pearson,
    normal_above,
    normal_quantile,
    root,
    t_above,
    t_quantile,
    wilson,
)

counts = st.one_of(st.integers(1, 60), st.integers(1, 10_000_000)).flatmap(
    lambda trials: st.tuples(st.integers(0, trials), st.just(trials))
)
alphas = st.floats(1e-6, 0.5)


@given(counts, alphas)
def test_clopper_pearson_is_the_quantile_of_the_beta_distribution(
    seen: tuple[int, int], alpha: float
) -> None:
    count, trials = seen

    low, high = clopper_pearson(count, trials, alpha)

    wanted_low = stats.beta.ppf(alpha, count, trials - count + 1) if count else 0.0
    missed = stats.beta.ppf(alpha, trials - count, count + 1) if count < trials else 0.0
    assert low == pytest.approx(wanted_low, rel=1e-8)
    assert 1.0 - high == pytest.approx(missed, rel=1e-8, abs=1e-15)


def test_clopper_pearson_knows_the_rule_of_three() -> None:
    assert clopper_pearson(0, 1000, 0.05)[1] == pytest.approx(3.0 / 1000, rel=5e-3)
    assert clopper_pearson(0, 1000, 0.05)[0] == 0.0
    assert clopper_pearson(1000, 1000, 0.05) == pytest.approx((0.05 ** (1 / 1000), 1.0))


def test_counts_need_not_be_whole() -> None:
    low, high = clopper_pearson(3.5, 20.25, 0.05)

    assert low == pytest.approx(stats.beta.ppf(0.05, 3.5, 17.75), rel=1e-9)
    assert high == pytest.approx(stats.beta.ppf(0.95, 4.5, 16.75), rel=1e-9)


@given(counts, st.floats(1e-6, 1 - 1e-6))
def test_binomial_tails_are_those_of_scipy(seen: tuple[int, int], chance: float) -> None:
    count, trials = seen

    tail = binomial_at_least(count, trials, chance)

    assert tail == pytest.approx(stats.binom.sf(count - 1, trials, chance), rel=1e-6, abs=1e-250)


def test_tails_keep_their_digits_however_small_they_are() -> None:
    assert binomial_at_least(80, 100, 0.3) == pytest.approx(7.0635016e-25, rel=1e-7)
    assert binomial_at_least(5, 4, 0.3) == 0.0


@given(st.floats(1e-9, 1 - 1e-9), st.integers(1, 20_000))
def test_t_quantiles_are_those_of_scipy(probability: float, degrees: int) -> None:
    quantile = t_quantile(probability, degrees)

    assert quantile == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-8, abs=1e-9)
    assert t_above(quantile, degrees) == pytest.approx(1.0 - probability, rel=1e-6)


def test_the_normal_distribution_is_that_of_scipy() -> None:
    assert normal_quantile(0.975) == pytest.approx(stats.norm.ppf(0.975), rel=1e-12)
    assert normal_above(6.0) == pytest.approx(stats.norm.sf(6.0), rel=1e-9)


@pytest.mark.parametrize(("count", "trials"), [(0, 40), (3, 40), (700, 1000), (40, 40)])
def test_wilson_is_that_of_scipy(count: int, trials: int) -> None:
    wanted = stats.binomtest(count, trials).proportion_ci(0.9, method="wilson")

    assert wilson(count, trials, 0.05) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_a_root_is_found_where_the_function_is_steep_and_where_it_is_flat() -> None:
    assert root(lambda x: -cos(x), 0.0, 3.0) == pytest.approx(1.5707963267948966, rel=1e-13)
    assert root(lambda x: x**9 - 1e-27, 0.0, 1.0) == pytest.approx(1e-3, rel=1e-9)
    assert root(lambda x: (x > 0.3) - 0.5, 0.0, 1.0) == pytest.approx(0.3, abs=1e-9)
