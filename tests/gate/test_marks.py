"""Rows keep what they are told apart by: slices, clusters and times, whoever scored them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.rows import ANCHOR, CHALLENGER, CHAMPION
from tests.gate.scored_files import BINARY, SCORE, csv_of, parquet_of, read, read_all

IDS = f"id,y,{SCORE}"


def sliced(*columns: str, most: int = 200) -> Mapping[str, Any]:
    return {
        **BINARY,
        "slices": {"columns": list(columns), "metrics": ["auc"], "max_slices": most},
    }


def test_slices_are_read_from_the_first_file_that_has_their_column() -> None:
    rows = read_all(
        {
            CHAMPION: csv_of("0,.5,9", "1,.5,10", "1,.5,9", header=f"y,{SCORE},size"),
            CHALLENGER: csv_of(
                "0,.5,1,north", "1,.5,2,", "1,.5,3, south ", header=f"y,{SCORE},size,region"
            ),
        },
        sliced("region", "size"),
    )

    assert rows.slicings["size"].values == ("9", "10")
    assert rows.slicings["size"].codes.tolist() == [0, 1, 0]
    assert rows.slicings["region"].values == ("", "north", "south")
    assert rows.slicings["region"].codes.tolist() == [1, 0, 2]


def test_the_column_of_a_scope_is_read_and_follows_the_join() -> None:
    rules = {"checks": [{"metric": "auc", "at_least": 0.5, "scope": "s=b"}]}
    files = {
        CHAMPION: csv_of("1,0,.5", "2,1,.5", "3,1,.5", header=IDS),
        CHALLENGER: csv_of("3,1,.5,c", "4,1,.5,d", "2,1,.5,b", "1,0,.5,b", header=f"{IDS},s"),
    }

    slicing = read_all(files, rules, id="id").slicings["s"]

    assert [slicing.values[code] for code in slicing.codes] == ["b", "b", "c"]
    assert slicing.values == ("b", "c")


def test_slices_of_any_type_have_texts_for_values() -> None:
    columns = {
        "y": [0, 1, 1],
        SCORE: [0.5, 0.5, 0.5],
        "whole": [2, 10, None],
        "real": [1.0, 2.5, 1.0],
        "truth": [True, None, False],
        "day": [date(2024, 1, 2), date(2024, 1, 1), date(2024, 1, 2)],
    }

    slicings = read(parquet_of(columns), sliced("whole", "real", "truth", "day")).slicings

    assert {name: slicing.values for name, slicing in slicings.items()} == {
        "whole": ("", "10", "2"),
        "real": ("1", "2.5"),
        "truth": ("", "False", "True"),
        "day": ("2024-01-01", "2024-01-02"),
    }


def test_a_million_slices_are_refused_at_once() -> None:
    count = 1_000_000
    file = parquet_of(
        {"y": np.arange(count) % 2, SCORE: np.full(count, 0.5), "s": np.arange(count)}
    )

    said = "slice column 's' has more than 40 different values .'0', '1', .*raise slices.max_slices"
    with pytest.raises(GateError, match=said):
        read(file, sliced("s", most=40))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"cluster_key": "who"}, "no cluster_key column 'who'; the columns are: 'y', 'Scored"),
        ({"time": "when"}, "no time column 'when'"),
    ],
)
def test_a_column_that_no_file_has_is_refused(data: dict[str, str], said: str) -> None:
    both = csv_of("0,.5", "1,.5")

    with pytest.raises(GateError, match=said):
        read_all({CHAMPION: both, CHALLENGER: both}, BINARY, **data)
    with pytest.raises(GateError, match="no slice column 's'"):
        read_all(
            {CHALLENGER: both, ANCHOR: csv_of("0,.5,a", "1,.5,b", header=f"y,{SCORE},s")},
            sliced("s"),
        )


def test_clusters_are_numbered_without_holes() -> None:
    header = f"id,y,{SCORE},who"
    rows = read_all(
        {
            CHAMPION: csv_of("1,0,.5,ann", "2,1,.5,bob", "3,1,.5,eve", "4,1,.5,ann", header=header),
            CHALLENGER: csv_of("4,1,.5", "3,1,.5", "1,0,.5", header=IDS),
        },
        id="id",
        cluster_key="who",
    )

    assert rows.clusters is not None
    assert sorted(set(rows.clusters.tolist())) == [0, 1]
    assert rows.clusters[0] == rows.clusters[2] != rows.clusters[1]


def test_a_row_without_a_cluster_is_refused() -> None:
    with pytest.raises(GateError, match="cluster_key 'who' is missing in row 2; every row"):
        read(csv_of("0,.5,a", "1,.5,", header=f"y,{SCORE},who"), cluster_key="who")


@pytest.mark.parametrize(
    ("times", "oldest", "newest"),
    [
        (["2024-03-01", "2023-12-31"], "2023-12-31", "2024-03-01"),
        (
            ["2024-03-01 12:30", "2024-03-01T12:30:00.25"],
            "2024-03-01T12:30",
            "2024-03-01T12:30:00.25",
        ),
        (["2024-03-01T00:30+01:00", "2024-03-01T00:00Z"], "2024-02-29T23:30", "2024-03-01"),
        (["2024-03-01T00:30+01:00", " 2024-03-01 "], "2024-02-29T23:30", "2024-03-01"),
        (
            ["2024-03-01T00:00:00.123456789Z", "2024-03-01"],
            "2024-03-01",
            "2024-03-01T00:00:00.123456",
        ),
        (["0001-01-01", "9999-12-31"], "0001-01-01", "9999-12-31"),
    ],
)
def test_times_are_iso_8601_and_utc_unless_they_say_otherwise(
    times: list[str], oldest: str, newest: str
) -> None:
    lines = [f"{at},.5,{time}" for at, time in enumerate(times)]

    quality = read(csv_of(*lines, header=f"y,{SCORE},when"), time="when").quality

    assert quality.oldest == datetime.fromisoformat(oldest).replace(tzinfo=UTC)
    assert quality.newest == datetime.fromisoformat(newest).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["2024-03-01", "yesterday"], "time 'when' is no ISO 8601 date or time in row 2: 'yester"),
        (["2024-03-01", ""], "time 'when' is missing in row 2"),
        (["2024-03-01", None], "time 'when' is missing in row 2"),
        ([1, 2], "time 'when' holds int64; write ISO 8601"),
        (pa.array([0, 2**62], pa.timestamp("us")), "not within the years 1 to 9999 in row 2"),
    ],
)
def test_what_is_no_time_is_refused(times: Any, said: str) -> None:
    file = parquet_of({"y": [0, 1], SCORE: [0.5, 0.5], "when": times})

    with pytest.raises(GateError, match=said):
        read(file, time="when")
