"""Every row is counted once, by what champion and challenger made of it."""

from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.scores.flips import FlipReport, flips
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.scores.regression import RegressionScores
from tests.gate.binary_worlds import measured, world
from tests.gate.judged_rows import binary, multiclass, regression

TRUTH: Final = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=np.bool_)
OLD: Final = np.array([1, 1, 0, 0, 0, 0, 0, 1, 1, 1])
NEW: Final = np.array([1, 0, 1, 0, 0, 0, 1, 0, 0, 1])


def of(rows: Rows, alpha: float = 0.05) -> FlipReport:
    return flips(rows, measured(rows), alpha)


def test_rows_are_counted_by_who_had_them_right() -> None:
    found = of(binary(TRUTH, champion=OLD * 1.0, challenger=NEW * 1.0))

    assert (found.right_right, found.right_wrong) == (3, 2)
    assert (found.wrong_right, found.wrong_wrong) == (3, 2)
    assert (found.negative_rate, found.positive_rate, found.churn) == (0.2, 0.3, 0.5)


def test_of_many_classes_a_wrong_answer_can_change_and_stay_wrong() -> None:
    truth, old, new = np.array([0, 1, 2, 2]), np.array([0, 1, 0, 0]), np.array([0, 2, 1, 0])
    rows = multiclass(truth, 3, champion=certain(old), challenger=certain(new))

    found = flips(rows, MulticlassScores(rows))

    assert (found.right_right, found.right_wrong) == (1, 1)
    assert (found.wrong_right, found.wrong_wrong) == (0, 2)
    assert found.churn == 0.5


def certain(said: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(0.1 + 0.7 * np.eye(3)[said])


def test_a_threshold_decides_what_was_said() -> None:
    rows = world(2000, 1)
    low, high = (flips(rows, measured(rows, cut), 0.05) for cut in (0.1, 0.9))

    assert low.churn > high.churn
    assert low.right_wrong + low.wrong_right == round(low.churn * 2000)


@pytest.mark.parametrize("alpha", [0.05, 0.004])
def test_the_rate_of_negative_flips_has_exact_bounds(alpha: float) -> None:
    rows = world(2000, 2)

    found = of(rows, alpha)

    exact = stats.binomtest(found.right_wrong, 2000).proportion_ci(1 - 2 * alpha)
    assert (found.negative_low, found.negative_high) == pytest.approx((exact.low, exact.high))


def test_that_none_was_seen_is_no_proof_that_there_are_none() -> None:
    rows = world(1000, 3)
    same = replace(rows, scores=dict.fromkeys(rows.scores, rows.scores["champion"]))

    assert of(same).negative_high == pytest.approx(3 / 1000, rel=5e-3)


def test_rows_that_are_repeated_tell_nothing_new() -> None:
    rows = world(1000, 4)
    repeated = rows.where(np.repeat(np.arange(1000), 4))
    together = replace(repeated, clusters=np.repeat(np.arange(1000, dtype=np.int32), 4))

    once, again = of(rows), of(together)

    assert again.negative_rate == once.negative_rate
    assert again.negative_high == pytest.approx(once.negative_high, rel=0.01)
    assert again.negative_low == pytest.approx(once.negative_low, rel=0.01)
    assert of(repeated).negative_high < once.negative_high


def test_the_record_has_what_its_schema_names() -> None:
    assert set(of(world(100, 5)).to_mapping()) == {
        "right_right",
        "right_wrong",
        "wrong_right",
        "wrong_wrong",
        "negative_rate",
        "negative_low",
        "negative_high",
        "positive_rate",
        "churn",
    }


def test_numbers_are_neither_right_nor_wrong() -> None:
    numbers = np.arange(5.0)
    rows = regression(numbers, champion=numbers, challenger=numbers)

    with pytest.raises(GateError, match="flips are of answers, right or wrong"):
        flips(rows, RegressionScores(rows))
