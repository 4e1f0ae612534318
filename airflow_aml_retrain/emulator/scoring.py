"""
The request-response service: rows in, rows with scores out, in both formats.

Every value of an answer is a string. The schema of the service is checked, then the model looks
for its own columns: a model that was trained on other columns fails here and not before.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import TypeAdapter, ValidationError

from airflow_aml_retrain.emulator import models, submission, tables
from airflow_aml_retrain.emulator.messages import Execution, Scalar, TableMessage
from airflow_aml_retrain.emulator.models import Model
from airflow_aml_retrain.emulator.records import Endpoint, Service
from airflow_aml_retrain.emulator.refusals import Answer, bad_argument, not_emulated, refusal
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.storage import ASSETS
from airflow_aml_retrain.emulator.tables import BadData, Table

_ROWS: TypeAdapter[list[dict[str, Scalar | None]]] = TypeAdapter(list[dict[str, Scalar | None]])
_KEPT = 32
_NO_MODEL = "RRS of a training service: only BES yields trained models"


class Scorer:
    """Answers for every endpoint, keeping the models last used in memory."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._busy: Counter[str] = Counter()

    def answer(
        self, endpoint: Endpoint, service: Service, asked: Execution, *, swagger: bool, types: bool
    ) -> dict[str, object]:
        submission.parameters_of(service, asked.global_parameters)
        table = _table(service, asked, swagger=swagger)
        _require_schema(service, table)
        with self._place(endpoint):
            scored = self._scored(endpoint, table)
        output = service.output_names[0]
        if swagger:
            return {"Results": {output: _rows(scored)}}
        rows = [list(row) for row in zip(*scored.values(), strict=True)]
        value: dict[str, object] = {"ColumnNames": list(scored), "Values": rows}
        if types:
            value["ColumnTypes"] = [_type(service, name) for name in scored]
        kind = self._site.settings.gaps.table_type
        return {"Results": {output: {"type": kind, "value": value}}}

    def model(self, asset: str) -> Model:
        """The model in our copy named *asset*."""
        with self._lock:
            if asset in self._models:
                self._models.move_to_end(asset)
                return self._models[asset]
        data = self._site.storage.read(self._site.storage.own(ASSETS, asset))
        model = models.load(data)
        with self._lock:
            self._models[asset] = model
            while len(self._models) > _KEPT:
                self._models.popitem(last=False)
        return model

    def _scored(self, endpoint: Endpoint, table: Table) -> Table:
        version = endpoint.serving(self._site.clock())
        if version is None:
            raise not_emulated(_NO_MODEL)
        try:
            return self.model(version.asset).score(table)
        except BadData as exc:
            answer = Answer("ModuleExecutionError", exc.code)
            raise refusal(answer, free=exc.message, target="Score Model") from exc

    @contextmanager
    def _place(self, endpoint: Endpoint) -> Iterator[None]:
        """One of the endpoint's concurrent calls; 503 when all are taken."""
        limit = endpoint.max_concurrent_calls
        with self._lock:
            if self._busy[endpoint.id] >= limit:
                answer = Answer("ServiceUnavailable", "RequestThrottled")
                raise refusal(answer, endpoint.name, limit)
            self._busy[endpoint.id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[endpoint.id] -= 1


def _table(service: Service, asked: Execution, *, swagger: bool) -> Table:
    submission.require_input_name(service, asked.inputs or {})
    given = (asked.inputs or {}).get(service.input_name)
    if not given:
        raise bad_argument("MissingRequestInput")
    try:
        columns, rows = _from_rows(given) if swagger else _from_table(given)
    except ValidationError as exc:
        raise bad_argument("RequestBodyInvalid") from exc
    if not rows:
        raise bad_argument("MissingRequestInput")
    return {
        name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)
    }


def _rows(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _from_rows(given: object) -> tuple[list[str], list[list[str]]]:
    rows = _ROWS.validate_python(given)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [[_value(row.get(name)) for name in columns] for row in rows]


def _from_table(given: object) -> tuple[list[str], list[list[str]]]:
    table = TableMessage.model_validate(given)
    width = len(table.column_names)
    for number, row in enumerate(table.rows):
        if len(row) != width:
            said = f"row {number} has {len(row)} values for {width} columns"
            raise refusal(Answer("BadUserArgument", "InputParseError"), said)
    return table.column_names, [[_value(value) for value in row] for row in table.rows]


def _require_schema(service: Service, table: Table) -> None:
    for name, kind in service.schema:
        if name == service.label:
            continue
        if name not in table:
            raise refusal(Answer("BadUserArgument", "InputMismatchError"))
        if kind != "String" and tables.numbers(table[name]) is None:
            said = f'column "{name}" holds a value that is not of type {kind}'
            raise refusal(Answer("BadUserArgument", "InputParseError"), said)


def _type(service: Service, name: str) -> str:
    known: Mapping[str, str] = dict(service.schema)
    if name.startswith("Scored Probabilities"):
        return "Double"
    if name == "Scored Labels":
        return known.get(service.label, "String") if service.task == "classification" else "Double"
    return known.get(name, "String")


def _value(value: Scalar | None) -> str:
    return "" if value is None else str(value)
