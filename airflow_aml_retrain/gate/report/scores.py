"""
Where the scores lie: positives upwards, negatives downwards.

Law: each class is drawn as shares of itself, or the rarer one would not be seen; heights are
square roots of the shares, or one full bin would flatten all others.
"""

from math import sqrt

from airflow_aml_retrain.gate.report.layout import section
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import count, given, plain
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import (
    Axis,
    Plot,
    figure,
    label,
    legend,
    picture,
    steps,
)
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION

Sides = dict[str, list[float]]


def scores_section(record: Part) -> Html:
    scores = record.part("curves").part("scores")
    edges = scores.numbers("edges")
    models = [model for model in (CHALLENGER, CHAMPION) if scores.part(model)]
    if len(edges) < 2 or not models:
        return Html()
    heights = {model: _heights(scores.part(model)) for model in models}
    tallest = max(each for sides in heights.values() for side in sides.values() for each in side)
    plot = Plot(Axis(edges[0], edges[-1], 52, 610), Axis(-tallest or -1.0, tallest or 1.0, 262, 12))
    drawn = [_drawn(plot, edges, model, heights[model]) for model in models]
    drawing = picture(
        f"Scores by class, {' and '.join(models)}",
        _frame(plot),
        *drawn,
        *_thresholds(plot, record.part("curves").part("operating_points")),
        width=620,
        height=304,
        class_="plot broad",
    )
    caption = (
        "Each side is the share of its own class, on a square-root scale. Filled: challenger; "
        "outlined: champion. Upright lines: from where a model says yes."
    )
    lead = _lead(record.part("data"))
    return section("scores", "Scores", lead, legend(models[::-1]), figure(drawing, caption))


def _lead(data: Part) -> str:
    rows, positives = data.number("rows"), data.number("positives")
    if rows is None or positives is None:
        return ""
    names = [f" ({name})" for name in data.texts("classes", 40)]
    negative, positive = names if len(names) == 2 else ("", "")
    return (
        f"{count(positives)} positives{positive} above the line, {count(rows - positives)} "
        f"negatives{negative} below."
    )


def _heights(model: Part) -> Sides:
    sides = {}
    for side in ("positive", "negative"):
        numbers = model.numbers(side)
        whole = sum(numbers) or 1.0
        sides[side] = [sqrt(max(number, 0.0) / whole) for number in numbers]
    return sides


def _drawn(plot: Plot, edges: tuple[float, ...], model: str, sides: Sides) -> Html:
    up = steps(edges, sides["positive"])
    down = [(x, -y) for x, y in steps(edges, sides["negative"])]
    kind = "filled" if model == CHALLENGER else "line"
    return element("path", d=plot.path(up) + plot.path(down), class_=f"{kind} {model}")


def _frame(plot: Plot) -> Html:
    ticks = [
        (label(plot.x.at(tick), 280, given(tick), "middle"), plot.x.at(tick))
        for tick in plot.x.ticks(5)
    ]
    middle = plot.y.at(0)
    rules = [
        element("line", x1=x, x2=x, y1=plot.y.start, y2=plot.y.end, class_="grid") for _, x in ticks
    ]
    return element(
        "g",
        *rules,
        *(tick for tick, _ in ticks),
        element("line", x1=plot.x.start, x2=plot.x.end, y1=middle, y2=middle, class_="grid"),
        label(331, 300, "score", "middle", class_="axis"),
        _side(plot.y.at(plot.y.high / 2), "positive"),
        _side(plot.y.at(plot.y.low / 2), "negative"),
    )


def _side(y: float, said: str) -> Html:
    turned = f"rotate(-90 40 {y:g})"
    return label(40, y, said, "middle", class_="axis", transform=turned)


def _thresholds(plot: Plot, used: Part) -> list[Html]:
    lines = []
    for model in used.models:
        threshold = used.part(model).number("threshold")
        if threshold is None or model not in (CHAMPION, CHALLENGER):
            continue
        said = element("title", f"{model} says yes from {plain(threshold)}")
        x = plot.x.at(threshold)
        where = {"x1": x, "x2": x, "y1": plot.y.start, "y2": plot.y.end}
        lines.append(element("line", said, **where, class_=f"threshold {model}"))
    return lines
