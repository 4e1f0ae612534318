"""
What is left of a hold-out.

Law: every look at a hold-out spends of the error that its owner allows; what is spent is drawn
beside what is left, so that nobody is surprised by the last use.
"""

from typing import Final

from airflow_aml_retrain.gate.report.layout import section
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import given, short
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import figure, strip
from airflow_aml_retrain.gate.report.rows_needed import rows_needed

_BLOCKS: Final = 60
"""A hold-out that may be used more often is drawn as one bar."""


def budget_section(record: Part) -> Html:
    budget = record.part("holdout_budget")
    parts = [part for part in (_gauges(budget), rows_needed(record)) if part]
    if not parts:
        return Html()
    return section("budget", "Hold-out budget", _lead(budget), *parts)


def _lead(budget: Part) -> str:
    if not budget:
        return ""
    said = (
        f"Use {budget.count('use_number')} of {budget.count('max_uses')} of these rows. This "
        f"decision may err with probability {short(budget.number('alpha_this') or 0.0)}, all uses "
        f"together with {given(budget.number('alpha_total'))} "
        f"(spending: {budget.text('spending', 40)})."
    )
    shared = budget.text("shared_with", 80)
    return f"{said} It shares rows with {shared}, whose uses count." if shared else said


def _gauges(budget: Part) -> Html:
    if not budget.count("max_uses"):
        return Html()
    return element("div", _uses(budget), _error(budget), class_="pair")


def _uses(budget: Part) -> Html:
    most = budget.count("max_uses")
    before = min(max(0, budget.count("use_number") - 1), most - 1)
    left = most - before - 1
    said = f"{before} uses before, this one, {left} left"
    blocks = _bar(before, 1, most)
    if most <= _BLOCKS:
        wide = 100 / most
        kinds = ["used"] * before + ["this"] + ["left"] * left
        blocks = [_block(wide * at, wide * 0.9, kind) for at, kind in enumerate(kinds)]
    return figure(strip(said, *blocks, height=28, class_="gauge"), f"{said}.", "Uses")


def _error(budget: Part) -> Html:
    before, this, total = (
        budget.number(key) or 0.0 for key in ("alpha_spent_before", "alpha_this", "alpha_total")
    )
    rest = max(0.0, total - before - this)
    said = f"{short(before)} spent before, {short(this)} now, {short(rest)} left"
    bar = strip(said, *_bar(before, this, total), height=28, class_="gauge")
    return figure(bar, f"{said}.", "Allowed error")


def _bar(before: float, this: float, total: float) -> list[Html]:
    whole = max(total, before + this) or 1.0
    # What is spent now may be too little to see, and it is what the page is about.
    now = max(100 * this / whole, 1.0)
    used = min(100 * before / whole, 100 - now)
    return [_block(0, 100, "left"), _block(0, used, "used"), _block(used, now, "this")]


def _block(left: float, width: float, kind: str) -> Html:
    place = {"x": f"{left:.4g}%", "width": f"{max(0.0, width):.4g}%"}
    return element("rect", **place, y=2, height=24, rx=3, class_=f"block {kind}")
