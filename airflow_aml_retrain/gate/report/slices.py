"""
The forest of slices, worst first: where the challenger may harm somebody.

Law: slices of one metric share one scale. A slice that is too small to show the harm that matters
is hatched all over and says which harm it could have shown, so that silence is not taken for peace.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.gate.report.layout import estimated, section
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import count, given, plain, signed, span
from airflow_aml_retrain.gate.report.outcomes import badge, look, outcome_of
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import Axis
from airflow_aml_retrain.gate.report.strips import Row, drawn, scale, towards
from airflow_aml_retrain.gate.verdict import Outcome

_WORST: Final = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED, Outcome.NOT_MADE)


@dataclass(frozen=True, slots=True)
class Forest:
    """What the slices of one metric have in common: *limit* is the last accepted difference."""

    axis: Axis
    limit: float
    higher_is_better: bool
    deciding: str


def slices_section(record: Part, shown: int) -> Html:
    """At most *shown* rows, over all metrics; the record has them all."""
    there = record.parts("slices")
    if not there:
        return Html()
    metrics = sorted({each.text("metric") for each in there})[:8]
    groups = [[each for each in there if each.text("metric") == metric] for metric in metrics]
    each_metric = max(1, shown // len(groups))
    tables = [part for group in groups for part in _group(group, each_metric, record)]
    return section("slices", "Slices", _lead(there), *tables)


def _lead(there: Sequence[Part]) -> str:
    names = {each.text("slice") for each in there}
    failed = {
        each.text("slice") for each in there if outcome_of(each.text("outcome")) is Outcome.FAILED
    }
    blind = {each.text("slice") for each in there if each.flag("underpowered")}
    said = "1 slice" if len(names) == 1 else f"{count(len(names))} slices"
    said += f"; harm is shown in {len(failed) or 'none'}"
    if blind:
        said += (
            f", and {len(blind)} {'is' if len(blind) == 1 else 'are'} too small to tell (hatched)"
        )
    return f"{said}. Worst first; right is better for the challenger."


def _group(group: Sequence[Part], shown: int, record: Part) -> Iterator[Html]:
    ordered = sorted(group, key=_badness)
    first, rest = ordered[:shown], ordered[shown:]
    forest = _forest(first, record)
    yield element("h3", first[0].text("title"))
    rows = [_row(each, forest) for each in first]
    yield element("table", _head(forest.axis), element("tbody", *rows), class_="forest slices")
    if rest:
        yield element("p", _rest(rest), class_="note")


def _forest(first: Sequence[Part], record: Part) -> Forest:
    """With an axis wide enough for all that are not blind; a longer bar ends in an arrow."""
    higher = first[0].flag("higher_is_better")
    margin = _margin(record.part("policy").part("slices"), first[0].text("metric"))
    limit = -margin if higher else margin
    sighted = [each for each in first if not each.flag("underpowered")] or first
    ends = [each.number(key) or 0.0 for each in sighted for key in ("low", "high")]
    low, high = min(*ends, limit, 0.0), max(*ends, limit, 0.0)
    spare = 0.08 * (high - low) or 1.0
    axis = towards(low - spare, high + spare, higher_is_better=higher)
    return Forest(axis, limit, higher, record.text("deciding_check"))


def _badness(each: Part) -> tuple[int, float, float, str]:
    """Failed ones first, then by how likely harm is."""
    p_value = each.number("p_value")
    difference = each.number("difference") or 0.0
    gain = difference if each.flag("higher_is_better") else -difference
    rank = _WORST.index(outcome_of(each.text("outcome")))
    return rank, 1.0 if p_value is None else p_value, gain, each.text("slice")


def _margin(margins: Part, metric: str) -> float:
    margin = margins.number("margin")
    return margin if margin is not None else margins.part("margin").number(metric) or 0.0


def _head(axis: Axis) -> Html:
    ticks = [tick for tick in axis.ticks(4) if 8 <= axis.at(tick) <= 92]
    said = tuple((tick, f"+{given(tick)}" if tick > 0 else given(tick)) for tick in ticks)
    sides = (element("span", "\u2190 worse"), element("span", "better \u2192"))
    heads = (
        element("th", "Outcome", scope="col"),
        element("th", "Slice", scope="col"),
        element(
            "th",
            element("div", *sides, class_="sides"),
            scale(axis, said, "Scale of the differences below"),
            scope="col",
        ),
        element("th", "Difference", scope="col", class_="number"),
        element("th", "Harm it could show", scope="col", class_="number"),
    )
    return element("thead", element("tr", *heads))


def _row(each: Part, forest: Forest) -> Html:
    outcome, blind = outcome_of(each.text("outcome")), each.flag("underpowered")
    low, high = each.number("low"), each.number("high")
    doubt = None if low is None or high is None else high - low
    seen = signed(each.number("difference"), doubt)
    return element(
        "tr",
        element("td", badge(outcome, _word(outcome, blind=blind)), class_="outcome"),
        element("th", element("strong", each.text("slice", 80)), _size(each), scope="row"),
        element("td", _strip(each, forest), class_="draw"),
        element("td", estimated(seen, span(low, high, sign=True)), class_="number"),
        element("td", _detectable(each), class_="number least"),
        class_=f"{look(outcome)} decided" if _decided(each, outcome, forest) else look(outcome),
    )


def _decided(each: Part, outcome: Outcome, forest: Forest) -> bool:
    """Whether the verdict rests on this slice; one that passed has stopped nobody."""
    return outcome is not Outcome.PASSED and each.text("slice") == forest.deciding


def _word(outcome: Outcome, *, blind: bool) -> str:
    return "too small" if blind and outcome is not Outcome.FAILED else outcome.value


def _size(each: Part) -> Html:
    said = f"{count(each.number('rows'))} rows"
    if each.number("positives") is not None:
        said += f", {count(each.number('positives'))} positive"
    return element("span", said, class_="size")


def _detectable(each: Part) -> str:
    least = each.number("min_detectable")
    return plain(least, least)


def _strip(each: Part, forest: Forest) -> Html:
    value = each.number("difference")
    if value is None:
        return Html()
    low, high = each.number("low"), each.number("high")
    row = Row(
        value=value,
        low=value if low is None else low,
        high=value if high is None else high,
        outcome=outcome_of(each.text("outcome")),
        floor=forest.limit if forest.higher_is_better else None,
        ceiling=None if forest.higher_is_better else forest.limit,
        equal=0.0,
    )
    title = f"{each.text('slice', 80)}: {signed(value)} ({span(low, high, sign=True)})"
    return drawn(row, forest.axis, title, blind=each.flag("underpowered"))


def _rest(rest: Sequence[Part]) -> str:
    blind = sum(each.flag("underpowered") for each in rest)
    said = f"{count(len(rest))} more slices, none of them worse, stand in the decision record"
    return f"{said}; {count(blind)} of them are too small to tell." if blind else f"{said}."
