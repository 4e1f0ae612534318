"""
The census as it would have come: a first model's rows, two months of new ones, an audited set.

Law: rows are dealt out once, in the order of the file, and no row is dealt twice. The months
are the two before the one in which the story is told; a file's name holds the day it landed.
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

_FILE: Final = Path(__file__).parent / "census_data" / "adult.csv.gz"
_FIRST_MODEL: Final = 300
_AUDITED: Final = 4000
_WEEK: Final = 1500
_LANDING_DAYS: Final = (7, 14, 21, 28)
_SWAPPED: Final = {"<=50K": ">50K", ">50K": "<=50K"}

Row = list[str]


@dataclass(frozen=True, slots=True)
class Month:
    """What landed in one month, by blob name; *cut_off* is the first day that it is not."""

    cut_off: date
    landed: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Census:
    """
    All that the story needs; each value of bytes is a CSV with its header.

    *published* is what the model that serves at first was trained on: too little to be good.
    *good* is the first month; in *corrupted*, the second, an upstream mistake has swapped the
    labels. *audited*, by blob name, holds rows whose labels people have checked, and *person*
    is one of them, without its label.
    """

    published: bytes
    audited: Mapping[str, bytes]
    good: Month
    corrupted: Month
    person: Mapping[str, str]


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
    return Census(
        _as_csv(header, published),
        {f"{AUDITED}/{first_month}.csv": _as_csv(header, audited)},
        good,
        corrupted,
        {name: cell for name, cell in zip(header, audited[0], strict=True) if name != LABEL},
    )


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _month(header: Row, rows: Iterator[Row], first: date, cut_off: date) -> Month:
    landed = {
        f"{LANDING}/{first.replace(day=day)}.csv": _as_csv(header, list(islice(rows, _WEEK)))
        for day in _LANDING_DAYS
    }
    return Month(cut_off, landed)


def _with_label_swapped(row: Row) -> Row:
    return [*row[:-1], _SWAPPED[row[-1]]]


def _as_csv(header: Row, rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()
