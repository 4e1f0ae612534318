"""
What a regression said against what was true, how far off it was, and where.

Law: both models are drawn over the same edges and in the same shades, or they could not be
compared by eye.
"""

from collections.abc import Mapping, Sequence
from math import ceil, log1p

from airflow_aml_retrain.gate.report.layout import section
from airflow_aml_retrain.gate.report.markup import Html, element, joined
from airflow_aml_retrain.gate.report.numerals import count, plain, share, short
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

_SHADES = 6


def regression_section(record: Part) -> Html:
    curves = record.part("curves")
    parts = [
        part
        for part in (
            _predictions(curves.part("predicted_actual")),
            _residuals(curves.part("residuals")),
            _deciles(curves.parts("deciles")[:20]),
        )
        if part
    ]
    if not parts:
        return Html()
    lead = _lead(curves.part("heavy_tail"))
    return section("regression", "Predicted and actual", lead, *parts)


def _lead(heavy: Part) -> str:
    said = [f"{share(heavy.number(model))} for the {model}" for model in heavy.models]
    if not said:
        return ""
    return (
        "The worst thousandth of the rows makes this much of all squared error: "
        f"{' and '.join(said)}."
    )


def _predictions(models: Part) -> Html:
    most = max(
        (
            cell
            for model in models.models
            for line in models.part(model).lists("counts")
            for cell in line
        ),
        default=0.0,
    )
    drawings = [_density(model, models.part(model), most) for model in models.models]
    drawn = [drawing for drawing in drawings if drawing]
    return element("div", *drawn, class_="pair") if drawn else Html()


def _density(model: str, said: Part, most: float) -> Html:
    x_edges, y_edges, counts = said.numbers("x"), said.numbers("y"), said.lists("counts")
    if len(x_edges) < 2 or len(y_edges) < 2 or not counts:
        return Html()
    plot = Plot(Axis(x_edges[0], x_edges[-1], 64, 392), Axis(y_edges[0], y_edges[-1], 340, 12))
    low, high = max(x_edges[0], y_edges[0]), min(x_edges[-1], y_edges[-1])
    drawing = picture(
        f"What the {model} said by what was true",
        plot.frame("actual", "predicted"),
        *_shades(plot, x_edges, y_edges, counts, most),
        plot.line((low, low), (high, high), "reference"),
        width=404,
        height=382,
    )
    return figure(
        drawing, "The stronger, the more rows. Dashed: said what was true.", model.capitalize()
    )


def _shades(
    plot: Plot,
    x_edges: Sequence[float],
    y_edges: Sequence[float],
    counts: Sequence[Sequence[float]],
    most: float,
) -> list[Html]:
    """One path for each shade: neighbours in a line are one box, which keeps the page small."""
    paths: dict[int, list[str]] = {}
    for bottom, top, line in zip(y_edges, y_edges[1:], counts, strict=False):
        y, height = plot.y.at(top), plot.y.at(bottom) - plot.y.at(top)
        for first, last, shade in _runs([shade_of(cell, most) for cell in line]):
            if shade and last < len(x_edges):
                x, end = plot.x.at(x_edges[first]), plot.x.at(x_edges[last])
                box = f"M{x:.1f} {y:.1f}H{end:.1f}v{height:.1f}H{x:.1f}Z"
                paths.setdefault(shade, []).append(box)
    return [
        element("path", d="".join(paths[shade]), class_=f"shade s{shade}")
        for shade in sorted(paths)
    ]


def _runs(shades: Sequence[int]) -> list[tuple[int, int, int]]:
    """(first, one after the last, shade) of each run of equal shades."""
    starts = [at for at, shade in enumerate(shades) if at == 0 or shades[at - 1] != shade]
    ends = [*starts[1:], len(shades)]
    return [(start, end, shades[start]) for start, end in zip(starts, ends, strict=True)]


def shade_of(rows: float, most: float) -> int:
    """0 for none, else 1 .. 6 on a logarithmic scale."""
    return ceil(_SHADES * log1p(rows) / log1p(most)) if rows > 0 else 0


def _residuals(residuals: Part) -> Html:
    edges = residuals.numbers("edges")
    there = {
        model: residuals.numbers(model)
        for model in (CHALLENGER, CHAMPION)
        if residuals.numbers(model)
    }
    if len(edges) < 2 or not there:
        return Html()
    tallest = max(max(numbers) for numbers in there.values()) or 1.0
    plot = Plot(Axis(edges[0], edges[-1], 72, 610), Axis(0, tallest, 222, 12))
    drawing = picture(
        f"How far off predictions were, {' and '.join(there)}",
        plot.frame("predicted less actual", ""),
        *_outlines(plot, edges, there),
        plot.line((0, 0), (0, tallest), "reference"),
        width=620,
        height=264,
        class_="plot broad",
    )
    caption = "Filled: challenger; outlined: champion. The outermost bars hold all beyond them."
    inside = (legend([model for model in (CHAMPION, CHALLENGER) if model in there]),)
    return joined((*inside, figure(drawing, caption, "Rows by error")))


def _outlines(
    plot: Plot, edges: Sequence[float], there: Mapping[str, Sequence[float]]
) -> list[Html]:
    kinds = {CHALLENGER: "filled", CHAMPION: "line"}
    return [
        element("path", d=plot.path(steps(edges, numbers)), class_=f"{kinds[model]} {model}")
        for model, numbers in there.items()
    ]


def _deciles(deciles: Sequence[Part]) -> Html:
    errors = [each.number(model) or 0.0 for each in deciles for model in (CHAMPION, CHALLENGER)]
    if not deciles or not any(errors):
        return Html()
    plot = Plot(Axis(0, len(deciles), 72, 610), Axis(0, 1.08 * max(errors), 222, 12))
    drawing = picture(
        "Mean absolute error by tenth of the actual values",
        *_decile_ground(plot),
        *(_decile(plot, at, each) for at, each in enumerate(deciles)),
        width=620,
        height=264,
        class_="plot broad",
    )
    caption = (
        "Each tenth of the actual values, from the smallest. Square: champion; disc: challenger."
    )
    return figure(drawing, caption, "Mean absolute error by decile")


def _decile_ground(plot: Plot) -> list[Html]:
    ground = plot.frame("", "", x_ticks=False)
    return [ground, label(341, 260, "actual, up to", "middle", class_="axis")]


def _decile(plot: Plot, at: int, each: Part) -> Html:
    middle = at + 0.5
    marks: list[Html] = []
    ends = [
        number for model in (CHAMPION, CHALLENGER) if (number := each.number(model)) is not None
    ]
    if len(ends) == 2:
        marks.append(plot.line((middle, ends[0]), (middle, ends[1]), "join"))
    for model in (CHAMPION, CHALLENGER):
        error = each.number(model)
        if error is not None:
            said = f"{model}: {plain(error)} over {count(each.number('rows'))} rows"
            marks.append(plot.mark((middle, error), model, said))
    upper = each.number("high")
    marks.append(label(plot.x.at(middle), 239, "" if upper is None else short(upper), "middle"))
    return joined(marks)
