"""
The table of the models of one experiment: which there are, and what each learns from.

Law: every model has endpoints of its own, whose names follow from the model's, so a table in which
two models would share one is refused before anything is made. So is one whose header is wrong, and
one of nothing; a row that is wrong by itself is left out and told of, and stops no other.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypedDict

from airflow_aml_retrain.errors import NotConfigured

REFUSED: Final = "aml_retrain_refused"
"""The XCom in which the task that reads a table says which rows it left out."""

_REQUIRED: Final = frozenset({"model", "source"})
_OPTIONAL: Final = frozenset({"holdout_source"})
_EXPECTED: Final = "model, source and at most holdout_source"


class ModelRow(TypedDict):
    """One model, as the arguments of its journey."""

    endpoint: str
    staging_endpoint: str
    anchor_endpoint: str
    source: str
    holdout_source: str | None


class RefusedRow(TypedDict):
    """A row that names no model to retrain; *model* is its name, or else where it stands."""

    model: str
    why: str


class Models(NamedTuple):
    """What a table says."""

    rows: list[ModelRow]
    refused: list[RefusedRow]


def read_models(table: str, wasb_conn_id: str = "wasb_default") -> list[ModelRow]:
    """
    The models of *table*: a CSV blob ("container/path"), or an Airflow Variable by its name.

    A CSV has the columns "model" (the name of its endpoint), "source" and, where the hold-outs are
    audited ones, "holdout_source": "container/prefix" as `retrain_and_promote` takes them. A
    Variable holds the same, or a JSON list of mappings. Rows that are wrong are left behind for the
    summary.
    """
    from airflow.sdk import get_current_context

    models = models_in(_blob(table, wasb_conn_id) if "/" in table else _variable(table))
    get_current_context()["ti"].xcom_push(key=REFUSED, value=models.refused)
    return models.rows


def models_in(text: str) -> Models:
    """The models of a table as text; `NotConfigured` where it cannot be read as one."""
    models = Models([], [])
    for number, row in enumerate(_rows(text), 1):
        if (known := _row(row)) is not None:
            models.rows.append(known)
        else:
            why = f"row {number} of the table: expected {_EXPECTED}, got {str(row)[:200]}"
            models.refused.append(RefusedRow(model=_name(row) or f"row {number}", why=why))
    _require_names_of_their_own(models.rows)
    return models


def _rows(text: str) -> Sequence[object]:
    rows = _of_json(text) if text.lstrip().startswith("[") else _of_csv(text)
    if not rows:
        msg = "table of models: it names none"
        raise NotConfigured(msg)
    return rows


def _of_csv(text: str) -> Sequence[object]:
    reader = csv.DictReader(text.splitlines())
    header = list(reader.fieldnames or ())
    has_sense = _REQUIRED <= set(header) <= _REQUIRED | _OPTIONAL
    if not has_sense or len(set(header)) < len(header):
        msg = f"table of models: expected the columns {_EXPECTED}, got {', '.join(header) or '-'}"
        raise NotConfigured(msg)
    return list(reader)


def _of_json(text: str) -> Sequence[object]:
    try:
        return list(json.loads(text))
    except ValueError as exc:
        msg = f"table of models: expected a CSV or a JSON list of mappings, got {text[:80]!r}"
        raise NotConfigured(msg) from exc


def _row(row: object) -> ModelRow | None:
    """The model of *row*; None if it is none."""
    match row:
        case {"model": str(model), "source": str(source), **more} if model and source:
            audited = more.pop("holdout_source", None)
            if not more and isinstance(audited, str | None):
                return ModelRow(
                    endpoint=model,
                    staging_endpoint=f"{model}-staging",
                    anchor_endpoint=f"{model}-anchor",
                    source=source,
                    holdout_source=audited or None,
                )
    return None


def _name(row: object) -> str:
    name = row.get("model") if isinstance(row, Mapping) else None
    return name if isinstance(name, str) else ""


def _require_names_of_their_own(rows: Sequence[ModelRow]) -> None:
    names = [name.casefold() for row in rows for name in _endpoints(row)]
    if doubled := {name for name in names if names.count(name) > 1}:
        msg = f"table of models: more than one would have the endpoint {', '.join(sorted(doubled))}"
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
