"""
One row of a forest: an interval, and where it would have to lie.

Law: right is always better for the challenger, whatever the metric's direction. What is accepted
is plain ground and what is not is hatched, so that a bar which straddles the limit can be seen to.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_aml_retrain.gate.report.markup import Html, element, joined
from airflow_aml_retrain.gate.report.outcomes import look
from airflow_aml_retrain.gate.report.plot import Axis, label, strip
from airflow_aml_retrain.gate.verdict import Outcome

_GROUND = 30
"""Height of the ground in pixels; the style sheet hatches as much."""
_MIDDLE = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    What is drawn: *value* within *low* .. *high*, and the limits of what is accepted.

    *floor* and *ceiling* are the accepted ends (None: open on that side). *equal* is where
    nobody is better.
    """

    value: float
    low: float
    high: float
    outcome: Outcome
    floor: float | None = None
    ceiling: float | None = None
    equal: float | None = None

    @property
    def limits(self) -> tuple[float, ...]:
        return tuple(limit for limit in (self.floor, self.ceiling) if limit is not None)


def axis_of(row: Row, *, higher_is_better: bool) -> Axis:
    """An axis for *row* alone, its limit in the middle."""
    middle = sum(row.limits) / len(row.limits) if row.limits else row.value
    places = (row.value, row.low, row.high, *row.limits, middle if row.equal is None else row.equal)
    reach = 1.12 * max(abs(place - middle) for place in places) or 1.0
    return towards(middle - reach, middle + reach, higher_is_better=higher_is_better)


def towards(low: float, high: float, *, higher_is_better: bool) -> Axis:
    """An axis in percent of a strip's width whose right end is the better one."""
    start, end = (0, 100) if higher_is_better else (100, 0)
    return Axis(low, high, start, end)


def drawn(row: Row, axis: Axis, title: str, *, limit_said: str = "", blind: bool = False) -> Html:
    """The strip of *row*; *limit_said* is written under its limit."""
    words = label("50%", _GROUND + 14, limit_said)
    kind = "strip blind" if blind else "strip"
    height = _GROUND + (18 if limit_said else 0)
    return strip(title, *_ground(row, axis), words, *_bar(row, axis), height=height, class_=kind)


def scale(axis: Axis, said: tuple[tuple[float, str], ...], title: str) -> Html:
    """The numbers above strips that share *axis*."""
    inside = [label(_percent(axis.at(tick)), 13, word) for tick, word in said]
    return strip(title, *inside, height=18, class_="scale")


def _ground(row: Row, axis: Axis) -> Iterator[Html]:
    if row.limits:
        low = axis.low if row.floor is None else row.floor
        high = axis.high if row.ceiling is None else row.ceiling
        left, right = sorted((_inside(axis.at(low)), _inside(axis.at(high))))
        width = _percent(right - left)
        yield element("rect", x=_percent(left), width=width, height=_GROUND, class_="accepted")
    for limit in row.limits:
        yield _upright(axis.at(limit), None, _GROUND, "limit")
    if row.equal is not None and row.equal not in row.limits:
        yield _upright(axis.at(row.equal), None, _GROUND, "equal")


def _bar(row: Row, axis: Axis) -> Iterator[Html]:
    ends = sorted((axis.at(row.low), axis.at(row.high)))
    left, right = map(_inside, ends)
    y = {"y1": _MIDDLE, "y2": _MIDDLE}
    parts = []
    if row.low != row.high:
        parts = [
            element("line", x1=_percent(left), x2=_percent(right), **y),
            *(_upright(end, _MIDDLE - 5, _MIDDLE + 5) for end in ends if 0 <= end <= 100),
            *_arrows(ends),
        ]
    disc = element("circle", cx=_percent(_inside(axis.at(row.value))), cy=_MIDDLE, r=5)
    yield element("g", joined(parts), disc, class_=f"bar {look(row.outcome)}")


def _arrows(ends: list[float]) -> Iterator[Html]:
    """A bar that leaves the picture says so."""
    if ends[0] < 0:
        yield label("0%", _MIDDLE + 5, "\u2039", "start", class_="arrow")
    if ends[1] > 100:
        yield label("100%", _MIDDLE + 5, "\u203a", "end", class_="arrow")


def _upright(place: float, top: float | None, bottom: float, class_: str | None = None) -> Html:
    x = _percent(_inside(place))
    return element("line", x1=x, x2=x, y1=top, y2=bottom, class_=class_)


def _inside(place: float) -> float:
    return min(100.0, max(0.0, place))


def _percent(place: float) -> str:
    return f"{place:.4g}%"
