"""
ROC and precision-recall curves of all models, and the point at which each is used.

Law: a curve is what a model could do, its mark what it will do; the ground between champion and
challenger is shaded, since that is what is being decided about.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from airflow_aml_retrain.gate.report.layout import section
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import plain, share, signed, span
from airflow_aml_retrain.gate.report.part import MODELS, Part
from airflow_aml_retrain.gate.report.plot import (
    Axis,
    Plot,
    Point,
    figure,
    legend,
    picture,
)
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION

UNIT: Final = Plot(Axis(0, 1, 52, 392), Axis(0, 1, 352, 12))
"""The square from nothing to everything, both ways."""
WIDTH, HEIGHT = 404, 394
_POINTS: Final = 200


def curves_section(record: Part) -> Html:
    curves = record.part("curves")
    roc, pr = _points(curves.part("roc")), _points(curves.part("pr"), beyond=0)
    if not roc and not pr:
        return Html()
    used = curves.part("operating_points")
    inside = element("div", _roc(roc, used), _pr(pr, used, curves), class_="pair")
    models = [model for model in MODELS if model in roc or model in pr]
    return section("curves", "ROC and precision-recall", _lead(record), legend(models), inside)


def _points(curves: Part, beyond: float = -1) -> dict[str, list[Point]]:
    """
    Those whose x is greater than *beyond*, by model.

    Where nothing is recalled yet, precision is that of nothing, and not drawn.
    """
    return {
        model: _thinned([(x, y) for x, y in _pairs(curves.lists(model)) if x > beyond])
        for model in curves.models
    }


def _pairs(lists: Sequence[Sequence[float]]) -> list[Point]:
    return [(each[0], each[1]) for each in lists if len(each) == 2]


def _thinned(points: list[Point]) -> list[Point]:
    """No more points than can be told apart, the first and the last among them."""
    step = -(-len(points) // _POINTS) or 1
    return [*points[:-1:step], *points[-1:]]


def _lead(record: Part) -> str:
    for each in record.parts("estimates"):
        if each.text("metric") == "auc":
            return _auc(each)
    return ""


def _auc(each: Part) -> str:
    low, high = each.number("low"), each.number("high")
    doubt = None if low is None or high is None else high - low
    said = f"AUC of the challenger {plain(each.number(CHALLENGER), doubt)}"
    if each.number("difference") is None:
        return f"{said}. A mark is where the model is used."
    return (
        f"{said}, of the champion {plain(each.number(CHAMPION), doubt)}: "
        f"{signed(each.number('difference'), doubt)} ({span(low, high, sign=True)}). A mark is "
        "where the model is used: square champion, disc challenger."
    )


def _roc(curves: Mapping[str, Sequence[Point]], used: Part) -> Html:
    names = ("false positive rate", "true positive rate (recall)")
    marks = [_mark(model, used.part(model), "fpr", "tpr") for model in used.models]
    chance = UNIT.line((0, 0), (1, 1), "reference")
    drawing = picture(
        f"ROC curves of {_listed(curves)}",
        UNIT.frame(*names),
        chance,
        *_drawn(curves),
        *marks,
        width=WIDTH,
        height=HEIGHT,
    )
    return figure(drawing, "Dashed: a model that guesses.", "ROC")


def _pr(curves: Mapping[str, Sequence[Point]], used: Part, all_: Part) -> Html:
    prevalence = all_.number("prevalence")
    marks = [_mark(model, used.part(model), "recall", "precision") for model in used.models]
    ground = (
        [] if prevalence is None else [UNIT.line((0, prevalence), (1, prevalence), "reference")]
    )
    drawing = picture(
        f"Precision-recall curves of {_listed(curves)}",
        UNIT.frame("recall", "precision"),
        *ground,
        *_drawn(curves),
        *marks,
        width=WIDTH,
        height=HEIGHT,
    )
    guess = f"Dashed: a model that guesses, {share(prevalence)} (the share of positives)."
    return figure(drawing, guess, "Precision-recall")


def _drawn(curves: Mapping[str, Sequence[Point]]) -> list[Html]:
    parts = [UNIT.curve(curves[model], model) for model in reversed(MODELS) if model in curves]
    if CHAMPION in curves and CHALLENGER in curves:
        between = [*curves[CHAMPION], *reversed(curves[CHALLENGER])]
        parts.insert(0, element("path", d=UNIT.path(between, closed=True), class_="between"))
    return parts


def _mark(model: str, used: Part, x: str, y: str) -> Html:
    across, up = used.number(x), used.number(y)
    if across is None or up is None:
        return Html()
    names = {"fpr": "false positive rate", "tpr": "recall"}
    said = (
        f"{model} at {plain(used.number('threshold'))}: {names.get(x, x)} {share(across)}, "
        f"{names.get(y, y)} {share(up)}"
    )
    return UNIT.mark((across, up), model, said)


def _listed(names: Mapping[str, object]) -> str:
    return " and ".join(names) or "no model"
