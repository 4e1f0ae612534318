"""Both decisions side by side, as the story ends."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from airflow_aml_retrain.demo.outcome import Outcome

_METRICS: Final = {"auc": "AUC", "log_loss": "Log loss", "accuracy": "Accuracy"}
_COLOURS: Final = {"PROMOTE": "green", "REJECT": "yellow"}


def table(outcomes: Sequence[Outcome]) -> Table:
    """One column for each month: what was compared, what was decided, what serves."""
    shown = Table(box=SIMPLE_HEAD, header_style="bold")
    shown.add_column()
    for outcome in outcomes:
        shown.add_column(month_of(outcome.cut_off))
    shown.add_row("Verdict", *(f"[{colour(each)}]{each.verdict}[/]" for each in outcomes))
    for metric, name in _METRICS.items():
        shown.add_row(name, *(_compared(each, metric) for each in outcomes))
    shown.add_row(
        "One person", *(_change(each.before.score, each.after.score) for each in outcomes)
    )
    shown.add_row("In service", *map(_serving, outcomes))
    return shown


def month_of(cut_off: date) -> str:
    """The month that ended before *cut_off*."""
    return (cut_off - timedelta(days=1)).strftime("%B %Y")


def colour(outcome: Outcome) -> str:
    return _COLOURS.get(outcome.verdict, "red")


def _serving(outcome: Outcome) -> str:
    is_same = outcome.before.model == outcome.after.model
    return "the champion stays" if is_same else "the challenger, promoted"


def _compared(outcome: Outcome, metric: str) -> str:
    compared = outcome.metrics.get(metric)
    if compared is None or compared.champion is None or compared.challenger is None:
        return "-"
    return _change(compared.champion, compared.challenger)


def _change(before: float, after: float) -> str:
    return f"{before:.3f} → {after:.3f}"
