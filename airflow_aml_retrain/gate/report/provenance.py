"""Where a decision comes from: the rows, the models, the rules, and its place among the records."""

import json
from collections.abc import Iterator
from typing import Final

from airflow_aml_retrain.gate.report.banner import moment
from airflow_aml_retrain.gate.report.layout import folded, pairs, section
from airflow_aml_retrain.gate.report.markup import Html, element, shown
from airflow_aml_retrain.gate.report.numerals import count, plain, share
from airflow_aml_retrain.gate.report.part import Part

_POLICY_CUT: Final = 6_000


def data_section(record: Part) -> Html:
    data = record.part("data")
    if not data:
        return Html()
    lead = "What was judged on. The same rows in another file are the same hold-out."
    return section("data", "Hold-out", lead, pairs(_data(data, record)))


def _data(data: Part, record: Part) -> Iterator[tuple[str, str]]:
    rows, positives = data.number("rows"), data.number("positives")
    yield "Task", data.text("task")
    yield "Rows", count(rows)
    if positives is not None and rows:
        yield (
            "Positive",
            f"{count(positives)} ({share(positives / rows)}), {data.text('positive')!r}",
        )
    yield "Classes", ", ".join(data.texts("classes", 40)[:20])
    yield "Hold-out id", data.text("holdout_id")
    yield "Rows matched by", data.text("matched_by")
    yield "Clusters", count(data.number("clusters")) if data.number("clusters") else ""
    yield "From", moment(data.text("oldest"))
    yield "To", moment(data.text("newest"))
    for name, key in _BY_MODEL.items():
        yield name, _by_model(data.part(key))
    yield "Certified error of binned AUC", plain(data.number("auc_certified_error"))
    telling = ", ".join(f"{number:.0f}" for number in record.numbers("telling_rows")[:20])
    yield "Rows the models differ most on", telling


def _number(value: float) -> str:
    return count(value) if value.is_integer() else plain(value)


_BY_MODEL: Final = {
    "Rows read": "rows_read",
    "Rows without score or label": "nulls",
    "Log losses cut off": "clipped",
    "Alerts from a score of": "thresholds",
}


def _by_model(counts: Part) -> str:
    said = [f"{model} {_number(counts.number(model) or 0.0)}" for model in counts.models]
    return ", ".join(said) if any(map(counts.number, counts.models)) else ""


def provenance_section(record: Part, envelope: Part) -> Html:
    """Where the models are, under which rules, and where the record stands among the others."""
    models = [
        element(
            "div",
            element("h3", model.capitalize()),
            pairs((key, place.text(key)) for key in place.keys[:8]),
        )
        for model in record.part("models").models
        for place in (record.part("models").part(model),)
    ]
    policy = record.part("policy")
    rules = folded("The policy, with its defaults", _policy(policy)) if policy else Html()
    run = pairs(_run(record, envelope))
    if not (models or rules or run):
        return Html()
    places = element("div", *models, class_="pair models") if models else Html()
    return section("provenance", "Models, rules and record", "", places, run, rules)


def _run(record: Part, envelope: Part) -> Iterator[tuple[str, str]]:
    yield "Policy sha256", record.text("policy_sha256")
    for name, key in _RUN.items():
        # Airflow says -1 of a task that is not mapped.
        yield name, "" if envelope.text(key) == "-1" else envelope.text(key)
    timings = envelope.part("timings")
    yield "Seconds", ", ".join(f"{key} {timings.number(key):g}" for key in _timed(timings))


def _timed(timings: Part) -> list[str]:
    return [key for key in timings.keys[:8] if timings.number(key) is not None]


_RUN: Final = {
    "Decided": "decided_at",
    "Package": "package_version",
    "DAG": "dag_id",
    "Run": "run_id",
    "Task": "task_id",
    "Map index": "map_index",
    "Try": "try_number",
    "Previous record": "previous",
    "Chain sha256": "chain_sha256",
}


def _policy(policy: Part) -> Html:
    text = json.dumps(policy.content, indent=2, sort_keys=True, ensure_ascii=False, default=str)
    return element("pre", shown(text, _POLICY_CUT))
