"""What is promised of prepared data: every row is somewhere, once, and always on the same side."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.client.blobs import BlobEntry, BlobStore
from airflow_aml_retrain.client.csv_blobs import BLOCK
from airflow_aml_retrain.client.prepare import Blobs, Plan, Prepared, prepare
from airflow_aml_retrain.client.split import Apart, ByDate, ByKey, Split
from airflow_aml_retrain.errors import BadInput, NotConfigured

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
TRAINING, HOLDOUT = "out/r/training.csv", "out/r/holdout.csv"
Table = list[list[str]]


class Shelf:
    """Blobs in memory, each modified a day after the one before; remembers the largest read."""

    def __init__(self, blobs: Mapping[str, bytes]) -> None:
        self.blobs = dict(blobs)
        self.blocks: list[int] = []

    def list(self, container: str, prefix: str = "") -> Iterator[BlobEntry]:
        for day, (place, data) in enumerate(self.blobs.items()):
            home, _, name = place.partition("/")
            if home == container and name.startswith(prefix):
                yield BlobEntry(name, len(data), "etag", NEW_YEAR + timedelta(days=day))

    def open(self, container: str, path: str) -> BinaryIO:
        return io.BytesIO(self.blobs[f"{container}/{path}"])

    def write(self, container: str, path: str, data: bytes | Iterable[bytes]) -> None:
        blocks = [data] if isinstance(data, bytes) else list(data)
        self.blocks += map(len, blocks)
        self.blobs[f"{container}/{path}"] = b"".join(blocks)

    def table(self, place: str) -> Table:
        return list(csv.reader(io.StringIO(self.blobs[place].decode(), newline="")))


def plan(
    split: Split | None = None,
    *,
    cutoff: datetime = NEW_YEAR + timedelta(days=365),
    date_pattern: str | None = None,
    label: str | None = None,
) -> Plan:
    return Plan(
        source="raw/",
        training=TRAINING,
        holdout=HOLDOUT,
        cutoff=cutoff,
        split=split or ByKey(0.5),
        date_pattern=date_pattern,
        label=label,
    )


def as_csv(table: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    return text.getvalue().encode()


def numbered(first: int, last: int) -> bytes:
    return as_csv([["id", "income"], *([str(n), "x"] for n in range(first, last))])


def refusal(blobs: Mapping[str, bytes], asked: Plan | None = None) -> str:
    shelf = Shelf(blobs)
    with pytest.raises(BadInput) as refused:
        prepare(shelf, asked or plan())
    assert not shelf.blobs.keys() & {TRAINING, HOLDOUT}, "something was written"
    return str(refused.value)


VALUES = st.text(st.characters(codec="utf-8"), max_size=4)
ROWS = st.lists(st.lists(VALUES, min_size=3, max_size=3), max_size=12)
MANY_BLOBS = st.lists(ROWS, min_size=1, max_size=4)
COLUMNS = ["id", "a\n,b", "income"]
ALWAYS = [[f"always {n}", "", ""] for n in range(8)]
"""Rows that fall on both sides, so that neither is empty."""


def sides(tables: Sequence[Table], split: Split) -> tuple[Counter[str], Counter[str], Prepared]:
    """The rows of both sides, in columns sorted by name, when *tables* are the blobs."""
    shelf = Shelf({f"raw/{n}.csv": as_csv(table) for n, table in enumerate(tables)})
    prepared = prepare(shelf, plan(split))
    return canonical(shelf.table(TRAINING)), canonical(shelf.table(HOLDOUT)), prepared


def canonical(table: Table) -> Counter[str]:
    header, *rows = table
    return Counter(repr(sorted(zip(header, row, strict=True))) for row in rows)


@given(MANY_BLOBS)
def test_no_row_is_lost_and_none_is_doubled(blobs: list[Table]) -> None:
    tables = [[COLUMNS, *ALWAYS], *([COLUMNS, *rows] for rows in blobs)]

    training, holdout, prepared = sides(tables, ByKey(0.5))

    expected = sum((canonical(table) for table in tables), Counter())
    assert training + holdout == expected
    assert prepared.training_rows == training.total()
    assert prepared.holdout_rows == holdout.total()
    assert prepared.blobs == len(tables)


@given(MANY_BLOBS, st.randoms(use_true_random=False))
def test_no_order_of_rows_blobs_or_columns_moves_a_row(blobs: list[Table], random: Random) -> None:
    tables = [[COLUMNS, *ALWAYS], *([COLUMNS, *rows] for rows in blobs)]
    places = [0, 1, 2]
    random.shuffle(places)
    rows = [row for _, *rows in tables for row in rows]
    random.shuffle(rows)
    turned = [[[row[place] for place in places] for row in [COLUMNS, *rows]]]

    assert sides(tables, ByKey(0.5))[:2] == sides(turned, ByKey(0.5))[:2]


@given(MANY_BLOBS, MANY_BLOBS)
def test_new_blobs_never_move_an_old_row(before: list[Table], after: list[Table]) -> None:
    old = [[COLUMNS, *ALWAYS], *([COLUMNS, *rows] for rows in before)]
    new = [*([COLUMNS, *rows] for rows in after), *old]

    training, holdout, _ = sides(old, ByKey(0.5))
    later_training, later_holdout, _ = sides(new, ByKey(0.5))

    assert training <= later_training
    assert holdout <= later_holdout


@given(ROWS)
def test_equal_keys_are_always_on_one_side(rows: Table) -> None:
    keyed = [*ALWAYS, *rows]
    twice = [*keyed, *([row[0], "other", "other"] for row in keyed)]
    shelf = Shelf({"raw/1.csv": as_csv([COLUMNS, *twice])})

    prepare(shelf, plan(ByKey(0.5, ("id",))))

    training, holdout = ({row[0] for row in shelf.table(side)[1:]} for side in (TRAINING, HOLDOUT))
    assert not training & holdout


def test_a_larger_fraction_only_adds_to_the_holdout() -> None:
    table = [["id", "x"], *([str(n), ""] for n in range(1000))]

    held = [sides([table], ByKey(fraction))[1] for fraction in (0.1, 0.2, 0.5, 0.9)]

    assert all(smaller <= larger for smaller, larger in pairwise(held))
    assert [round(rows.total(), -2) for rows in held] == [100, 200, 500, 900]


def test_columns_come_in_the_order_of_the_first_blob() -> None:
    shelf = Shelf({"raw/1.csv": numbered(0, 50), "raw/2.csv": b"income,id\r\ny,77\r\n"})

    prepare(shelf, plan(ByDate(NEW_YEAR + timedelta(days=1))))

    assert shelf.table(HOLDOUT) == [["id", "income"], ["77", "y"]]


def test_blobs_dated_by_name_count_strictly_before_the_cut_off() -> None:
    shelf = Shelf(
        {f"raw/census-2024-0{n}-01.csv": numbered(n * 100, n * 100 + 50) for n in range(1, 5)}
    )

    prepared = prepare(
        shelf, plan(cutoff=datetime(2024, 3, 1, tzinfo=UTC), date_pattern="%Y-%m-%d")
    )

    assert prepared.blobs == 2
    assert {row[0][0] for row in shelf.table(TRAINING)[1:]} == {"1", "2"}


@pytest.mark.parametrize(
    ("name", "pattern", "month"),
    [
        ("2023/2024-05.csv", "%Y-%m", 5),
        ("y2024/m06/data.csv", "y%Y/m%m", 6),
        ("20240701T000000.csv", "%Y%m%d", 7),
        ("in-2024-13/of-2024-08.csv", "%Y-%m", 8),
        ("Sep2024.csv", "%b%Y", 9),
    ],
)
def test_a_date_is_found_wherever_it_stands_in_the_name(
    name: str, pattern: str, month: int
) -> None:
    shelf = Shelf({f"raw/{name}": numbered(0, 50)})
    first = datetime(2024, month, 1, tzinfo=UTC)

    prepare(shelf, plan(cutoff=first + timedelta(seconds=1), date_pattern=pattern))

    said = refusal({f"raw/{name}": numbered(0, 50)}, plan(cutoff=first, date_pattern=pattern))
    assert f"the earliest is dated {first.isoformat()}" in said


def test_a_blob_without_a_date_is_refused_not_left_out() -> None:
    said = refusal({"raw/latest.csv": numbered(0, 50)}, plan(date_pattern="%Y-%m-%d"))

    assert said == "blob latest.csv has no date like date_pattern '%Y-%m-%d' in its name"


@pytest.mark.parametrize("pattern", ["%q", "no date", "%Y-%"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(NotConfigured, match="date_pattern"):
        prepare(Shelf({"raw/1.csv": numbered(0, 50)}), plan(date_pattern=pattern))


def test_by_time_whole_blobs_are_held_out() -> None:
    shelf = Shelf({"raw/1.csv": numbered(0, 3), "raw/2.csv": numbered(3, 5)})

    prepared = prepare(shelf, plan(ByDate(NEW_YEAR + timedelta(days=1))))

    assert (prepared.training_rows, prepared.holdout_rows) == (3, 2)
    assert [row[0] for row in shelf.table(HOLDOUT)[1:]] == ["3", "4"]


def test_an_audited_holdout_is_taken_whole_and_never_trained_on() -> None:
    shelf = Shelf({"raw/1.csv": numbered(0, 3), "audited/a.csv": numbered(90, 92)})

    prepared = prepare(shelf, plan(Apart("audited/")))

    assert [row[0] for row in shelf.table(TRAINING)[1:]] == ["0", "1", "2"]
    assert [row[0] for row in shelf.table(HOLDOUT)[1:]] == ["90", "91"]
    assert prepared.blobs == 2


@pytest.mark.parametrize("audited", ["raw/", "raw/audited/", "raw"])
def test_an_audited_holdout_inside_the_source_is_refused(audited: str) -> None:
    with pytest.raises(NotConfigured, match="would be trained on"):
        prepare(Shelf({"raw/1.csv": numbered(0, 3)}), plan(Apart(audited)))


def test_results_are_never_read_as_data() -> None:
    asked = Plan(
        source="raw/",
        training="raw/out/training.csv",
        holdout="raw/out/holdout.csv",
        cutoff=NEW_YEAR,
        split=ByKey(0.5),
    )

    with pytest.raises(
        NotConfigured, match=r"raw/out/training\.csv, lies under raw/, which is read"
    ):
        prepare(Shelf({"raw/1.csv": numbered(0, 3)}), asked)


def test_a_container_whose_name_begins_like_that_of_the_source_is_another_place() -> None:
    shelf = Shelf({"raw/1.csv": numbered(0, 3), "raw-audited/a.csv": numbered(90, 92)})
    asked = Plan(
        source="raw",
        training="raw-out/training.csv",
        holdout="raw-out/holdout.csv",
        cutoff=NEW_YEAR + timedelta(days=365),
        split=Apart("raw-audited"),
    )

    assert prepare(shelf, asked).blobs == 2


def test_a_blob_with_other_columns_is_named_with_what_differs() -> None:
    said = refusal({"raw/1.csv": numbered(0, 50), "raw/2.csv": b"id,salary\n1,2\n"})

    assert said.startswith("blob raw/2.csv has other columns: missing ['income'], extra ['salary']")


def test_bytes_that_are_not_utf8_are_named_with_their_place() -> None:
    good = "ä,b\r\n".encode() * 5000
    blob = b"\xef\xbb\xbfid,income\r\n" + good

    said = refusal({"raw/1.csv": blob + b"caf\xe9,x\r\n"})

    assert f"blob raw/1.csv is not UTF-8: byte 0xe9 at position {len(blob) + 3} " in said


def test_a_file_cut_in_the_middle_of_a_letter_is_refused() -> None:
    blob = b"id,income\r\n1,caf\xc3"

    assert f"byte 0xc3 at position {len(blob) - 1} " in refusal({"raw/1.csv": blob})


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    shelf = Shelf({"raw/1.csv": numbered(0, 50), "raw/2.csv": b"\xef\xbb\xbfid,income\n99,x\n"})

    assert prepare(shelf, plan()).blobs == 2


@pytest.mark.parametrize("nothing", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_an_empty_blob_is_refused_by_name(nothing: bytes) -> None:
    said = refusal({"raw/1.csv": numbered(0, 50), "raw/2.csv": nothing})

    assert said == "blob raw/2.csv is empty: expected at least a row of column names"


def test_an_empty_blob_of_a_folder_s_name_is_no_data() -> None:
    shelf = Shelf({"raw/day.csv": b"", "raw/day.csv/1.csv": numbered(0, 50)})

    assert prepare(shelf, plan()).blobs == 1


def test_a_blob_with_only_a_header_counts_no_rows() -> None:
    shelf = Shelf({"raw/1.csv": b"id,income\n", "raw/2.csv": numbered(0, 50)})

    prepared = prepare(shelf, plan())

    assert prepared.training_rows + prepared.holdout_rows == 50


def test_a_quote_that_is_never_closed_does_not_swallow_rows() -> None:
    said = refusal({"raw/1.csv": b'id,income\n1,"x\n2,y\n3,z\n'})

    assert said.startswith("blob raw/1.csv, line 4: not readable as CSV")


def test_a_row_of_another_width_is_refused_with_its_line() -> None:
    said = refusal({"raw/1.csv": b"id,income\n1,x\n2\n"})

    assert said == "blob raw/1.csv, line 3: expected 2 values, got 1"


def test_a_column_named_twice_is_refused() -> None:
    assert "more than once: ['id']" in refusal({"raw/1.csv": b"id,x,id\n1,2,3\n"})


def test_rows_without_a_label_are_counted_and_named() -> None:
    rows = [["id", "income"], *([str(n), "" if n % 4 == 0 else "x"] for n in range(1, 101))]

    said = refusal({"raw/1.csv": as_csv(rows)}, plan(label="income"))

    assert said == (
        "blob raw/1.csv has 25 rows without a label in 'income': "
        "rows 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, ..."
    )


def test_an_unknown_label_column_is_refused() -> None:
    said = refusal({"raw/1.csv": numbered(0, 9)}, plan(label="salary"))

    assert said == "blob raw/1.csv has no label column 'salary'; it has ['id', 'income']"


def test_an_unknown_key_column_is_refused() -> None:
    said = refusal({"raw/1.csv": numbered(0, 9)}, plan(ByKey(0.5, ("person",))))

    assert "hold-out key ['person'] is not among the columns ['id', 'income']" in said


def test_no_blobs_at_all_says_where_was_looked_and_what_to_do() -> None:
    said = refusal({"raw/notes.txt": b"hello"})

    assert said.startswith("no CSV blob under raw/ is dated before the data cut-off 2024-12-31")
    assert "(0 CSV blobs are there): land data or set a later data_cutoff" in said


@pytest.mark.parametrize(
    ("since", "side"), [(NEW_YEAR, "training"), (NEW_YEAR + timedelta(days=9), "hold-out")]
)
def test_an_empty_side_is_refused_with_how_rows_were_set_apart(since: datetime, side: str) -> None:
    said = refusal({"raw/1.csv": numbered(0, 9)}, plan(ByDate(since)))

    assert said.startswith(f"no {side} rows: 9 rows in 1 blobs from before 2024-12-31")
    assert f"held out: blobs dated at or after {since.isoformat()}" in said


def test_data_passes_in_blocks() -> None:
    row = ["x" * 1000, "y"]
    shelf = Shelf({"raw/1.csv": as_csv([["id", "income"], *[row] * 4000])})
    shelf.blobs["raw/2.csv"] = as_csv([["id", "income"], ["1", "x"]])

    prepare(shelf, plan(ByDate(NEW_YEAR + timedelta(days=1))))

    assert len(shelf.blocks) >= 4
    assert max(shelf.blocks) < BLOCK + 2000


def speaks_as(store: BlobStore) -> Blobs:
    """A `BlobStore` is what `prepare` asks for; mypy holds us to it."""
    return store
