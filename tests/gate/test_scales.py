"""Numbers too large, too small, or too many to be judged are refused in words."""

from io import BytesIO

import numpy as np
import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.decision import Decision
from airflow_aml_retrain.gate.holdout.spending import alpha_of
from airflow_aml_retrain.gate.rules.sections import Spending
from airflow_aml_retrain.gate.scores.regression import RegressionScores
from airflow_aml_retrain.gate.statistics.spread import Spread
from airflow_aml_retrain.gate.verdict import Verdict
from tests.gate.holdouts import decide, policy
from tests.gate.judged_rows import regression
from tests.gate.scored_files import csv_of


def judged(metric: str, unit: float, error: float) -> Decision:
    """Regressions over targets of so large a *unit*, which are off by so large an *error*."""
    random = np.random.default_rng(1)
    truth = unit * random.uniform(0.5, 1.0, 500)
    champion, challenger = (
        BytesIO(
            csv_of(
                *(
                    f"{y!r},{y + off!r}"
                    for y, off in zip(truth.tolist(), each.tolist(), strict=True)
                ),
                header="income,Scored Labels",
            ).encode()
        )
        for each in error * random.standard_normal((2, 500))
    )
    check = {"metric": metric, "vs": "champion"}
    return decide(champion, challenger, policy(check, data={"task": "regression"}))


@pytest.mark.parametrize("metric", ["mae", "rmse", "rae", "rse", "r2"])
@pytest.mark.parametrize("unit", [1.7e308, 1e200, 1e-170, 1e-300])
def test_targets_whose_squares_are_no_numbers_are_refused(metric: str, unit: float) -> None:
    decision = judged(metric, unit, unit * 1e-3)

    assert decision.verdict is Verdict.INVALID
    assert "to be squared; give label and scores in another unit" in decision.reason


@pytest.mark.parametrize("metric", ["mae", "rmse", "rae", "rse", "r2"])
@pytest.mark.parametrize("unit", [1e65, 1e30, 1e-60])
def test_targets_of_any_unit_that_can_be_squared_are_judged_alike(metric: str, unit: float) -> None:
    decision, usual = judged(metric, unit, unit * 1e-1), judged(metric, 1.0, 1e-1)

    assert decision.judgement is not None
    assert usual.judgement is not None
    assert decision.verdict is usual.verdict


def test_a_model_that_is_never_wrong_is_judged() -> None:
    truth = np.linspace(0.0, 1.0, 100)

    assert RegressionScores(regression(truth, challenger=truth)).values("challenger")["mae"] == 0.0


@pytest.mark.parametrize("skew", [0.0, 2.0, -50.0])
def test_what_lies_farther_off_than_a_cube_can_tell_is_as_good_as_certain(skew: float) -> None:
    spread = Spread(1e-200, skew)

    assert spread.above(1.0) == 0.0
    assert spread.above(-1.0) == 1.0


def test_so_many_uses_that_nothing_is_left_for_each_are_refused() -> None:
    with pytest.raises(GateError, match="'adaptive' leaves next to nothing of alpha for each of 2"):
        alpha_of(Spending.ADAPTIVE, 1, 2000, 0.05)

    assert alpha_of(Spending.ADAPTIVE, 1, 900, 0.05) > 0.0
    assert alpha_of(Spending.CHAIN, 1, 1_000_000, 0.05) > 0.0
