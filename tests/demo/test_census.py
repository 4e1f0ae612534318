"""The census is dealt out once, dated by the story's day, with labels swapped in one month only."""

import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from airflow_aml_retrain.demo import census as dealer
from airflow_aml_retrain.demo.census import census

TODAY = date(2026, 1, 15)
CENSUS = census(TODAY)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(content.decode().splitlines()))[1:]


def positive(contents: Iterable[bytes]) -> float:
    """Which part of the rows says that the income is high."""
    labels = [row[-1] for content in contents for row in rows(content)]
    return labels.count(">50K") / len(labels)


def contents() -> Iterator[bytes]:
    """All that is dealt out."""
    yield CENSUS.published
    yield from CENSUS.audited.values()
    for month in (CENSUS.earlier, CENSUS.good, CENSUS.corrupted):
        yield from month.landed.values()
    yield from CENSUS.daily.values()
    for region in CENSUS.regions.values():
        yield from [*region.landed.values(), *region.audited.values()]


def test_the_months_are_the_two_before_today_even_in_january() -> None:
    assert CENSUS.good.cut_off == date(2025, 12, 1)
    assert CENSUS.corrupted.cut_off == date(2026, 1, 1)
    assert next(iter(CENSUS.good.landed)) == "census/landing/2025-11-07.csv"
    assert next(iter(CENSUS.corrupted.landed)) == "census/landing/2025-12-07.csv"


def test_what_landed_in_a_month_is_dated_before_its_cut_off() -> None:
    for month in (CENSUS.good, CENSUS.corrupted):
        assert all(name[-14:-4] < str(month.cut_off) for name in month.landed)


def test_only_the_second_month_has_its_labels_swapped() -> None:
    assert 0.2 < positive([CENSUS.published]) < 0.3
    assert 0.2 < positive(CENSUS.audited.values()) < 0.3
    assert 0.2 < positive(CENSUS.good.landed.values()) < 0.3
    assert 0.7 < positive(CENSUS.corrupted.landed.values()) < 0.8


def test_the_person_comes_without_the_answer() -> None:
    assert "income" not in CENSUS.person
    assert CENSUS.person["age"].isdecimal()


def test_no_row_is_dealt_twice() -> None:
    file = Path(dealer.__file__).parent / "census_data" / "adult.csv.gz"
    # Without the label, which may be swapped.
    there = Counter(tuple(row[:-1]) for row in rows(gzip.decompress(file.read_bytes())))

    dealt = Counter(tuple(row[:-1]) for content in contents() for row in rows(content))

    assert dealt <= there
    assert all(rows(content) for content in contents())


def test_the_south_has_learned_from_swapped_labels_and_is_judged_by_right_ones() -> None:
    north, south = CENSUS.regions["north"], CENSUS.regions["south"]

    assert 0.2 < positive(north.landed.values()) < 0.3
    assert 0.7 < positive(south.landed.values()) < 0.8
    assert 0.2 < positive([*north.audited.values(), *south.audited.values()]) < 0.3
