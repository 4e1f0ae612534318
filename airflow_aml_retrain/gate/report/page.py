"""
The report: one file that opens without a network, says what was decided, and shows why.

Law: everything stands in the record's body and envelope, so a page can be drawn again for ever
without the data, and the same record gives the same bytes. Nothing in it runs, nothing is fetched.
"""

from collections.abc import Mapping
from typing import Final

from airflow_aml_retrain.gate.report.banner import banner
from airflow_aml_retrain.gate.report.budget import budget_section
from airflow_aml_retrain.gate.report.calibration import calibration_section
from airflow_aml_retrain.gate.report.curves import curves_section
from airflow_aml_retrain.gate.report.forest import checks_section
from airflow_aml_retrain.gate.report.history import history_section
from airflow_aml_retrain.gate.report.markup import Html, element, joined
from airflow_aml_retrain.gate.report.multiclass import classes_section
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.provenance import data_section, provenance_section
from airflow_aml_retrain.gate.report.regression import regression_section
from airflow_aml_retrain.gate.report.scores import scores_section
from airflow_aml_retrain.gate.report.slices import slices_section
from airflow_aml_retrain.gate.report.squares import flips_section
from airflow_aml_retrain.gate.report.style import STYLE
from airflow_aml_retrain.gate.report.tables import numbers_section, preconditions_section

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Should anything ever slip through the escaping, the browser will not run or fetch it."""
_BYTES: Final = 150_000
_SHOWN: Final = (40, 20, 5, 1)
"""How many checks and slices a page has, and how many if it is too large that way."""


def render(body: Mapping[str, object], envelope: Mapping[str, object] | None = None) -> str:
    """
    The page of the decision record with *body* and *envelope*.

    At most 150 kB, however many rows, slices and classes there were.
    """
    for shown in _SHOWN:
        page = _page(Part(body), Part(envelope or {}), shown)
        if len(page.encode()) <= _BYTES:
            break
    return page


def _page(record: Part, envelope: Part, shown: int) -> str:
    title = " ".join(filter(None, (record.text("verdict"), record.text("gate"))))
    parts = element("body", *_parts(record, envelope, shown))
    return f"<!doctype html>\n{element('html', _head(title), parts, lang='en')}\n"


def _head(title: str) -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title} \u00b7 promotion gate"),
        element("style", Html(STYLE)),
    )


def _parts(record: Part, envelope: Part, shown: int) -> tuple[Html, ...]:
    """In the order in which a person needs them."""
    sections = (
        preconditions_section(record),
        checks_section(record, shown),
        flips_section(record),
        slices_section(record, shown),
        curves_section(record),
        classes_section(record),
        regression_section(record),
        calibration_section(record),
        scores_section(record),
        history_section(record, envelope),
        budget_section(record),
        numbers_section(record),
        data_section(record),
        provenance_section(record, envelope),
    )
    return banner(record, envelope), element("main", *sections), _foot(envelope)


def _foot(envelope: Part) -> Html:
    version = envelope.text("package_version")
    said = "Drawn from the decision record alone"
    maker = f"airflow-aml-retrain {version}".strip()
    return element("footer", joined((f"{said}, by {maker}.",)))
