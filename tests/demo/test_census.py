"""The census is dealt out once, dated by the story's day, with labels swapped in one month only."""

import csv
from datetime import date

from airflow_aml_retrain.demo.census import census

TODAY = date(2026, 1, 15)
CENSUS = census(TODAY)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(content.decode().splitlines()))[1:]


def test_the_months_are_the_two_before_today_even_in_january() -> None:
    assert CENSUS.good.cut_off == date(2025, 12, 1)
    assert CENSUS.corrupted.cut_off == date(2026, 1, 1)
    assert next(iter(CENSUS.good.landed)) == "census/landing/2025-11-07.csv"
    assert next(iter(CENSUS.corrupted.landed)) == "census/landing/2025-12-07.csv"


def test_what_landed_in_a_month_is_dated_before_its_cut_off() -> None:
    for month in (CENSUS.good, CENSUS.corrupted):
        assert all(name[-14:-4] < str(month.cut_off) for name in month.landed)


def test_only_the_second_month_has_its_labels_swapped() -> None:
    def positive(contents: list[bytes]) -> float:
        labels = [row[-1] for content in contents for row in rows(content)]
        return labels.count(">50K") / len(labels)

    assert 0.2 < positive([CENSUS.published]) < 0.3
    assert 0.2 < positive(list(CENSUS.audited.values())) < 0.3
    assert 0.2 < positive(list(CENSUS.good.landed.values())) < 0.3
    assert 0.7 < positive(list(CENSUS.corrupted.landed.values())) < 0.8


def test_the_person_comes_without_the_answer() -> None:
    assert "income" not in CENSUS.person
    assert CENSUS.person["age"].isdecimal()
