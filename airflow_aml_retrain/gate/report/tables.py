"""What is told in tables: preconditions, and every metric of every model."""

from collections.abc import Iterable
from typing import Final

from airflow_aml_retrain.gate.report.layout import estimated, folded, row, section, table
from airflow_aml_retrain.gate.report.markup import Html, element, joined
from airflow_aml_retrain.gate.report.numerals import plain, signed, span, sureness
from airflow_aml_retrain.gate.report.outcomes import badge
from airflow_aml_retrain.gate.report.part import MODELS, Part
from airflow_aml_retrain.gate.verdict import Outcome

_ROWS_CUT: Final = 20


def preconditions_section(record: Part) -> Html:
    """Those that do not hold as a table; the others folded away."""
    there = record.parts("preconditions")[:_ROWS_CUT]
    if not there:
        return Html()
    broken = [each for each in there if not each.flag("passed")]
    holding = [each for each in there if each.flag("passed")]
    hold = "1 precondition holds" if len(holding) == 1 else f"{len(holding)} preconditions hold"
    parts = [_preconditions(broken)] if broken else []
    if holding:
        parts.append(folded(hold, _preconditions(holding)))
    if not broken:
        return element("section", *parts, id="preconditions", aria_label="Preconditions")
    lead = "Without these nothing can be judged."
    return section("preconditions", "Preconditions", lead, *parts)


def _preconditions(those: Iterable[Part]) -> Html:
    return table(("Precondition", "Required", "Observed"), map(_precondition, those))


def _precondition(each: Part) -> Html:
    outcome = Outcome.PASSED if each.flag("passed") else Outcome.FAILED
    word = "holds" if outcome is Outcome.PASSED else "does not hold"
    if outcome is Outcome.FAILED and each.text("severity") == "warn":
        outcome, word = Outcome.INCONCLUSIVE, "warns"
    reason = element("p", each.text("reason", 300), class_="reason")
    name = joined((element("strong", each.text("name")), " ", badge(outcome, word), reason))
    return row(name, each.text("required"), each.text("observed"))


def numbers_section(record: Part) -> Html:
    """Every metric of every model."""
    there = record.parts("estimates")[:_ROWS_CUT]
    if not there:
        return Html()
    models = [model for model in MODELS if any(each.number(model) is not None for each in there)]
    compared = any(each.number("difference") is not None for each in there)
    rows = [_estimate(each, models, compared=compared) for each in there]
    heads = ["Metric", *(model.capitalize() for model in models)]
    sure = sureness(record.part("holdout_budget").number("alpha_this"))
    said = [f"Each end of an interval is {sure}."] if sure else []
    if compared:
        heads.append("Difference")
        said.insert(0, "The difference is challenger minus champion.")
    return section("numbers", "All metrics", " ".join(said), table(heads, rows))


def _estimate(each: Part, models: Iterable[str], *, compared: bool) -> Html:
    arrow = "\u2191" if each.flag("higher_is_better") else "\u2193"
    better = "higher is better" if each.flag("higher_is_better") else "lower is better"
    name = joined((each.text("title"), " ", element("abbr", arrow, title=better)))
    low, high = each.number("low"), each.number("high")
    doubt = None if low is None or high is None else high - low
    cells: list[str] = [plain(each.number(model), doubt) for model in models]
    interval = "" if doubt is None else span(low, high, sign=compared)
    if compared:
        cells.append(estimated(signed(each.number("difference"), doubt), interval))
    elif cells:
        cells[-1] = estimated(cells[-1], interval)
    return row(name, *cells)
