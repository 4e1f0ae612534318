"""
The table of the models of one experiment: which there are, and what each learns from.

Law: every model has endpoints of its own, whose names follow from the model's, so a table in which
two models would share one is refused before anything is made.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from airflow_aml_retrain.errors import NotConfigured


class ModelRow(TypedDict):
    """One model, as the arguments of its journey."""

    endpoint: str
    staging_endpoint: str
    anchor_endpoint: str
    source: str
    holdout_source: str | None


def read_models(table: str, wasb_conn_id: str = "wasb_default") -> list[ModelRow]:
    """
    The models of *table*: a CSV blob ("container/path"), or an Airflow Variable by its name.

    A CSV has the columns "model" (the name of its endpoint), "source" and, where the hold-outs are
    audited ones, "holdout_source": "container/prefix" as `retrain_and_promote` takes them. A
    Variable holds the same, or a JSON list of mappings.
    """
    return models_in(_blob(table, wasb_conn_id) if "/" in table else _variable(table))


def models_in(text: str) -> list[ModelRow]:
    """The models of a table as text; `NotConfigured` names what is wrong with it."""
    rows = [_row(row) for row in _rows(text)]
    names = [name.casefold() for row in rows for name in _endpoints(row)]
    if doubled := {name for name in names if names.count(name) > 1}:
        msg = f"table of models: more than one would have the endpoint {', '.join(sorted(doubled))}"
        raise NotConfigured(msg)
    return rows


def _rows(text: str) -> Iterable[Mapping[str, Any]]:
    if not text.lstrip().startswith("["):
        return list(csv.DictReader(text.splitlines()))
    try:
        rows = json.loads(text)
    except ValueError as exc:
        msg = f"table of models: expected a CSV or a JSON list of mappings, got {text[:80]!r}"
        raise NotConfigured(msg) from exc
    return list(rows)


def _row(row: object) -> ModelRow:
    match row:
        case {"model": str(model), "source": str(source), **more} if model:
            audited = more.pop("holdout_source", None)
            if not more:
                return ModelRow(
                    endpoint=model,
                    staging_endpoint=f"{model}-staging",
                    anchor_endpoint=f"{model}-anchor",
                    source=source,
                    holdout_source=str(audited) if audited else None,
                )
    msg = f"table of models: expected model, source and at most holdout_source, got {row!r}"
    raise NotConfigured(msg)


def _endpoints(row: ModelRow) -> list[str]:
    return [row["endpoint"], row["staging_endpoint"], row["anchor_endpoint"]]


def _blob(place: str, wasb_conn_id: str) -> str:
    from airflow_aml_retrain.client.blobs import split_path
    from airflow_aml_retrain.hooks.storage import blob_store

    return blob_store(wasb_conn_id).read(*split_path(place)).decode("utf-8-sig")


def _variable(name: str) -> str:
    from airflow.sdk import Variable

    return str(Variable.get(name))
