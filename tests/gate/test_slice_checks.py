"""A slice passes on numbers alone: what has none, or too few, is named or keeps the champion."""

from dataclasses import replace
from math import inf, isfinite, nan
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.judging.checks import Doubt
from airflow_aml_retrain.gate.judging.results import SliceResult
from airflow_aml_retrain.gate.judging.slice_checks import _vetoed, slice_results
from airflow_aml_retrain.gate.metrics import metric_named
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.statistics.intervals import harm_p_value
from airflow_aml_retrain.gate.verdict import Outcome
from tests.gate.judged_rows import binary, regression, slicing

DOUBT = Doubt(0.05, 0.8)


def rules(metric: str, **more: object) -> Policy:
    lower = metric in {"rae", "mae"}
    check = {"metric": metric, "at_most": 100.0} if lower else {"metric": metric, "at_least": 0.1}
    slices = {"columns": ["g"], "metrics": [metric], **more}
    return Policy.parse({"data": {"label": "y"}, "checks": [check], "slices": slices})


def sliced(rows: Rows, groups: int) -> Rows:
    names = np.array([f"{at % groups}" for at in range(len(rows))])
    return replace(rows, slicings={"g": slicing("g", names)})


def silent_in_one(rows: int = 4000) -> Rows:
    """A challenger that never says yes in g=1."""
    random = np.random.default_rng(1)
    truth = random.random(rows) < 0.4
    old = np.clip(np.where(truth, 0.7, 0.3) + 0.2 * random.standard_normal(rows), 0, 1)
    new = np.where(np.arange(rows) % 2 == 1, 0.4 * old, old)
    return sliced(binary(truth, champion=old, challenger=new), 2)


def constant_in_one(rows: int = 4000) -> Rows:
    random = np.random.default_rng(2)
    truth = np.where(np.arange(rows) % 2 == 1, 5.0, random.standard_normal(rows))
    noise = random.standard_normal((2, rows))
    return sliced(regression(truth, champion=truth + noise[0], challenger=truth + noise[1]), 2)


WORLDS: list[tuple[str, Rows, str]] = [
    ("precision", silent_in_one(), "a ratio over nothing, which has no error; whether it is worse"),
    (
        "rae",
        constant_in_one(),
        "In g=1 the relative absolute error of challenger or champion is no",
    ),
]


@pytest.mark.parametrize(("metric", "rows", "why"), WORLDS)
@pytest.mark.parametrize("mode", ["veto", "prove"])
@pytest.mark.parametrize("rule", ["pass", "warn", "inconclusive"])
def test_numbers_that_are_none_never_pass(
    metric: str, rows: Rows, why: str, mode: str, rule: str
) -> None:
    found = slice_results(rows, rules(metric, mode=mode, on_underpowered=rule), DOUBT)

    (none,) = [each for each in found if each.slice == "g=1"]
    assert none.outcome is (Outcome.INCONCLUSIVE if rule == "inconclusive" else Outcome.NOT_MADE)
    assert why in none.reason
    assert "nan" not in none.reason
    assert none.p_holm is None
    assert all(each.outcome is Outcome.PASSED for each in found if each.slice == "g=0") or (
        mode == "prove"
    )


def test_what_is_too_small_is_left_out_named_or_keeps_the_champion() -> None:
    def found(rule: str) -> list[Outcome]:
        policy = rules("mae", min_rows=5000, on_underpowered=rule)
        return [each.outcome for each in slice_results(constant_in_one(), policy, DOUBT)]

    assert found("pass") == []
    assert found("warn") == [Outcome.NOT_MADE] * 2
    assert found("inconclusive") == [Outcome.INCONCLUSIVE] * 2


def one(**changes: Any) -> SliceResult:
    return replace(slice_results(constant_in_one(), rules("mae"), DOUBT)[0], **changes)


@pytest.mark.parametrize(
    ("p_holm", "outcome"), [(0.05, Outcome.FAILED), (0.050001, Outcome.PASSED), (1.0, "passed")]
)
def test_a_veto_passes_only_above_alpha(p_holm: float, outcome: Outcome) -> None:
    policy = rules("mae")
    assert policy.slices is not None

    assert _vetoed(one(), p_holm, policy.slices).outcome == outcome


def test_a_probability_that_is_none_is_refused() -> None:
    policy = rules("mae")
    assert policy.slices is not None

    with pytest.raises(GateError, match="in g=0 has the probability nan, which is no number"):
        _vetoed(one(), nan, policy.slices)


@pytest.mark.parametrize("groups", [1, 4, 20])
def test_the_harm_that_would_have_been_seen_is_paid_for_with_holm(groups: int) -> None:
    rows = constant_in_one(12_000)
    found = slice_results(sliced(rows, groups), rules("mae"), DOUBT)

    quantile = NormalDist().inv_cdf
    wanted = quantile(0.8) - quantile(0.05 / groups)
    assert len(found) == groups
    for each in found:
        assert each.min_detectable == pytest.approx(wanted * each.se, rel=1e-6)


def test_slices_that_cannot_object_cost_the_others_nothing() -> None:
    found = slice_results(silent_in_one(), rules("precision"), DOUBT)

    seeing = next(each for each in found if each.slice == "g=0")
    blind = next(each for each in found if each.slice == "g=1")
    assert seeing.min_detectable == pytest.approx(2.486 * seeing.se, rel=1e-3)
    assert blind.underpowered
    assert not isfinite(blind.min_detectable)


def test_what_is_in_infinite_doubt_has_no_p_value() -> None:
    estimate = Estimate(
        metric="mae",
        against=Against.CHAMPION,
        challenger=1.0,
        reference=1.0,
        difference=0.0,
        se=inf,
        rows=10,
        effective_rows=10,
        method="none",
    )

    assert not harm_p_value(estimate, metric_named("mae"), 0.0) >= 0


@pytest.mark.parametrize("mode", ["veto", "prove"])
def test_an_auc_that_hangs_on_bits_that_are_gone_decides_nothing(mode: str) -> None:
    """Scores that differ, and fold to one number; of so many rows that none was kept whole."""
    random = np.random.default_rng(3)
    rows = sliced(
        binary(
            random.random(4000) < 0.5,
            champion=np.full(4000, 0.3),
            challenger=np.where(random.random(4000) < 0.5, 0.3, 0.4),
        ),
        2,
    )
    lost = {model: np.zeros(4000, np.bool_) for model in rows.scores}

    policy = rules("auc", mode=mode)
    assert slice_results(rows, policy, DOUBT)
    with pytest.raises(GateError, match="in g=0 scores lie so near each other that 24 bits"):
        slice_results(replace(rows, grain=lost), policy, DOUBT)


def test_a_slice_is_not_judged_by_bins_where_these_could_decide() -> None:
    """Scores so near each other that all of them share a bin: by bins nothing would be harmed."""
    random = np.random.default_rng(4)
    truth = random.random(40_000) < 0.5
    better = 0.3 + 1e-6 * (random.random(40_000) + truth)
    rows = sliced(binary(truth, champion=better, challenger=0.3 + 1e-6 * random.random(40_000)), 1)

    (found,) = slice_results(rows, rules("auc"), DOUBT)

    assert found.outcome is Outcome.FAILED
    assert found.difference < -0.3
