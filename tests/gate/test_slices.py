"""Slices: each is a hold-out of its own, at the thresholds of all rows, and paid for with Holm."""

from dataclasses import replace
from math import isfinite
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.metrics import metric_named
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint, Slices
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.measured import measured
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.scores.regression import RegressionScores
from airflow_aml_retrain.gate.scores.slices import slice_estimates, vanished
from airflow_aml_retrain.gate.statistics.holm import holm
from airflow_aml_retrain.gate.statistics.intervals import harm_p_value
from tests.gate.judged_rows import Numbers, binary, multiclass, regression, slicing

BINARY: Final = ("accuracy", "precision", "recall", "f1", "auc", "log_loss", "log_loss_reduction")
MULTICLASS: Final = ("accuracy", "log_loss", "auc", "macro_precision", "macro_recall", "macro_f1")
HALF: Final = OperatingPoint()


def sigmoid(logits: Numbers) -> Numbers:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def binary_world(rows: int = 4000, seed: int = 1) -> Rows:
    random = np.random.default_rng(seed)
    skill, shared, old, new = random.standard_normal((4, rows))
    truth = random.random(rows) < sigmoid(skill - 1.0)
    segments = random.choice(["A", "B", "C"], rows, p=[0.6, 0.3, 0.1])
    made = binary(
        truth,
        champion=sigmoid(skill - 1.0 + 0.5 * shared + 0.3 * old),
        # On a scale of its own, for which the same threshold means something else.
        challenger=sigmoid(2.0 * (skill + 0.5 * shared + 0.3 * new)),
    )
    return sliced(made, segment=segments, region=random.choice(["N", "S"], rows))


def sliced(rows: Rows, **columns: Any) -> Rows:
    slicings = {name: slicing(name, np.asarray(texts)) for name, texts in columns.items()}
    return replace(rows, slicings=slicings)


def members(rows: Rows, column: str, value: str) -> Any:
    found = rows.slicings[column]
    return found.codes == found.values.index(value)


def rules(*metrics: str, **more: Any) -> Slices:
    return Slices(metrics=metrics, **{"columns": ("segment",), **more})


@pytest.mark.parametrize("point", [HALF, OperatingPoint(threshold=0.4, match="alert_rate")])
def test_a_slice_is_measured_as_its_rows_alone_at_the_thresholds_of_all(
    point: OperatingPoint,
) -> None:
    rows = binary_world()
    cuts = BinaryScores(rows, point).cuts

    found = slice_estimates(rows, rules(*BINARY), point)

    assert [(each.slice, each.metric) for each in found] == [
        (f"segment={value}", metric) for value in "ABC" for metric in BINARY
    ]
    for value in "ABC":
        part = rows.where(members(rows, "segment", value))
        alone = measured(part, cuts)
        for each in found:
            if each.slice == f"segment={value}":
                assert each.estimate == alone.estimate(each.metric, Against.CHAMPION)
                assert each.positives == np.count_nonzero(part.truth)


def test_regression_and_many_classes_have_slices_too() -> None:
    random = np.random.default_rng(2)
    segments = random.choice(["A", "B"], 900)
    truth, old, new = random.standard_normal((3, 900))
    numbers = sliced(
        regression(truth, champion=truth + old, challenger=truth + new), segment=segments
    )
    strength = np.exp(random.standard_normal((2, 900, 3)))
    old_shares, new_shares = strength / strength.sum(axis=2, keepdims=True)
    classes = sliced(
        multiclass(random.choice(3, 900), 3, champion=old_shares, challenger=new_shares),
        segment=segments,
    )

    of_numbers = slice_estimates(numbers, rules("mae", "r2"), HALF)
    of_classes = slice_estimates(classes, rules(*MULTICLASS), HALF)

    for value in "AB":
        mask = members(numbers, "segment", value)
        for found, alone in (
            (of_numbers, RegressionScores(numbers.where(mask))),
            (of_classes, MulticlassScores(classes.where(mask))),
        ):
            for each in found:
                if each.slice == f"segment={value}":
                    assert each.estimate == alone.estimate(each.metric, Against.CHAMPION)
                    assert each.positives is None


def test_clusters_stay_together_over_chunks_of_rows() -> None:
    """More rows than are put in order at a time, and clusters with rows in both halves."""
    random, rows = np.random.default_rng(3), (1 << 20) + 5000
    truth, old, new = random.standard_normal((3, rows))
    clusters = np.arange(rows, dtype=np.int32) % 700
    new += 0.5 * random.standard_normal(700)[clusters]
    made = sliced(
        regression(truth, champion=truth + old, challenger=truth + new, anchor=truth),
        segment=np.where(clusters % 3 == 0, "A", "B"),
    )
    made = replace(made, clusters=clusters)

    found = slice_estimates(made, rules("mae"), HALF)

    for each, value in zip(found, "AB", strict=True):
        alone = RegressionScores(made.where(members(made, "segment", value)))
        assert each.estimate == alone.estimate("mae", Against.CHAMPION)
        assert each.estimate.degrees is not None


def test_columns_cross_into_the_combinations_that_occur() -> None:
    rows = binary_world()
    here = members(rows, "segment", "C") & members(rows, "region", "S")
    rows = rows.where(~here)

    found = slice_estimates(rows, rules("recall", cross=(("segment", "region"),)), HALF)

    assert [each.slice for each in found] == [
        "segment=A",
        "segment=B",
        "segment=C",
        "segment=A, region=N",
        "segment=A, region=S",
        "segment=B, region=N",
        "segment=B, region=S",
        "segment=C, region=N",
    ]
    mask = members(rows, "segment", "B") & members(rows, "region", "S")
    alone = BinaryScores(rows.where(mask), HALF).estimate("recall", Against.CHAMPION)
    assert found[6].estimate == alone


def test_three_columns_cross_whatever_the_number_of_their_values() -> None:
    """300 * 300 * 300 combinations, of which as many occur as there are rows."""
    random = np.random.default_rng(4)
    truth = random.standard_normal(400)
    columns = {name: np.array([f"{each:03}" for each in random.choice(300, 400)]) for name in "abc"}
    rows = sliced(regression(truth, champion=truth, challenger=truth), **columns)
    wanted = [f"a={a}, b={b}, c={c}" for a, b, c in zip(*columns.values(), strict=True)]

    found = slice_estimates(
        rows, rules("mae", columns=(), cross=(("a", "b", "c"),), max_slices=400), HALF
    )

    assert [each.slice for each in found] == sorted(set(wanted))


def test_too_many_slices_are_refused_with_their_number() -> None:
    rows = binary_world()

    with pytest.raises(GateError, match=r"slices.cross make 6 slices, more than .* \(5\)"):
        slice_estimates(
            rows, rules("recall", columns=(), cross=(("segment", "region"),), max_slices=5), HALF
        )
    with pytest.raises(GateError, match=r"slices make 5 slices, more than .* \(4\); name fewer"):
        slice_estimates(rows, rules("recall", columns=("segment", "region"), max_slices=4), HALF)


def test_a_value_without_rows_is_no_slice_and_may_be_missed() -> None:
    rows = binary_world()
    rows = rows.where(~members(rows, "segment", "C"))
    asked = rules(
        "recall", columns=("segment", "region"), must_exist=("segment=A", "segment=C", "region=W")
    )

    assert vanished(rows, asked) == ("segment=C", "region=W")
    assert {each.slice for each in slice_estimates(rows, asked, HALF)} == {
        "segment=A",
        "segment=B",
        "region=N",
        "region=S",
    }


def test_few_rows_or_few_of_the_rarer_class_are_underpowered() -> None:
    truth = np.zeros(1000, dtype=np.bool_)
    truth[[*range(40), *range(600, 880)]] = True
    scores = np.where(truth, 0.6, 0.3)
    rows = sliced(
        binary(truth, champion=scores, challenger=scores),
        # 600 rows with 40 positives, 300 with 20 negatives, 100 with nothing positive.
        segment=np.repeat(["A", "B", "C"], [600, 300, 100]),
    )

    def underpowered(**rule: int) -> list[bool]:
        asked = rules("log_loss", **{"min_rows": 1, "min_positives": 0, **rule})
        return [each.underpowered for each in slice_estimates(rows, asked, HALF)]

    assert underpowered() == [False, False, False]
    assert underpowered(min_rows=301) == [False, True, True]
    assert underpowered(min_positives=21) == [False, True, True]
    assert underpowered(min_positives=41) == [True, True, True]


def test_of_many_classes_only_metrics_of_single_classes_need_rows_of_each() -> None:
    random = np.random.default_rng(5)
    truth = np.repeat([0, 1, 2], [300, 290, 10])
    scores = random.dirichlet([1, 1, 1], 600)
    rows = sliced(
        multiclass(truth, 3, champion=scores, challenger=scores), segment=np.repeat(["A"], 600)
    )

    found = slice_estimates(rows, rules(*MULTICLASS), HALF)

    assert {each.metric for each in found if each.underpowered} == set(MULTICLASS) - {
        "accuracy",
        "log_loss",
    }


def test_a_slice_of_one_class_is_in_infinite_doubt_and_no_exception() -> None:
    rows = binary_world()
    rows = rows.where(~(rows.truth & members(rows, "segment", "B")))

    found = slice_estimates(rows, rules(*BINARY), HALF)

    blind = [each for each in found if each.slice == "segment=B"]
    assert all(each.underpowered for each in blind)
    assert {each.metric for each in blind if not isfinite(each.estimate.se)} >= {"auc", "recall"}


def rejected(p_values: list[float], alpha: float) -> set[int]:
    """Holm's procedure word by word: the least against alpha / m, then alpha / (m - 1)."""
    left, gone = sorted(range(len(p_values)), key=lambda at: p_values[at]), set()
    while left and p_values[left[0]] <= alpha / len(left):
        gone.add(left.pop(0))
    return gone


@given(
    st.lists(st.integers(0, 1000).map(lambda of: of / 1000), max_size=12),
    st.integers(1, 999).map(lambda of: (of + 0.37) / 1000),
)
def test_holm_rejects_what_the_procedure_rejects(p_values: list[float], alpha: float) -> None:
    adjusted = holm(p_values)

    assert {at for at, p_value in enumerate(adjusted) if p_value <= alpha} == rejected(
        p_values, alpha
    )
    assert all(given <= after <= 1 for given, after in zip(p_values, adjusted, strict=True))


def test_holm_of_an_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []


def test_holm_keeps_false_vetoes_of_all_slices_together_at_alpha_and_finds_true_ones() -> None:
    """150 worlds of 20 slices, equal everywhere; then in each one slice is worse."""
    random, mae = np.random.default_rng(6), metric_named("mae")
    asked = rules("mae", min_rows=1)
    segments = np.repeat([f"{number:02}" for number in range(20)], 100)

    def p_values(worse: float) -> list[float]:
        truth, shared, old, new = random.standard_normal((4, 2000))
        size = np.where(segments == "07", 1.0 + worse, 1.0)
        rows = regression(
            truth, champion=truth + shared + old, challenger=truth + size * (shared + new)
        )
        found = slice_estimates(sliced(rows, segment=segments), asked, HALF)
        return [harm_p_value(each.estimate, mae, 0.0) for each in found]

    equal = [p_values(0.0) for _ in range(150)]
    false = sum(bool(min(holm(each)) <= 0.05) for each in equal)
    careless = sum(min(each) <= 0.05 for each in equal)
    found = sum(bool(holm(p_values(0.6))[7] <= 0.05) for _ in range(30))

    # 7.5 are allowed, and 15 are three standard errors more; without Holm it would be 96.
    assert false <= 15
    assert careless >= 75
    assert found >= 20
