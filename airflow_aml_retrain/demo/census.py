"""
The census as it would have come: a first model's rows, two months of new ones, an audited set.

Law: rows are dealt out once, in the order of the file, and no row is dealt twice. The months
are the two before the one in which the story is told; a file's name holds the day it landed. What
only the other examples learn from is dealt last, so that the story's own rows stay as they are.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

LABEL: Final = "income"
LANDING: Final = "census/landing"
AUDITED: Final = "census/audited"
DAILY: Final = "census/daily"

_FILE: Final = Path(__file__).parent / "census_data" / "adult.csv.gz"
_FIRST_MODEL: Final = 300
_AUDITED: Final = 4000
_WEEK: Final = 1500
_LANDING_DAYS: Final = (7, 14, 21, 28)
_EARLIER: Final = 300
_DAYS: Final = 9
_DAY: Final = 1500
_REGION: Final = 3000
_REGION_AUDITED: Final = 2000
_SWAPPED: Final = {"<=50K": ">50K", ">50K": "<=50K"}

Row = list[str]


@dataclass(frozen=True, slots=True)
class Month:
    """What landed in one month, by blob name; *cut_off* is the first day that it is not."""

    cut_off: date
    landed: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Region:
    """What a model of its own learns from, and is judged by; both by blob name."""

    landed: Mapping[str, bytes]
    audited: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Census:
    """
    All that the story and the examples need; each value of bytes is a CSV with its header.

    *published* is what the model that serves at first was trained on: too little to be good.
    *good* is the first month; in *corrupted*, the second, an upstream mistake has swapped the
    labels. *audited*, by blob name, holds rows whose labels people have checked, and *person*
    is one of them, without its label.

    *earlier* is what came before both, hardly more than nothing. *daily*, by blob name, comes in
    batches, one after the other. Each of the *regions* has rows of its own; those of the south
    came with their labels swapped.
    """

    published: bytes
    audited: Mapping[str, bytes]
    good: Month
    corrupted: Month
    person: Mapping[str, str]
    earlier: Month
    daily: Mapping[str, bytes]
    regions: Mapping[str, Region]


def census(today: date) -> Census:
    """Deal out the census for a story that is told on *today*."""
    this_month = today.replace(day=1)
    last_month = _month_before(this_month)
    first_month = _month_before(last_month)
    with gzip.open(_FILE, "rt", newline="") as file:
        lines = csv.reader(file)
        header = next(lines)
        published = list(islice(lines, _FIRST_MODEL))
        audited = list(islice(lines, _AUDITED))
        good = _month(header, lines, first_month, last_month)
        corrupted = _month(header, map(_with_label_swapped, lines), last_month, this_month)
        earlier = _as_csv(header, list(islice(lines, _EARLIER)))
        daily = [_as_csv(header, list(islice(lines, _DAY))) for _ in range(_DAYS)]
        north = _region("north", header, lines, lines, first_month)
        south = _region("south", header, map(_with_label_swapped, lines), lines, first_month)
    return Census(
        published=_as_csv(header, published),
        audited={f"{AUDITED}/{first_month}.csv": _as_csv(header, audited)},
        good=good,
        corrupted=corrupted,
        person={name: cell for name, cell in zip(header, audited[0], strict=True) if name != LABEL},
        earlier=Month(first_month, {f"census/earlier/{_month_before(first_month)}.csv": earlier}),
        daily={f"{DAILY}/{number}.csv": batch for number, batch in enumerate(daily, 1)},
        regions={"north": north, "south": south},
    )


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _month(header: Row, rows: Iterator[Row], first: date, cut_off: date) -> Month:
    landed = {
        f"{LANDING}/{first.replace(day=day)}.csv": _as_csv(header, list(islice(rows, _WEEK)))
        for day in _LANDING_DAYS
    }
    return Month(cut_off, landed)


def _region(
    name: str, header: Row, landing: Iterator[Row], checked: Iterator[Row], first: date
) -> Region:
    landed = _as_csv(header, list(islice(landing, _REGION)))
    audited = _as_csv(header, list(islice(checked, _REGION_AUDITED)))
    return Region({f"{name}/landing/{first}.csv": landed}, {f"{name}/audited/{first}.csv": audited})


def _with_label_swapped(row: Row) -> Row:
    return [*row[:-1], _SWAPPED[row[-1]]]


def _as_csv(header: Row, rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()
