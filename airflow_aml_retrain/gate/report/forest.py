"""
The forest of all checks: what was seen, how sure it is, and what was asked.

Law: every check is a row, also the passed ones and those that could not be made. Each row has a
scale of its own with its limit in the middle, since a log loss and a recall share no unit.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from airflow_aml_retrain.gate.report.asked import (
    limits_of,
    limits_said,
    right_is_greater,
    said,
    seen,
)
from airflow_aml_retrain.gate.report.layout import section
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import span, sureness
from airflow_aml_retrain.gate.report.outcomes import badge, look, outcome_of
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.strips import Row, axis_of, drawn
from airflow_aml_retrain.gate.verdict import Outcome

_MODES: Final = {
    "prove": "must be shown",
    "veto": "stops on proof of harm",
    "point": "bare numbers",
}


def checks_section(record: Part, shown: int) -> Html:
    """At most *shown* of them; a policy with more has the others in its record."""
    checks = record.parts("checks")
    if not checks:
        return Html()
    first = _first(checks, shown)
    deciding, policy = record.text("deciding_check"), record.part("policy")
    rows = [_row(check, policy, decided=check.text("name") == deciding) for check in first]
    left = _left(checks, first)
    return section("checks", "Checks", _summary(checks), _table(rows), left)


def _first(checks: Sequence[Part], shown: int) -> Sequence[Part]:
    """As many as are shown: in the policy's order, or, if that is too many, the worst."""
    if len(checks) <= shown:
        return checks
    worst = [Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_MADE, Outcome.PASSED]
    return sorted(checks, key=lambda check: worst.index(outcome_of(check.text("outcome"))))[:shown]


def _left(checks: Sequence[Part], first: Sequence[Part]) -> Html:
    more = len(checks) - len(first)
    if not more:
        return Html()
    return element("p", f"{more} more checks stand in the decision record.", class_="note")


def _summary(checks: Sequence[Part]) -> str:
    outcomes = [outcome_of(check.text("outcome")) for check in checks]
    counts = [(outcomes.count(outcome), outcome.value) for outcome in Outcome]
    counted = ", ".join(f"{number} {word}" for number, word in counts if number)
    number = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
    return (
        f"{number}: {counted}. The line in the middle is what is asked; right of it is enough, "
        "and the hatched ground left of it is not. Each row has its own scale."
    )


def _table(rows: Sequence[Html]) -> Html:
    heads = (
        element("th", "Outcome", scope="col"),
        element("th", "Check", scope="col"),
        element(
            "th",
            element("span", "\u2190 not enough"),
            element("span", "enough \u2192"),
            scope="col",
            class_="sides",
        ),
        element("th", "Estimate", scope="col", class_="number"),
    )
    head = element("thead", element("tr", *heads))
    return element("table", head, element("tbody", *rows), class_="forest")


def _row(check: Part, policy: Part, *, decided: bool) -> Html:
    outcome = outcome_of(check.text("outcome"))
    name = element("strong", check.text("name", 120))
    tags = element("div", " \u00b7 ".join(_tags(check, decided=decided)), class_="tags")
    reason = element("p", check.text("reason", 600), class_="reason")
    return element(
        "tr",
        element("td", badge(outcome), class_="outcome"),
        element("th", name, tags, reason, scope="row", class_="what"),
        element("td", _strip(check, policy, outcome), class_="draw"),
        element("td", *_numbers(check), class_="number"),
        class_=f"{look(outcome)} decided" if decided else look(outcome),
    )


def _tags(check: Part, *, decided: bool) -> Iterator[str]:
    if decided:
        yield "this decided"
    mode = check.text("mode")
    if mode in _MODES:
        yield _MODES[mode]
    if check.text("severity") == "warn":
        yield "only warns"
    if check.flag("automatic"):
        yield "added by the gate"


def _numbers(check: Part) -> Iterator[Html]:
    """The number that the strip draws, and its interval."""
    low, high = check.number("low"), check.number("high")
    doubt = None if low is None or high is None else high - low
    yield element("div", said(check, seen(check), doubt), class_="value")
    if doubt is not None:
        interval = span(low, high, sign=bool(check.text("vs")))
        yield element("div", interval, class_="interval")
    if check.number("alpha") is not None:
        sure = f"each end {sureness(check.number('alpha'))}"
        yield element("div", sure, class_="interval")


def _strip(check: Part, policy: Part, outcome: Outcome) -> Html:
    value, low, high = seen(check), check.number("low"), check.number("high")
    if value is None:
        return Html()
    floor, ceiling = limits = limits_of(check, policy)
    row = Row(
        value=value,
        low=value if low is None else low,
        high=value if high is None else high,
        outcome=outcome,
        floor=floor,
        ceiling=ceiling,
        equal=0.0 if check.text("vs") else None,
    )
    asked = limits_said(check, limits)
    title = f"{check.text('name', 120)}: {said(check, value)} ({span(low, high)}), asked {asked}"
    axis = axis_of(row, higher_is_better=right_is_greater(check))
    return drawn(row, axis, title, limit_said=asked)
