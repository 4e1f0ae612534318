"""
How many rows would settle what is inconclusive.

Law: the picture assumes that the true value is the one seen, and says so. Doubt falls with the
root of the number of rows, so roots are what lies along its axis.
"""

from dataclasses import dataclass
from math import sqrt

from airflow_aml_retrain.gate.report.asked import limits_of, said, seen
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import count, short
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import Axis, Plot, figure, label, picture
from airflow_aml_retrain.gate.verdict import Verdict

_STEPS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """An interval *low* .. *high* around *value* after *now* rows, that *needed* rows settle."""

    value: float
    low: float
    high: float
    limit: float
    now: float
    needed: float

    @property
    def rows(self) -> Axis:
        return Axis(0.6 * min(self.now, self.needed), max(1.3 * self.needed, 1.5 * self.now), 0, 1)

    @property
    def plot(self) -> Plot:
        arms = (self.high - self.value, self.value - self.low, abs(self.limit - self.value))
        reach = 1.25 * max(arms)
        across = Axis(sqrt(self.rows.low), sqrt(self.rows.high), 72, 610)
        return Plot(across, Axis(self.value - reach, self.value + reach, 232, 12))

    def edge(self, end: float) -> list[tuple[float, float]]:
        """Where *end* of the interval would be, by the root of the rows."""
        first, last = self.plot.x.low, self.plot.x.high
        roots = [first + (last - first) * at / _STEPS for at in range(_STEPS + 1)]
        low, high = self.plot.y.low, self.plot.y.high
        arm = (end - self.value) * sqrt(self.now)
        return [(root, min(max(self.value + arm / root, low), high)) for root in roots]


def rows_needed(record: Part) -> Html:
    """How the deciding check's interval would close, were there more rows."""
    name = record.text("deciding_check")
    checks = [check for check in record.parts("checks") if check.text("name") == name]
    if record.text("verdict") != Verdict.INCONCLUSIVE or not checks:
        return Html()
    funnel = _funnel(checks[0], record.part("policy"))
    return _drawing(checks[0], funnel) if funnel else Html()


def _funnel(check: Part, policy: Part) -> Funnel | None:
    floor, ceiling = limits_of(check, policy)
    known = {
        "value": seen(check),
        "low": check.number("low"),
        "high": check.number("high"),
        "limit": ceiling if floor is None else floor,
        "now": check.number("rows") or None,
        "needed": check.number("rows_needed") or None,
    }
    numbers = {name: number for name, number in known.items() if number is not None}
    return Funnel(**numbers) if len(numbers) == len(known) else None


def _drawing(check: Part, funnel: Funnel) -> Html:
    plot, value, limit = funnel.plot, funnel.value, funnel.limit
    between = plot.path(
        [*funnel.edge(funnel.low), *reversed(funnel.edge(funnel.high))], closed=True
    )
    drawing = picture(
        f"How the interval of {check.text('name', 80)} closes: {count(funnel.now)} rows now, "
        f"{count(funnel.needed)} would settle it",
        *_ground(funnel),
        element("path", d=between, class_="between"),
        plot.line((plot.x.low, limit), (plot.x.high, limit), "limit"),
        plot.line((plot.x.low, value), (plot.x.high, value), "line challenger"),
        label(608, plot.y.at(limit) - 6, f"limit {said(check, limit)}", "end", class_="small"),
        *_when(plot, funnel.now, f"now {short(funnel.now)}"),
        *_when(plot, funnel.needed, f"enough {short(funnel.needed)}"),
        width=620,
        height=284,
        class_="plot broad",
    )
    caption = (
        f"If the true value is today's {said(check, value)}, the interval leaves the limit after "
        f"about {count(max(0.0, funnel.needed - funnel.now))} more rows."
    )
    return figure(drawing, caption, "Rows needed")


def _ground(funnel: Funnel) -> list[Html]:
    plot = funnel.plot
    ticks = [
        label(plot.x.at(sqrt(tick)), 250, short(tick), "middle") for tick in funnel.rows.ticks(4)
    ]
    name = label(341, 274, "rows of hold-out", "middle", class_="axis")
    return [plot.frame("", "", x_ticks=False), *ticks, name]


def _when(plot: Plot, rows: float, words: str) -> list[Html]:
    """An upright line, and words on that side of it where there is room."""
    root = sqrt(rows)
    line = plot.line((root, plot.y.low), (root, plot.y.high), "equal")
    x = plot.x.at(root)
    if x > (plot.x.start + plot.x.end) / 2:
        return [line, label(x - 5, 226, words, "end", class_="small")]
    return [line, label(x + 5, 226, words, class_="small")]
