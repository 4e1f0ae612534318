"""
The last decisions, by which to see whether the champion gets better or slowly worse.

Law: only values of one metric share a picture. The others are in the list below it, which has
every decision in words.
"""

from collections.abc import Sequence
from typing import Final

from airflow_aml_retrain.gate.report.banner import moment
from airflow_aml_retrain.gate.report.layout import folded, row, section, table
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import plain, span
from airflow_aml_retrain.gate.report.outcomes import badge, look, look_of
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import Axis, Plot, figure, label, picture
from airflow_aml_retrain.gate.rows import ANCHOR
from airflow_aml_retrain.gate.verdict import Outcome

SHOWN: Final = 24
_SIGNS: Final = {
    Outcome.FAILED: "M-5-5L5 5M5-5L-5 5",
    Outcome.NOT_MADE: "M-5 0H5",
}


def history_section(record: Part, envelope: Part) -> Html:
    history = envelope.parts("history")[-SHOWN:]
    if not history:
        return Html()
    drawing = _drawing(history, record)
    listed = folded("All of them in words", _list(history), is_open=not drawing)
    return section("history", "The last decisions", _lead(history), drawing, listed)


def _lead(history: Sequence[Part]) -> str:
    verdicts = [each.text("verdict") for each in history]
    said = ", ".join(
        f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(sorted(verdicts))
    )
    return f"{len(history)} decisions, the last on the right: {said}."


def _drawing(history: Sequence[Part], record: Part) -> Html:
    measured = [each for each in history if each.number("value") is not None]
    if not measured:
        return Html()
    metric = measured[-1].text("metric")
    title = _title(record, metric)
    known = [
        (at, each)
        for at, each in enumerate(history)
        if each.text("metric") == metric and each.number("value") is not None
    ]
    low, high = _domain([each for _, each in known])
    plot = Plot(Axis(-0.5, len(history) - 0.5, 72, 590), Axis(low, high, 222, 12))
    drawing = picture(
        f"{title} of the last {len(history)} decisions",
        plot.frame("", "", x_ticks=False),
        *_anchor(plot, record, metric),
        *(_decision(plot, at, each) for at, each in known),
        *_dates(plot, history),
        width=620,
        height=264,
        class_="plot broad",
    )
    caption = "\u25cf promoted, \u2715 rejected, \u25cb inconclusive, \u2013 invalid."
    return figure(drawing, caption, title)


def _title(record: Part, metric: str) -> str:
    """What sentences call *metric*."""
    known = (*record.parts("checks"), *record.parts("estimates"))
    titles = [each.text("title", 80) for each in known if each.text("metric") == metric]
    title = titles[0] if titles else metric
    return f"{title[:1].upper()}{title[1:]}" if titles else title


def _domain(known: Sequence[Part]) -> tuple[float, float]:
    ends = [
        number
        for each in known
        for key in ("value", "low", "high")
        if (number := each.number(key)) is not None
    ]
    low, high = min(ends), max(ends)
    spare = 0.12 * (high - low) or abs(high) / 10 or 1.0
    return low - spare, high + spare


def _decision(plot: Plot, at: int, each: Part) -> Html:
    value, low, high = (each.number(key) for key in ("value", "low", "high"))
    if value is None:
        return Html()
    outcome = look_of(each.text("verdict"))
    whisker = Html()
    if low is not None and high is not None:
        whisker = plot.line((at, low), (at, high), "whisker")
    said = element(
        "title",
        f"{moment(each.text('decided_at'))} {each.text('verdict')}: {plain(value)} "
        f"({span(low, high)})",
    )
    return element("g", said, whisker, _sign(plot, at, value, outcome), class_="decision")


def _sign(plot: Plot, at: int, value: float, outcome: Outcome) -> Html:
    x, y = plot.x.at(at), plot.y.at(value)
    if outcome in _SIGNS:
        where = f"translate({x:.1f} {y:.1f})"
        return element("path", d=_SIGNS[outcome], transform=where, class_=f"cross {look(outcome)}")
    return element("circle", cx=x, cy=y, r=5, class_=f"dot {look(outcome)}")


def _anchor(plot: Plot, record: Part, metric: str) -> list[Html]:
    """Where the anchor stands today, and how far from it the budget for drift reaches."""
    there = [each for each in record.parts("estimates") if each.text("metric") == metric]
    value = there[0].number(ANCHOR) if there else None
    # What a decision turned on may be a difference, beside which the anchor's value means nothing.
    if value is None or not plot.y.low <= value <= plot.y.high:
        return []
    parts = [
        plot.line((plot.x.low, value), (plot.x.high, value), "line anchor"),
        label(608, plot.y.at(value) - 5, "anchor today", "end", class_="small"),
    ]
    margin = _drift_budget(record, metric)
    worst = value - margin if there[0].flag("higher_is_better") else value + margin
    if margin and plot.y.low <= worst <= plot.y.high:
        parts += [
            plot.line((plot.x.low, worst), (plot.x.high, worst), "reference"),
            label(76, plot.y.at(worst) - 5, "drift budget", class_="small"),
        ]
    return parts


def _drift_budget(record: Part, metric: str) -> float:
    margins = [
        check.number("margin") or 0.0
        for check in record.parts("checks")
        if check.text("vs") == ANCHOR and check.text("metric") == metric
    ]
    return margins[0] if margins else 0.0


def _dates(plot: Plot, history: Sequence[Part]) -> list[Html]:
    step = max(1, -(-len(history) // 4))
    return [
        label(plot.x.at(at), 240, each.text("decided_at")[:10], "middle")
        for at, each in enumerate(history)
        if (len(history) - 1 - at) % step == 0
    ]


def _list(history: Sequence[Part]) -> Html:
    rows = [
        row(
            moment(each.text("decided_at")),
            badge(look_of(each.text("verdict")), each.text("verdict")),
            each.text("headline", 200).removeprefix(f"{each.text('verdict')}: "),
            class_="",
        )
        for each in reversed(history)
    ]
    return table(("Decided", "Verdict", "Because"), rows, numbers_from=9)
