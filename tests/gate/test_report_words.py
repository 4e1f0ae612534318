"""What a report says in words and numbers, and that words stay words."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.gate.report.markdown import markdown
from airflow_aml_retrain.gate.report.markup import Html, element, shown
from airflow_aml_retrain.gate.report.numerals import DASH, count, plain, share, signed, span
from airflow_aml_retrain.gate.report.plot import Axis
from tests.gate.bodies import BODIES


def test_markdown_says_verdict_reason_and_every_check() -> None:
    lines = markdown(BODIES["rejected"]()).splitlines()

    assert lines[0] == "**✕ REJECT** The champion stays."
    assert lines[2].startswith("The challenger's log loss is 0.4266, 0.0057 worse")
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 7
    assert table[2].startswith("| ✕ failed | log\\_loss vs champion | +0.0057 | +0.0036 to")
    assert "Harm is shown in 2 slices:" in lines
    assert lines[-1] == "Look at the failed checks before training again."


def test_markdown_of_what_could_not_be_judged_says_what_to_mend() -> None:
    text = markdown(BODIES["invalid"]())

    assert text.startswith(f"**{DASH} INVALID** The champion stays.\n\nThe hold-out has 61 rows")
    assert "* The hold-out has 61 rows" in text
    assert "|" not in text


def test_hostile_names_stay_text_in_markdown() -> None:
    text = markdown(BODIES["hostile"]())

    assert not re.search(r"(?<!\\)[<`\[]", text)
    assert not re.search(r"\{\{|\{%|\{#", text)
    cells = [re.findall(r"(?<!\\)\|", line) for line in text.splitlines() if line.startswith("|")]
    assert {len(each) for each in cells} == {5}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (count(24_318), "24,318"),
        (count(None), DASH),
        (share(0.0312), "3.1\u202f%"),
        (share(0.00021), "0.021\u202f%"),
        (share(0.0075), "0.75\u202f%"),
        (plain(0.84537, 0.01), "0.845"),
        (plain(-1234567.8, 900), "\u22121,234,568"),
        (signed(0.5, 0.1), "+0.50"),
        (signed(0.0, 0.1), "0.00"),
        (signed(-0.004, 0.1), "\u22120.004"),
        (span(-0.0109, 0.0003, sign=True), "\u22120.0109 to +0.0003"),
        (span(0.8072, 0.8168), "0.8072 to 0.8168"),
        (span(None, 1.0), DASH),
    ],
)
def test_numbers_are_said_as_precisely_as_they_are_known(said: str, expected: str) -> None:
    assert said == expected


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_round_evenly_spaced_and_within(low: float, width: float) -> None:
    axis = Axis(low, low + width, 0, 100)

    ticks = axis.ticks()

    spare = 1e-6 * max(abs(low), width)
    assert 2 <= len(ticks) <= 11
    assert all(low - spare <= tick <= low + width + spare for tick in ticks)
    steps = [after - before for before, after in pairwise(ticks)]
    assert max(steps) - min(steps) <= spare


@given(st.text())
def test_any_text_survives_as_text(text: str) -> None:
    made = element("p", text, title=text)

    drawn = ET.fromstring(made)  # noqa: S314 - our own page
    assert isinstance(made, Html)
    assert (drawn.text or "") == shown(text, len(text))
    assert len(drawn) == 0
