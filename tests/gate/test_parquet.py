"""A Parquet file says the same as a CSV, whatever its types, and a broken one says so."""

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.folded import unfold
from airflow_aml_retrain.gate.reading.reader import read_rows
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION
from tests.gate.scored_files import (
    BINARY,
    REGRESSION,
    SCORE,
    Lost,
    Trickle,
    csv_of,
    parquet_of,
    policy,
    read,
    read_all,
)

HALVES = [0.25, 0.75, 0.5]


def binary(labels: Any, scores: Any = HALVES, **more: Any) -> bytes:
    return parquet_of({"y": labels, SCORE: scores, **more})


def large(rows: int = 80_000, **how: Any) -> bytes:
    random = np.random.default_rng(5)
    columns = {
        "features": random.random(rows),
        "y": np.arange(rows) % 2,
        SCORE: random.random(rows),
        "more": random.random(rows),
    }
    return parquet_of(columns, **{"compression": "zstd", **how})


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([0, 1, 1], pa.int8()),
        pa.array([0, 1, 1], pa.uint64()),
        pa.array([0.0, 1.0, 1.0], pa.float32()),
        pa.array(["0", "1", " 1.0"]),
        pa.array(["0", "1", "1"], pa.large_string()),
        pa.array([b"0", b"1", b"1"], pa.binary()),
        pa.array([Decimal("0.00"), Decimal("1.00"), Decimal("1.00")]),
        pa.array(["0", "1", "1"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([2, 0, 0], pa.uint8()), ["1", "never", "0"]),
    ],
    ids=lambda labels: str(labels.type),
)
def test_a_label_may_have_any_type(labels: pa.Array) -> None:
    rows = read(binary(labels))

    assert rows.classes == ("0", "1")
    assert rows.truth.tolist() == [False, True, True]


def test_true_and_false_are_classes() -> None:
    rows = read(binary([True, False, True]), positive="False")

    assert rows.classes == ("True", "False")
    assert rows.truth.tolist() == [False, True, False]


@pytest.mark.parametrize(
    "scores",
    [
        pa.array(HALVES, pa.float32()),
        pa.array(np.array(HALVES, np.float16)),
        pa.array(["0.25", " .75 ", "5e-1"]),
        pa.array(["0.25", ".75", "5e-1"], pa.large_string()),
        pa.array([Decimal("0.25"), Decimal("0.75"), Decimal("0.50")]),
        pa.array(HALVES).dictionary_encode(),
    ],
    ids=lambda scores: str(scores.type),
)
def test_a_score_may_have_any_type_of_number(scores: pa.Array) -> None:
    rows = read(binary([0, 1, 1], scores))

    assert unfold(rows.scores[CHALLENGER]).tolist() == HALVES


def test_a_csv_and_a_parquet_file_may_be_compared() -> None:
    text = csv_of("a,.25,7,x,2024-01-01", "b,.75,-1,,2024-01-03", "b,.5,u,x,2024-01-02")
    text = text.replace(SCORE, f"{SCORE},key,s,when")
    zoned = pa.timestamp("ns", "Europe/Berlin")
    days = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 3, 2)]
    file = binary(
        ["a", "b", "b"], key=["7", "-1", "u"], s=["x", None, "x"], when=pa.array(days, zoned)
    )
    rules = {**BINARY, "slices": {"columns": ["s"], "metrics": ["auc"]}}
    data = {"id": "key", "time": "when", "cluster_key": "key"}

    one = read_all({CHAMPION: text, CHALLENGER: file}, rules, **data)
    other = read_all({CHAMPION: file, CHALLENGER: text}, rules, **data)

    for rows in (one, other):
        assert rows.is_in_order
        assert rows.quality.newest == datetime(2024, 1, 3, tzinfo=UTC)
        assert rows.slicings["s"].values == ("", "x")
        assert rows.slicings["s"].codes.tolist() == [1, 0, 1]
    assert one.holdout == other.holdout
    assert one.clusters is not None
    assert other.clusters is not None
    assert one.clusters.tolist() == other.clusters.tolist()


@pytest.mark.parametrize(
    "how", [{"row_group_size": 1000}, {}, {"use_dictionary": False}, {"data_page_version": "2.0"}]
)
def test_row_groups_read_as_one(how: dict[str, Any]) -> None:
    rows, plain = read(large(**how)), read(large(compression="none"))

    assert np.array_equal(rows.truth, np.arange(80_000) % 2 == 1)
    assert rows.holdout == plain.holdout
    assert rows.quality == plain.quality


def test_only_the_wanted_columns_are_fetched_and_in_pieces() -> None:
    class Counted(BytesIO):
        fetched: list[int] = []  # noqa: RUF012 - one file only

        def read(self, size: int | None = -1) -> bytes:
            given = super().read(size)
            self.fetched.append(len(given))
            return given

    content = large(600_000)

    read_rows({CHALLENGER: Counted(content)}, policy())

    assert sum(Counted.fetched) < 0.4 * len(content)
    assert max(Counted.fetched) <= 4 << 20


def test_short_reads_are_filled_up() -> None:
    content = large(2000)

    rows = read_rows({CHALLENGER: Trickle(content, 100)}, policy())

    assert rows.holdout == read(content).holdout


REFUSED: list[tuple[dict[str, Any], Any, str]] = [
    ({"y": [0, 1], SCORE: [0.1, None]}, BINARY, "score 'Scored Prob.* is missing in row 2; fill"),
    ({"y": [None, 1], SCORE: [0.1, 0.2]}, BINARY, "label 'y' is missing in row 1"),
    ({"y": [None, None], SCORE: [0.1, 0.2]}, BINARY, "label 'y' is missing in rows 1, 2"),
    ({"y": [0, 1], SCORE: [None, None]}, BINARY, "score .* is missing in rows 1, 2"),
    ({"y": [0, 1], SCORE: [0.1, float("nan")]}, BINARY, "is nan in row 2; it must be a finite"),
    ({"y": [0, 1], SCORE: [0.1, float("inf")]}, BINARY, "is inf in row 2"),
    ({"y": [0, 1], SCORE: [0.1, 1.5]}, BINARY, "is 1.5 in row 2; a probability"),
    ({"y": [0, 1], SCORE: ["0.1", "0,2"]}, BINARY, "decimal comma in row 2: '0,2'"),
    ({"y": [0, 1], SCORE: [True, False]}, BINARY, "holds bool, and must hold numbers"),
    ({"y": [0, 1], SCORE: [[0.1], [0.2]]}, BINARY, r"holds list<.*, and must hold numbers"),
    ({"y": [[0], [1]], SCORE: [0.1, 0.2]}, BINARY, "label 'y' holds list<.*nor texts"),
    ({"y": [b"\xff", b"1"], SCORE: [0.1, 0.2]}, BINARY, "label 'y' holds"),
    ({"y": [True, False], "Scored Labels": [1, 2]}, REGRESSION, "label 'y' holds bool"),
    ({"y": [], SCORE: []}, BINARY, "a header and no rows"),
    ({"z": [0, 1], SCORE: [0.1, 0.2]}, BINARY, "no label column 'y'; the columns are: 'z'"),
]


@pytest.mark.parametrize(("columns", "rules", "said"), REFUSED, ids=[said for *_, said in REFUSED])
def test_what_cannot_be_read_is_refused_with_its_place(
    columns: dict[str, Any], rules: Any, said: str
) -> None:
    with pytest.raises(GateError, match=f"^the challenger's file: .*{said}"):
        read(parquet_of(columns), rules)


def test_a_row_is_named_by_its_number_also_far_into_the_file() -> None:
    scores = np.full(150_000, 0.5)
    scores[[140_000, 140_002]] = 2

    with pytest.raises(GateError, match=r"is 2.0 in rows 140001, 140003; a probability"):
        read(binary(np.arange(150_000) % 2, scores))


def test_a_truncated_file_is_refused_wherever_it_is_cut() -> None:
    content = large(2000, row_group_size=500)

    for length in range(4, len(content), len(content) // 40):
        with pytest.raises(GateError, match="not whole or not the Parquet that it says"):
            read(content[:length])


def test_a_damaged_page_is_refused() -> None:
    content = bytearray(large(20_000, row_group_size=5000, write_page_checksum=True))
    for at in range(len(content) // 4, len(content) * 3 // 4, 50):
        content[at] ^= 0xFF

    with pytest.raises(GateError, match=r"after row \d+ the file is not whole or not the Parquet"):
        read(bytes(content))


def test_a_source_that_cannot_seek_is_refused() -> None:
    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(GateError, match="read from its end, and this source cannot seek"):
        read_rows({CHALLENGER: Pipe(large(100))}, policy())


def test_a_lost_connection_is_no_fault_of_the_data() -> None:
    content = large(20_000)

    for left in (0, 10, 60_000, 120_000):
        with pytest.raises(ConnectionResetError):
            read_rows({CHALLENGER: Lost(content, left)}, policy())
