"""
Calibration: whether what a model calls 30 % happens three times in ten.

Law: every bin shows its interval, and the calibration error its floor, which a perfect model
of so few rows would have too. An error below its floor says nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from airflow_aml_retrain.gate.report.layout import estimated, row, section, table
from airflow_aml_retrain.gate.report.markup import Html, element, joined
from airflow_aml_retrain.gate.report.numerals import count, plain, share, span
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import (
    Axis,
    Plot,
    figure,
    label,
    legend,
    picture,
)
from airflow_aml_retrain.gate.rows import CHALLENGER

_BINS: Final = 20
_RUG: Final = 26
"""Height of the strip of row counts under each model's points."""


def calibration_section(record: Part) -> Html:
    reports = record.part("calibration")
    bins = {model: reports.part(model).parts("bins")[:_BINS] for model in reports.models}
    if not any(bins.values()):
        return Html()
    beside = element("div", _drawing(bins), _table(reports), class_="beside")
    lead = _lead(reports.part(CHALLENGER))
    return section("calibration", "Calibration", lead, legend(tuple(bins)), beside)


def _lead(report: Part) -> str:
    ratio = report.number("observed_expected")
    if ratio is None:
        return ""
    low, high = report.number("observed_expected_low"), report.number("observed_expected_high")
    if low is not None and high is not None and low <= 1 <= high:
        return "On the whole the challenger promises as many positives as there are."
    word = "fewer" if ratio > 1 else "more"
    off = abs(1 / ratio - 1) if ratio else None
    return f"The challenger promises {share(off)} {word} positives than there are."


def _drawing(bins: Mapping[str, Sequence[Part]]) -> Html:
    top = _top(bins)
    plot = Plot(Axis(0, top, 76, 392), Axis(0, top, 302, 12))
    rugs = [_rug(plot, at, model, bins[model]) for at, model in enumerate(bins)]
    points = [_point(plot, model, each) for model in bins for each in bins[model]]
    height = 394 + _RUG * len(rugs) - 44
    drawing = picture(
        f"Observed share of positives by mean score, {' and '.join(bins)}",
        plot.frame("mean score", "share observed"),
        plot.line((0, 0), (top, top), "reference"),
        *points,
        *rugs,
        width=404,
        height=height,
    )
    return figure(drawing, "Dashed: a perfect model. Bars below: rows in each bin.")


def _top(bins: Mapping[str, Sequence[Part]]) -> float:
    """Rare events leave most of the square empty: it ends where the points do."""
    ends = [
        each.number(key) or 0.0
        for those in bins.values()
        for each in those
        for key in ("mean_score", "observed", "high")
    ]
    furthest = max(ends, default=1.0)
    return next((edge for edge in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if furthest <= edge), 1.0)


def _point(plot: Plot, model: str, each: Part) -> Html:
    score, observed = each.number("mean_score"), each.number("observed")
    low, high = each.number("low"), each.number("high")
    if score is None or observed is None:
        return Html()
    said = (
        f"{model}: {count(each.number('rows'))} rows, mean score {plain(score)}, observed "
        f"{plain(observed)} ({span(low, high)})"
    )
    whisker = Html()
    if low is not None and high is not None:
        whisker = plot.line((score, low), (score, high), f"whisker {model}")
    return joined((whisker, plot.mark((score, observed), model, said, 3.5)))


def _rug(plot: Plot, at: int, model: str, bins: Sequence[Part]) -> Html:
    most = max((each.count("rows") for each in bins), default=1) or 1
    ground = 350 + _RUG * (at + 1) - 4
    bars = [
        element(
            "line",
            x1=plot.x.at(each.number("mean_score") or 0.0),
            x2=plot.x.at(each.number("mean_score") or 0.0),
            y1=ground,
            y2=ground - (_RUG - 8) * each.count("rows") / most,
            class_=f"count {model}",
        )
        for each in bins
    ]
    return joined((*bars, label(plot.x.start - 6, ground - 4, model, "end", class_="small")))


def _table(reports: Part) -> Html:
    models = reports.models
    rows = [row(name, *(said(reports.part(model)) for model in models)) for name, said in _MEASURES]
    heads = ("Measure", *(model.capitalize() for model in models))
    note = element(
        "p",
        "Observed / expected and slope are 1 for a perfect model, intercept and errors 0.",
        class_="note",
    )
    return element("div", table(heads, rows), note)


def _with_span(key: str, report: Part) -> Html:
    low, high = report.number(f"{key}_low"), report.number(f"{key}_high")
    doubt = None if low is None or high is None else high - low
    return estimated(plain(report.number(key), doubt), "" if doubt is None else span(low, high))


def _ece(report: Part) -> Html:
    floor = report.number("ece_floor")
    above = "" if floor is None else f"floor {plain(floor, 0.01)}"
    return estimated(plain(report.number("ece"), 0.01), above)


_MEASURES: Final = (
    ("Observed / expected", lambda report: _with_span("observed_expected", report)),
    ("Slope", lambda report: _with_span("slope", report)),
    ("Intercept", lambda report: plain(report.number("intercept"), 0.1)),
    ("Calibration error (ECE)", _ece),
    ("Calibration error, debiased", lambda report: plain(report.number("debiased"))),
)
