"""
Pictures as inline SVG: axes, curves, marks, and strips that stretch with the page.

Law: every picture has a title that says what it shows to whoever cannot see it, and is the same
for the same numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from airflow_aml_retrain.gate.report.markup import Html, element, joined
from airflow_aml_retrain.gate.report.numerals import short

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A straight line from numbers *low* .. *high* to places *start* .. *end*."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Round numbers from *low* to *high*, *about* so many."""
        rough = (abs(self.high - self.low) or 1.0) / about
        power = 10.0 ** floor(log10(rough))
        step = min((1, 2, 5, 10), key=lambda each: abs(each * power - rough)) * power
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return tuple(round(number * step, 12) for number in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Plot:
    """The room between two axes, which draws what is said in numbers."""

    x: Axis
    y: Axis

    def frame(
        self,
        x_name: str,
        y_name: str,
        *,
        x_ticks: bool = True,
    ) -> Html:
        """Grid lines, the numbers on them, and what the axes are."""
        bottom, left = max(self.y.start, self.y.end), self.x.start
        middle = (self.x.start + self.x.end) / 2
        half = (self.y.start + self.y.end) / 2
        across = [self._across(tick) for tick in self.y.ticks()]
        up = [self._up(tick, bottom) for tick in self.x.ticks() if x_ticks]
        turned = f"rotate(-90 {left - 38:g} {half:g})"
        names = (
            label(middle, bottom + 36, x_name, "middle", class_="axis"),
            label(left - 38, half, y_name, "middle", class_="axis", transform=turned),
        )
        return joined((*across, *up, *(name for name in names if name)))

    def path(self, points: Iterable[Point], *, closed: bool = False) -> str:
        """The way through *points*, as the `d` of a path."""
        places = [f"{self.x.at(x):.1f} {self.y.at(y):.1f}" for x, y in points]
        return f"M{'L'.join(places)}{'Z' if closed else ''}" if places else "M0 0"

    def curve(self, points: Iterable[Point], class_: str) -> Html:
        return element("path", d=self.path(points), class_=f"line {class_}")

    def line(self, start: Point, end: Point, class_: str) -> Html:
        return element(
            "line",
            x1=self.x.at(start[0]),
            y1=self.y.at(start[1]),
            x2=self.x.at(end[0]),
            y2=self.y.at(end[1]),
            class_=class_,
        )

    def mark(self, place: Point, model: str, said: str, size: float = 5) -> Html:
        """A square for the champion, a disc for whoever else, which says *said* when asked."""
        x, y = self.x.at(place[0]), self.y.at(place[1])
        inside = element("title", said)
        if model == "champion":
            corner = {"x": x - size, "y": y - size, "width": 2 * size, "height": 2 * size}
            return element("rect", inside, **corner, class_=f"mark {model}")
        return element("circle", inside, cx=x, cy=y, r=size, class_=f"mark {model}")

    def _across(self, value: float) -> Html:
        y = self.y.at(value)
        rule = element("line", x1=self.x.start, x2=self.x.end, y1=y, y2=y, class_="grid")
        return joined((rule, label(self.x.start - 6, y + 4, short(value), "end")))

    def _up(self, value: float, bottom: float) -> Html:
        x = self.x.at(value)
        rule = element("line", x1=x, x2=x, y1=self.y.start, y2=self.y.end, class_="grid")
        return joined((rule, label(x, bottom + 17, short(value), "middle")))


def picture(title: str, *inside: Html, width: float, height: float, class_: str = "plot") -> Html:
    """An SVG that grows and shrinks with the page."""
    return element(
        "svg",
        element("title", title),
        *inside,
        role="img",
        viewBox=f"0 0 {width:g} {height:g}",
        class_=class_,
    )


def strip(title: str, *inside: Html, height: int, class_: str = "strip") -> Html:
    """An SVG as wide as its place; what lies in it says its x in percent."""
    return element(
        "svg",
        element("title", title),
        *inside,
        role="img",
        height=height,
        class_=class_,
    )


def label(x: float | str, y: float, text: str, anchor: str | None = None, **more: str) -> Html:
    """Words at a place; nothing where there are none."""
    return element("text", text, x=x, y=y, text_anchor=anchor, **more) if text else Html()


def figure(drawing: Html, caption: str = "", name: str = "") -> Html:
    """A picture with its name above and what it says below."""
    above = (element("h3", name),) if name else ()
    below = (element("figcaption", caption),) if caption else ()
    return element("figure", *above, drawing, *below)


def legend(models: Sequence[str], **said: str) -> Html:
    """Which line is whose; *said* adds to a model's name."""
    entries = (
        element("li", element("span", class_=f"swatch {model}"), said.get(model, model))
        for model in models
    )
    return element("ul", *entries, class_="legend")


def steps(edges: Sequence[float], heights: Sequence[float]) -> list[Point]:
    """The outline of a histogram: one height between each two edges, from the ground to it."""
    if not heights or len(edges) != len(heights) + 1:
        return []
    points = [(edges[0], 0.0)]
    for left, right, height in zip(edges, edges[1:], heights, strict=False):
        points += [(left, height), (right, height)]
    return [*points, (edges[-1], 0.0)]
