"""A hold-out is known by what it holds, whatever it is called, sorted or written as."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from airflow_aml_retrain.gate.holdout.identity import holdout_of, overlap
from airflow_aml_retrain.gate.holdout.mixing import mixed
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Holdout
from tests.gate.scored_files import REGRESSION, SCORE, csv_of, parquet_of, read, read_all

HEADER = f"id,y,{SCORE}"


def holdout(keys: range | np.ndarray, rarity: int = 3) -> Holdout:
    numbers = np.asarray(keys, np.uint64)
    return holdout_of(Task.BINARY, ("0", "1"), numbers % rarity == 0, mixed(numbers))


def lines(*keys: int) -> list[str]:
    return [f"{key},{key % 2},.{key}" for key in keys]


def test_with_ids_the_order_of_rows_does_not_matter() -> None:
    one = read(csv_of(*lines(1, 2, 3, 4), header=HEADER), id="id").holdout
    other = read(csv_of(*lines(4, 2, 1, 3), header=HEADER), id="id").holdout

    assert one == other
    assert one.rows == 4


def test_neither_scores_nor_format_nor_which_class_is_positive_matter() -> None:
    keys, labels = [1, 2, 3], [1, 0, 1]
    text = csv_of("1,1,.3", "2,0,.2", "3,1,.9", header=HEADER)
    file = parquet_of({"id": keys, "y": labels, SCORE: [0.5, 0.5, 0.5]})

    for data in ({"id": "id"}, {}):
        one = read(text, **data).holdout
        assert one == read(file, **data).holdout
        assert one == read(file, positive="0", **data).holdout


def test_another_truth_or_another_row_makes_another_hold_out() -> None:
    several = [
        lines(1, 2, 3),
        lines(1, 2, 4),
        lines(1, 2, 3, 5),
        ["1,1,.1", "2,0,.2", "3,0,.3"],
        ["1,0,.1", "2,1,.2", "3,1,.3"],
        ["a,1,.1", "b,0,.2", "c,1,.3"],
    ]

    for data in ({"id": "id"}, {}):
        found = {read(csv_of(*each, header=HEADER), **data).holdout.sha256 for each in several}
        assert len(found) == (6 if data else 4)


def test_without_ids_the_truth_in_order_is_what_is_known() -> None:
    one = read(csv_of("0,.5", "1,.5", "1,.5")).holdout
    other = read(csv_of("1,.5", "0,.5", "1,.5")).holdout

    assert one.sha256 != other.sha256
    assert one.sketch == ()
    assert (overlap(one, one), overlap(one, other)) == (1.0, 0.0)


def test_truth_of_regression_is_told_apart_by_its_last_digit() -> None:
    def of(*values: str) -> str:
        text = csv_of(*(f"{value},1" for value in values), header="y,Scored Labels")
        return read(text, REGRESSION).holdout.sha256

    assert of("0", "0.30000000000000004") != of("0", "0.3")
    assert of("-0.0", "0.3") == of("0", "0.30")


def test_what_ledgers_keep_stays_the_same_in_every_version() -> None:
    text = csv_of("7,1,.5", "x,0,.5", "0190b3a2-77f3,1,.5", header=HEADER)

    with_ids, without = read(text, id="id").holdout, read(text).holdout

    assert with_ids.sketch == (7191089600892374487, 13310929233261918826, 16929752193734331229)
    assert with_ids.sha256 == "74e3d3422c05660fef27ef2d75840a896feaa4868be65a3947a1f188d43c5f36"
    assert without.sha256 == "8d6d6757603e76eae94f4d61f6db9a51e2968c85aed4d0f10abe02457682ee7c"


def test_the_mixing_is_that_of_splitmix64() -> None:
    # The first numbers of the generator seeded with 0 and with its own step, from its paper's code.
    states = np.array([0, 0x9E3779B97F4A7C15], np.uint64)

    assert mixed(states).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (range(20_000), range(2_000, 22_000), 0.9),
        (range(20_000), range(10_000, 30_000), 0.5),
        (range(20_000), range(20_000, 40_000), 0.0),
        (range(20_000), range(5_000, 15_000), 1.0),
        (range(20_000), range(15_000, 25_000), 0.5),
    ],
)
def test_the_share_of_rows_in_common_is_estimated(one: range, other: range, shared: float) -> None:
    found = overlap(holdout(one), holdout(other))

    assert found == overlap(holdout(other), holdout(one))
    assert found == pytest.approx(shared, abs=0.1)
    assert (found == 0) == (shared == 0)


@pytest.mark.parametrize(
    ("rows", "part", "sketch"),
    [(100_000, 1000, 781), (100_000, 5000, 781), (1_000_000, 2000, 7812), (1_100_000, 2, 8192)],
)
def test_a_small_part_of_a_large_hold_out_is_always_seen_to_be_one(
    rows: int, part: int, sketch: int
) -> None:
    whole = holdout(range(rows))
    old = replace(whole, sketch=whole.sketch[:256])

    assert len(whole.sketch) == sketch
    for start in range(0, rows - part, rows // 20):
        cut = holdout(range(start, start + part))
        assert overlap(whole, cut) == overlap(cut, whole) == 1.0
        assert overlap(old, cut) == overlap(cut, old) == 1.0


@pytest.mark.parametrize(
    ("rows", "part"), [(100_000, 1000), (100_000, 5000), (1_000_000, 2000), (3000, 1000)]
)
def test_a_small_hold_out_of_other_rows_stays_fresh_after_a_large_one(rows: int, part: int) -> None:
    whole = holdout(range(rows))

    for start in range(rows, rows + 20 * part, part):
        assert overlap(whole, holdout(range(start, start + part))) == 0.0


def test_small_hold_outs_are_compared_row_by_row() -> None:
    assert overlap(holdout(range(100)), holdout(range(70, 200))) == 0.3
    assert overlap(holdout(range(100)), holdout(range(100), rarity=5)) == 1.0


def test_an_overlap_is_seen_though_truths_have_changed() -> None:
    assert overlap(holdout(range(9000)), holdout(range(9000), rarity=4)) == 1.0


def test_the_scores_of_each_model_are_known_by_their_hash() -> None:
    def of(*scores: str) -> str:
        text = csv_of(*(f"{at % 2},{score}" for at, score in enumerate(scores)))
        return read(text).quality.score_sha256[CHALLENGER]

    both = read_all({CHAMPION: csv_of("0,.5", "1,.25"), CHALLENGER: csv_of("0,.5", "1,.75")})

    assert both.quality.score_sha256 == {CHAMPION: of(".5", ".25"), CHALLENGER: of("0.50", ".75")}
    assert of(".5", ".25") != of(".25", ".5")


@pytest.mark.parametrize("beyond", [2**63, 2**64 - 7, 10**18, 10**18 - 1])
def test_ids_too_large_for_a_sign_are_those_of_a_csv(beyond: int) -> None:
    ids = [7, 8, beyond]
    numbers = parquet_of(
        {"id": pa.array(ids, pa.uint64()), "y": [1, 3, 2], "Scored Labels": [1, 1, 1]}
    )
    texts = csv_of("7,1,1", "8,3,1", f"{beyond},2,1", header="id,y,Scored Labels")
    small = csv_of("7,1,1", "8,3,1", f"{beyond - 2**64},2,1", header="id,y,Scored Labels")

    both = read_all({CHAMPION: numbers, CHALLENGER: texts}, REGRESSION, id="id")
    other = read_all({CHAMPION: numbers, CHALLENGER: small}, REGRESSION, id="id")

    assert (len(both), both.quality.unmatched) == (3, 0)
    assert (len(other), other.quality.unmatched) == (2, 2)
