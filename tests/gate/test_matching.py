"""Rows of several files are the same rows, by order or by id, or it is said which are not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.folded import unfold
from airflow_aml_retrain.gate.rows import ANCHOR, CHALLENGER, CHAMPION, Rows
from tests.gate.scored_files import (
    BINARY,
    MULTICLASS,
    REGRESSION,
    SCORE,
    csv_of,
    parquet_of,
    read,
    read_all,
)

GAPS_ALLOWED = {**BINARY, "preconditions": {"max_null_fraction": 0.5}}
IDS = f"id,y,{SCORE}"


def scores(rows: Rows, model: str) -> list[float]:
    return list(map(float, unfold(rows.scores[model])))


def by_id(champion: list[str], challenger: list[str], **more: Any) -> Rows:
    files = {
        CHAMPION: csv_of(*champion, header=IDS),
        CHALLENGER: csv_of(*challenger, header=IDS),
    }
    return read_all(files, more.pop("rules", BINARY), id="id", **more)


def test_without_ids_rows_go_by_their_order() -> None:
    rows = read_all({CHALLENGER: csv_of("0,.5", "1,.75"), CHAMPION: csv_of("0,.25", "1,1")})

    assert list(rows.scores) == [CHAMPION, CHALLENGER]
    assert scores(rows, CHAMPION) == [0.25, 1]
    assert scores(rows, CHALLENGER) == [0.5, 0.75]
    assert (rows.quality.matched_by, rows.is_in_order) == ("order", True)


APART: list[tuple[tuple[str, str], Any, str]] = [
    (
        (csv_of(*["0,.1", "1,.1"] * 9), csv_of(*["0,.1", "0,.1"] * 8, "0,.1", "1,.1")),
        BINARY,
        "champion and challenger differ in rows 2, 4, 6, 8, 10 and 3 more of the champion's; score",
    ),
    (
        (csv_of("0,.1", "1,.1", "1,.1"), csv_of("0,.1", "1,.1")),
        BINARY,
        "the champion scored 3 rows and the challenger 2; score both .* or name their ids",
    ),
    (
        (csv_of("0,.1", "1,.1"), csv_of("0,.1", "2,.1")),
        BINARY,
        r"champion's classes are \('0', '1'\) and the challenger's \('0', '2'\)",
    ),
    (
        (csv_of("a,1", "b,0", header=f"y,{SCORE}"), csv_of("a,1,0", "b,0,1", header="y,p_a,p_b")),
        {"checks": [{"metric": "auc", "at_least": 0.5}]},
        "challenger's file: there is no score column",
    ),
    (
        (
            csv_of("a,1", "b,0"),
            csv_of("a,1,0", "b,0,1", header=f"y,{SCORE}_a,{SCORE}_b"),
        ),
        BINARY,
        "the champion's columns are those of binary, the challenger's those of multiclass",
    ),
    (
        (
            csv_of("1,1", "2,2", header="y,Scored Labels"),
            csv_of("1,1", "2.5,2", header="y,Scored Labels"),
        ),
        REGRESSION,
        "differ in row 2 of the champion's",
    ),
]


@pytest.mark.parametrize(("files", "rules", "said"), APART, ids=[said for *_, said in APART])
def test_files_of_different_rows_are_refused(files: tuple[str, str], rules: Any, said: str) -> None:
    with pytest.raises(GateError, match=said):
        read_all(dict(zip((CHAMPION, CHALLENGER), files, strict=True)), rules)


def test_with_ids_rows_are_joined_in_the_order_of_the_champion() -> None:
    rows = by_id(["7,0,.25", "x,1,.5", "9,1,.75"], ["9,1,1", "7,0,0", "x,1,.125"])

    assert scores(rows, CHAMPION) == [0.25, 0.5, 0.75]
    assert scores(rows, CHALLENGER) == [0, 0.125, 1]
    assert rows.truth.tolist() == [False, True, True]
    assert (rows.quality.matched_by, rows.is_in_order) == ("id", False)


def test_files_in_one_order_stay_in_it() -> None:
    rows = by_id(["7,0,.25", "x,1,.5"], ["7,0,0", "x,1,.125"])

    assert (rows.quality.matched_by, rows.is_in_order) == ("id", True)


def test_rows_that_are_not_in_all_files_or_came_before_are_left_out_and_counted() -> None:
    rows = by_id(
        ["a,0,.1", "b,1,.2", "c,0,.25", "b,0,.4", "d,1,.5"],
        ["d,1,1", "c,0,0", "e,0,.5", "b,1,.75", "f,1,.5"],
    )

    assert scores(rows, CHAMPION) == pytest.approx([0.2, 0.25, 0.5])
    assert scores(rows, CHALLENGER) == [0.75, 0, 1]
    assert rows.quality.read == {CHAMPION: 5, CHALLENGER: 5}
    assert (rows.quality.unmatched, rows.quality.duplicates) == (3, 1)
    assert rows.quality.example == (
        "only in some files: row 1 of the champion's; "
        "with an id that came before: row 4 of the champion's; "
        "only in some files: rows 3, 5 of the challenger's"
    )


def test_duplicates_are_seen_also_where_all_files_have_them() -> None:
    lines = ["a,0,.25", "b,1,.75", "a,1,.5"]

    rows = by_id(lines, lines)

    assert rows.truth.tolist() == [False, True]
    assert (rows.quality.unmatched, rows.quality.duplicates) == (0, 1)
    assert not rows.is_in_order


def test_a_row_that_only_the_anchor_lacks_is_left_out() -> None:
    both = csv_of("a,0,.25", "b,1,.5", "c,1,.75", header=IDS)

    rows = read_all(
        {CHAMPION: both, CHALLENGER: both, ANCHOR: csv_of("c,1,1", "a,0,0", header=IDS)}, id="id"
    )

    assert scores(rows, CHALLENGER) == [0.25, 0.75]
    assert scores(rows, ANCHOR) == [0, 1]
    assert rows.quality.unmatched == 1


ids = st.lists(st.integers(0, 30), min_size=1, max_size=40)


@settings(max_examples=30)
@given(ids, ids)
def test_the_join_is_that_of_pandas(left: list[int], right: list[int]) -> None:
    left, right = [0, 1, *left], [*right, 1, 0]
    old = pd.DataFrame({"id": left, "place": range(len(left))}).drop_duplicates("id")
    new = pd.DataFrame({"id": right, "place": range(len(right))}).drop_duplicates("id")
    expected = old.merge(new, on="id")

    rows = read_all(
        {
            CHAMPION: parquet_of({"id": left, "y": np.array(left) % 2, SCORE: places(left)}),
            CHALLENGER: csv_of(
                *(f"{key},{key % 2},{at}" for key, at in zip(right, places(right), strict=True)),
                header=IDS,
            ),
        },
        id="id",
    )

    assert scores(rows, CHAMPION) == (expected.place_x / 64).tolist()
    assert scores(rows, CHALLENGER) == (expected.place_y / 64).tolist()
    assert rows.quality.unmatched == len(set(left) ^ set(right))


def places(rows: list[int]) -> list[float]:
    return [at / 64 for at in range(len(rows))]


NUMBERS = [0, 7, -7, 123456789, 10**17, -(10**17), 10**18 - 1, 10**18, -(2**63), 2**63 - 1]


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("other", ["9", "x"], ids=["among numbers", "among texts"])
def test_a_number_and_its_text_are_one_id(key: int, other: str) -> None:
    numbers = parquet_of({"id": [key, 5], "y": [0, 1], SCORE: [0.25, 0.75]})
    texts = csv_of("5,1,.5", f" {key} ,0,.25", f"{other},0,.25", header=IDS)

    rows = read_all({CHAMPION: numbers, CHALLENGER: texts}, id="id")

    assert scores(rows, CHALLENGER) == [0.25, 0.5]
    assert rows.quality.unmatched == 1


def test_texts_that_only_look_alike_are_different_ids() -> None:
    alike = ["7", "07", "7.0", "+7", "-7", "seven", "sevens", "77", "7" * 19, "7" * 20, "é", "e"]
    lines = [f"{key},{at % 2},{at / 64}" for at, key in enumerate(alike)]

    rows = by_id(lines, lines[::-1])

    assert scores(rows, CHALLENGER) == [at / 64 for at in range(len(alike))]
    assert rows.quality.duplicates == 0


def test_long_ids_that_differ_in_one_byte_are_different() -> None:
    long = [f"{'k' * at}x{'k' * (40 - at)}" for at in range(41)]
    lines = [f"{key},{at % 2},{at / 64}" for at, key in enumerate(long)]

    assert scores(by_id(lines, lines[::-1]), CHALLENGER) == [at / 64 for at in range(41)]


@pytest.mark.parametrize(
    ("challenger", "said"),
    [
        (["c,0,.1", "d,1,.2"], "no id is in all files"),
        (["b,0,.1", "a,1,.2"], "labels of champion and challenger differ in rows 2, 3 of the cham"),
        (["a,0,.1", ",1,.2", " ,1,.2"], "challenger's file: id 'id' is missing in rows 2, 3"),
    ],
)
def test_ids_that_match_nothing_are_refused(challenger: list[str], said: str) -> None:
    with pytest.raises(GateError, match=said):
        by_id(["z,1,.5", "a,0,.5", "b,1,.5"], challenger)


def test_rows_with_gaps_are_left_out_of_all_files_where_the_policy_allows_gaps() -> None:
    labels, answers = [0, 1, 0, 1, None, 0], [None, 0.5, 0.25, 0.125, None, 0.75]

    rows = read_all(
        {
            CHAMPION: csv_of("0,.25", "1,.5", ",.75", "1,1", "0, ", "0,.875"),
            CHALLENGER: parquet_of({"y": labels, SCORE: answers}),
            ANCHOR: csv_of("0,.25", "1,.5", "0,.75", "1,0", "0,.375", "0,1"),
        },
        GAPS_ALLOWED,
    )

    assert rows.truth.tolist() == [True, True, False]
    assert scores(rows, CHAMPION) == [0.5, 1, 0.875]
    assert scores(rows, CHALLENGER) == [0.5, 0.125, 0.75]
    assert scores(rows, ANCHOR) == [0.5, 0, 1]
    assert rows.quality.nulls == {CHAMPION: 2, CHALLENGER: 2, ANCHOR: 0}
    assert rows.quality.example == (
        "incomplete: rows 3, 5 of the champion's; incomplete: rows 1, 5 of the challenger's"
    )
    assert not rows.is_in_order


def test_gaps_are_found_again_after_a_join() -> None:
    rows = by_id(
        ["a,0,.25", "b,1,.5", "c,1,", "d,0,1", "e,1,0"],
        ["e,1,.125", "d,0,.75", "c,1,.5", "b,,.25", "a,0,0"],
        rules=GAPS_ALLOWED,
    )

    assert scores(rows, CHAMPION) == [0.25, 1, 0]
    assert scores(rows, CHALLENGER) == [0, 0.75, 0.125]


def test_gaps_in_multiclass_and_regression_are_left_out_too() -> None:
    classes = csv_of(
        "a,a,1,0",
        "b,,0,1",
        ",b,0,1",
        "b,b,,.5",
        "b,a,.5,.5",
        header=f"y,Scored Labels,{SCORE}_a,{SCORE}_b",
    )
    numbers = csv_of("1,2", ",3", "2, ", "5,6", header="y,Scored Labels")
    allowed = GAPS_ALLOWED["preconditions"]

    many = read(classes, {**MULTICLASS, "preconditions": allowed})
    real = read(numbers, {**REGRESSION, "preconditions": allowed})

    assert (many.truth.tolist(), many.said[CHALLENGER].tolist()) == ([0, 1], [0, 0])
    assert many.quality.nulls == {CHALLENGER: 3}
    assert (real.truth.tolist(), real.scores[CHALLENGER].tolist()) == ([1, 5], [2, 6])


def test_a_gap_is_no_low_score_of_its_scored_label() -> None:
    lines = ["a,a,.25", "b,b,.5", "b,b,", "b,b,", "b,b,"]

    rows = read(
        csv_of(*lines, header=f"y,Scored Labels,{SCORE}"),
        {**BINARY, "preconditions": {"max_null_fraction": 1}},
    )

    assert len(rows) == 2


def test_a_gap_is_no_score_outside_the_range_of_the_policy() -> None:
    rules = {**BINARY, "preconditions": {"max_null_fraction": 0.5, "score_range": [0.01, 0.99]}}

    assert scores(read(csv_of("0,.5", "1,", "1,.25"), rules), CHALLENGER) == [0.5, 0.25]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([",.5", "1,", "0,"], "no row has a label and a score of every model"),
        (["0,.5", "0,1", "1,"], "the truth is the same in every row that can be judged"),
    ],
)
def test_gaps_must_leave_something_to_judge(lines: list[str], said: str) -> None:
    with pytest.raises(GateError, match=said):
        read(csv_of(*lines), GAPS_ALLOWED)
