"""
Bounds miss the truth as rarely as they say: enumerated for counts, simulated for means.

A wrong formula is one that is off by much less than these bounds allow: plain intervals of 25
differing rows miss twice as often as promised, and those of none always miss.
"""

from dataclasses import replace
from itertools import product
from math import inf, isnan, sqrt
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from airflow_aml_retrain.gate.estimates import Against, Estimate, Pairs
from airflow_aml_retrain.gate.metrics import METRICS
from airflow_aml_retrain.gate.statistics.intervals import (
    harm_p_value,
    interval,
    min_detectable,
    rows_needed,
)
from airflow_aml_retrain.gate.statistics.least_area import least_area
from airflow_aml_retrain.gate.statistics.moments import spread_of_sums
from airflow_aml_retrain.gate.statistics.spread import FEW, Spread

ROWS: Final = 2000
MOST: Final = 48
"""More gains or losses than this are beyond chance for the means that are enumerated."""


def estimate(**given: Any) -> Estimate:
    made = Estimate(
        metric="log_loss",
        against=Against.CHAMPION,
        challenger=0.31,
        reference=0.3,
        difference=0.01,
        se=0.004,
        rows=ROWS,
        effective_rows=ROWS,
        method="",
    )
    return replace(made, **given)


def flips(gains: int, losses: int, rows: int = ROWS) -> Estimate:
    """A difference of accuracies, with the error that the eight cells give it."""
    lead, differ = (gains - losses) / rows, gains + losses
    # One row is added to each of the four cells in which the models differ.
    square = differ + 4 - rows * lead**2
    return estimate(
        metric="accuracy",
        reference=0.9,
        challenger=0.9 + lead,
        difference=lead,
        se=sqrt(square) / rows,
        skew=(gains - losses) / square**1.5,
        rows=rows,
        effective_rows=rows,
        pairs=Pairs(rows, gains, losses),
    )


def share(hits: int, trials: int, **given: Any) -> Estimate:
    return estimate(
        metric="recall",
        against=Against.NOBODY,
        challenger=hits / trials,
        reference=None,
        difference=hits / trials,
        pairs=Pairs(trials, hits, 0),
        **given,
    )


def test_the_sign_of_an_interval_of_few_flips_is_mcnemars_exact_test() -> None:
    metric = METRICS["accuracy"]

    for gains, losses in product(range(0, FEW, 3), range(0, FEW, 2)):
        if 0 < gains + losses < FEW:
            found = flips(gains, losses)
            wanted = stats.binomtest(losses, gains + losses, 0.5, "greater").pvalue

            assert harm_p_value(found, metric, 0.0) == pytest.approx(wanted, rel=1e-9)
            assert (interval(found, 0.05)[1] < 0) == (wanted < 0.05)


@pytest.mark.parametrize(("alpha", "most"), [(0.05, 0.0525), (0.0125, 0.014)])
def test_bounds_of_flips_miss_no_more_often_than_they_say(alpha: float, most: float) -> None:
    missed = _missed(alpha)

    assert missed.max() < most
    # Nor are they so wide that they say nothing.
    assert missed.max() > 0.9 * alpha


def _missed(alpha: float) -> NDArray[np.float64]:
    """How often the lower bound is too high, by true means of gains and of losses."""
    few = [0.1, 0.5, 1.0, 2.0, 3.0, 4.5, 7.0, 10.0, 14.0, 19.0, 25.0]
    bounds = np.full((MOST, MOST), -1.0)
    for gains, losses in product(range(MOST), range(MOST)):
        bounds[gains, losses] = interval(flips(gains, losses), alpha)[0]
    chance = stats.poisson.pmf(np.arange(MOST), np.array(few)[:, None])
    lead = np.subtract.outer(few, few) / ROWS
    missed = [
        [gained @ (bounds > lead[one, other]) @ lost for other, lost in enumerate(chance)]
        for one, gained in enumerate(chance)
    ]
    return np.array(missed)


def test_two_models_that_never_differ_may_still_differ_in_3_of_n_rows() -> None:
    low, high = interval(flips(0, 0, rows=1000), 0.05)

    assert high == -low == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert harm_p_value(flips(0, 0), METRICS["accuracy"], 0.0) == 1.0


@pytest.mark.parametrize("margin", [-0.004, 0.0, 0.001, 0.004])
@pytest.mark.parametrize(("gains", "losses"), [(0, 9), (3, 14), (5, 5), (20, 60), (60, 20)])
def test_a_p_value_is_below_alpha_where_the_bound_is_past_the_margin(
    gains: int, losses: int, margin: float
) -> None:
    found = flips(gains, losses)

    p_value = harm_p_value(found, METRICS["accuracy"], margin)

    for alpha in (0.001, 0.01, 0.05, 0.2, 0.45):
        assert (-interval(found, alpha)[1] > margin) == (p_value < alpha)


@pytest.mark.parametrize("degrees", [None, 3, 40])
@pytest.mark.parametrize("skew", [-0.3, 0.0, 0.2])
@pytest.mark.parametrize("name", ["log_loss", "auc"])
def test_that_holds_for_means_too_whatever_the_direction(
    name: str, skew: float, degrees: int | None
) -> None:
    for difference in (-0.012, -0.004, 0.003, 0.009):
        found = estimate(metric=name, difference=difference, skew=skew, degrees=degrees)
        p_value = harm_p_value(found, METRICS[name], 0.001)

        for alpha in (0.002, 0.02, 0.05, 0.3):
            low, high = interval(found, alpha)
            harm = low if name == "log_loss" else -high
            assert (harm > 0.001) == (p_value < alpha)


def test_without_skew_an_interval_is_that_of_the_normal_or_of_students_distribution() -> None:
    plain, few = estimate(), estimate(degrees=4)

    assert interval(plain, 0.05) == pytest.approx(stats.norm.interval(0.9, 0.01, 0.004))
    assert interval(few, 0.05) == pytest.approx(stats.t.interval(0.9, 4, 0.01, 0.004))


def test_taking_the_skew_out_gives_both_sides_what_was_promised() -> None:
    rows, worlds = 100, 4000
    numbers = np.random.default_rng(2).exponential(size=(worlds, rows))
    off = numbers - numbers.mean(axis=1, keepdims=True)
    powers = np.stack([(off**power).sum(axis=1) for power in (2, 3, 4)], axis=1).tolist()
    seen = list(zip(numbers.mean(axis=1).tolist(), powers, strict=True))

    straight = np.array([spread_of_sums(rows, *sums).bounds(mean, 0.05) for mean, sums in seen])
    plain = np.array([Spread(sqrt(sums[0]) / rows).bounds(mean, 0.05) for mean, sums in seen])

    # 5 % were promised; the error of these shares is 0.35 %.
    assert (straight[:, 0] > 1).mean() < 0.062
    assert (straight[:, 1] < 1).mean() < 0.062
    assert (plain[:, 1] < 1).mean() > 0.07


def test_a_share_alone_has_exact_bounds_and_an_exact_p_value() -> None:
    found = share(180, 200)
    against_bound = replace(found, reference=0.95)

    wanted = stats.binomtest(180, 200).proportion_ci(0.9, method="exact")
    assert interval(found, 0.05) == pytest.approx((wanted.low, wanted.high))
    tail = stats.binomtest(180, 200, 0.95, "less").pvalue
    assert harm_p_value(against_bound, METRICS["recall"], 0.0) == pytest.approx(tail)


def test_f1_alone_is_one_share_bent() -> None:
    # 40 hits among 60 hits and errors: F1 is 80 / (80 + 20).
    found = replace(share(40, 60), metric="f1", challenger=0.8, difference=0.8)

    low, high = stats.binomtest(40, 60).proportion_ci(0.9, method="exact")
    assert interval(found, 0.05) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    tail = stats.binomtest(40, 60, 0.9 / 1.1, "less").pvalue
    assert harm_p_value(replace(found, reference=0.9), METRICS["f1"], 0.0) == pytest.approx(tail)


def test_rows_that_go_together_count_for_what_they_are_worth() -> None:
    apart = interval(share(90, 100, rows=ROWS, effective_rows=ROWS), 0.05)
    together = interval(share(180, 200, rows=ROWS, effective_rows=ROWS / 2), 0.05)
    of_few = interval(share(180, 200, rows=ROWS, effective_rows=ROWS / 2, degrees=5), 0.05)

    assert together == pytest.approx(apart)
    assert of_few[0] < together[0] < together[1] < of_few[1]


def test_no_bound_leaves_the_range_of_the_metric() -> None:
    wide: dict[str, Any] = {"metric": "auc", "se": 5.0}

    assert interval(estimate(**wide), 0.05) == (-1.0, 1.0)
    alone = estimate(**wide, against=Against.NOBODY, reference=None)
    assert interval(alone, 0.05) == (0.0, 1.0)


def test_what_is_infinitely_uncertain_decides_nothing() -> None:
    found = estimate(se=inf)

    assert interval(found, 0.05) == (-inf, inf)
    assert isnan(harm_p_value(found, METRICS["log_loss"], 0.0))
    assert rows_needed(found, 0.01, 0.05, 0.8) is None


@pytest.mark.parametrize("found", [estimate(), estimate(degrees=5), flips(3, 9), share(5, 60)])
def test_a_hold_out_of_many_uses_may_spend_next_to_nothing(found: Estimate) -> None:
    widths = [np.ptp(interval(found, alpha)) for alpha in (0.01, 1e-8, 1e-20)]

    assert widths[0] < widths[1] < widths[2] < inf


def test_a_difference_without_error_is_what_it_is() -> None:
    found = estimate(se=0.0)

    assert interval(found, 0.05) == (0.01, 0.01)
    assert harm_p_value(found, METRICS["log_loss"], 0.009) == 0.0
    assert harm_p_value(found, METRICS["log_loss"], 0.01) == 1.0


@pytest.mark.parametrize(
    ("differ", "margin", "rows"), [(0.05, 0.01, 3091), (0.2, 0.005, 49460), (0.02, 0.002, 30913)]
)
def test_rows_needed_are_those_of_the_reference(differ: float, margin: float, rows: int) -> None:
    # Equal models that differ in so many of 1,000 rows: gate.md section 5.2.
    found = estimate(metric="accuracy", se=sqrt(differ / 1000), rows=1000, effective_rows=1000)

    assert rows_needed(found, margin, 0.05, 0.8) == pytest.approx(rows, rel=1e-3)
    assert rows_needed(found, -margin, 0.05, 0.8) == rows_needed(found, margin, 0.05, 0.8)
    assert rows_needed(found, 0.0, 0.05, 0.8) is None
    assert rows_needed(found, 1e-300, 0.05, 0.8) is None


def test_the_smallest_harm_that_would_be_seen_is_seen_that_often() -> None:
    found = estimate(metric="accuracy", se=0.01)
    harm = min_detectable(found, 0.05, 0.8)
    drawn = np.random.default_rng(2).normal(-harm, 0.01, 4000)

    seen = np.mean(drawn + 0.01 * stats.norm.ppf(0.95) < 0)

    assert seen == pytest.approx(0.8, abs=0.025)


@pytest.mark.parametrize("ranked", [(1970, 30), (30, 1970), (50, 50), (1, 1)])
@pytest.mark.parametrize("alpha", [0.05, 2e-4])
def test_an_auc_is_as_far_above_its_least_as_the_error_there_allows(
    ranked: tuple[int, int], alpha: float
) -> None:
    """The error is that of Newcombe's method 5, as he writes it, for rows worth half of one."""
    for area in (0.2, 0.5, 0.9, 0.97, 0.999, 1.0):
        least = least_area(area, ranked, 0.5, alpha)
        m, n = ranked[0] / 2, ranked[1] / 2
        star = max((m + n) / 2 - 1, 0)
        inner = 1 + star * (1 - least) / (2 - least) + star * least / (1 + least)
        error = sqrt(least * (1 - least) * inner / (m * n))

        assert 0 < least < area
        assert area - least == pytest.approx(stats.norm.isf(alpha) * error, rel=1e-9)
    assert least_area(0.0, ranked, 0.5, alpha) == 0


@pytest.mark.parametrize(("reference", "against"), [(None, Against.NOBODY), (0.5, Against.PRIOR)])
def test_the_least_auc_bounds_what_is_compared_with_no_model(
    reference: float | None, against: Against
) -> None:
    alone = estimate(
        metric="auc",
        against=against,
        challenger=0.97,
        reference=reference,
        difference=0.97 - (reference or 0),
        se=0.004,
    )
    least = least_area(0.97, (1970, 30), 0.25, 0.05) - (reference or 0)

    low, high = interval(replace(alone, ranked=(1970, 30), effective_rows=ROWS / 4), 0.05)

    assert low == pytest.approx(least)
    assert high == interval(alone, 0.05)[1]
    assert low < interval(alone, 0.05)[0]
