"""
What a check asked and what was seen, as its pictures need it.

Law: a comparison is drawn by its difference, everything else by the challenger's own value; the
limits are of the same kind, whatever the metric's direction.
"""

from typing import Final

from airflow_aml_retrain.gate.report.numerals import given, plain, signed
from airflow_aml_retrain.gate.report.part import Part

Limits = tuple[float | None, float | None]
"""The least and the greatest value that is enough; None where there is no such end."""

_BANDS: Final = {"observed / expected": "observed_expected", "calibration slope": "slope"}
"""Checks that have two limits, and under which name those stand in the policy."""


def seen(check: Part) -> float | None:
    return check.number("difference" if check.text("vs") else "challenger")


def said(check: Part, value: float | None, doubt: float | None = None) -> str:
    """A number of *check* in words; a difference has its sign."""
    return signed(value, doubt) if check.text("vs") else plain(value, doubt)


def limits_of(check: Part, policy: Part) -> Limits:
    bound, margin = check.number("bound"), check.number("margin")
    band = policy.part("calibration").numbers(_BANDS.get(check.text("metric"), ""))
    if len(band) == 2:
        return band[0], band[1]
    if bound is not None:
        return (None, bound) if check.text("bound_kind") == "at_most" else (bound, None)
    if margin is None:
        return None, None
    return (-margin, None) if check.flag("higher_is_better") else (None, margin)


def right_is_greater(check: Part) -> bool:
    """Whether greater values are drawn further right, where better is."""
    kind = check.text("bound_kind")
    return kind != "at_most" if kind else check.flag("higher_is_better") or not check.text("vs")


def limits_said(check: Part, limits: Limits) -> str:
    """The limits as a person would ask for them."""
    floor, ceiling = limits
    if floor is None and ceiling is None:
        return "no limit"
    if floor is not None and ceiling is not None:
        return f"from {given(floor)} to {given(ceiling)}"
    if not check.text("vs"):
        return f"at most {given(ceiling)}" if floor is None else f"at least {given(floor)}"
    margin = check.number("margin") or 0.0
    if margin == 0:
        return "no worse"
    return f"{given(abs(margin))} {'worse' if margin > 0 else 'better'}"
