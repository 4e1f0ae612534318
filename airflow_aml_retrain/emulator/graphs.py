"""
What a definition does, as far as the emulator can do it.

A graph with one trained model scores. A graph with the modules Train Model and a learner trains,
where it says which column to predict. Whatever else is kept and shown, and answers 501.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from airflow_aml_retrain.emulator.definitions import (
    Properties,
    items,
    member,
    modules,
    resources,
)
from airflow_aml_retrain.emulator.models import Model, Recipe
from airflow_aml_retrain.emulator.records import Kind, ModelVersion, Service, Task, WebService
from airflow_aml_retrain.emulator.views import holder

TRAIN: Final = "Train Model"
LEARNERS: Final = {
    "Two-Class Boosted Decision Tree": Task.CLASSIFICATION,
    "Boosted Decision Tree Regression": Task.REGRESSION,
}
"""Modules that learn, and what the emulator makes of them."""

_LABEL: Final = "Label column"
_OUTPUTS: Final = {Kind.TRAINING: ("output1", "output2"), Kind.SCORING: ("output1",)}
_TYPES: Final = {"Integer": "Int32", "Number": "Double"}


def service_of(
    web: WebService, properties: Properties, model: Model | None, version: ModelVersion | None
) -> Service:
    """
    The service that *properties* describe.

    *model* is the one trained model of theirs, *version* where it lies.
    """
    recipe, kind = _recipe(properties, model), Kind.SCORING if model else Kind.TRAINING
    name, columns = _first_table(properties)
    outputs = tuple(number for number, _ in items(member(properties, "output"), "properties"))
    names = [str(member(asset, "name")) for _, asset in resources(properties)]
    return Service(
        id=web.guid,
        workspace_id=holder(web.subscription_id),
        name=web.name,
        kind=kind,
        task=recipe.task if recipe else Task.CLASSIFICATION,
        label=recipe.label if recipe else "",
        resource_name=names[0] if len(names) == 1 else "",
        input_name=name,
        output_names=outputs or _OUTPUTS[kind],
        parameters=_parameters(properties),
        schema=columns,
        example=_example(properties, name, len(columns)),
        model=version,
        created=web.created,
        missing="" if recipe else _missing(properties, names),
    )


def label_column(label: str) -> str:
    """The parameter of Train Model that names the column to predict, as Studio writes it."""
    rules = [{"ruleType": "ColumnNames", "exclude": False, "columns": [label]}]
    return quote(json.dumps({"isFilter": True, "rules": rules}, separators=(",", ":")))


def _recipe(properties: Properties, model: Model | None) -> Recipe | None:
    if model is not None:
        return Recipe(Task.CLASSIFICATION if model.classes else Task.REGRESSION, model.label)
    tasks = [LEARNERS[name] for name in modules(properties) if name in LEARNERS]
    label = next((label for node in _trainers(properties) if (label := _label(node))), "")
    return Recipe(tasks[0], label) if tasks and label else None


def _trainers(properties: Properties) -> list[Any]:
    known = {
        number for number, asset in items(properties, "assets") if member(asset, "name") == TRAIN
    }
    nodes = items(member(properties, "package"), "nodes")
    return [node for _, node in nodes if member(node, "assetId") in known]


def _label(node: Any) -> str:
    chosen = member(dict(items(node, "parameters")).get(_LABEL), "value")
    try:
        [rule] = json.loads(unquote(str(chosen)))["rules"]
        [column] = rule["columns"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(column)


def _missing(properties: Properties, models: Sequence[str]) -> str:
    if models:
        return f"a web service with {len(models)} trained models ({', '.join(models)})"
    return f"the modules {', '.join(modules(properties)) or '(none)'} of a new web service"


def _first_table(properties: Properties) -> tuple[str, tuple[tuple[str, str], ...]]:
    tables = items(member(properties, "input"), "properties")
    if not tables:
        return "input1", ()
    name, table = tables[0]
    columns = items(table, "properties")
    return name, tuple(
        (column, _TYPES.get(str(member(said, "type")), "String")) for column, said in columns
    )


def _parameters(properties: Properties) -> dict[str, str | None]:
    """The global parameters with their defaults, which older definitions give without an object."""
    values = {
        name: member(said, "value") if isinstance(said, Mapping) else said
        for name, said in items(properties, "parameters")
    }
    return {name: None if value is None else str(value) for name, value in values.items()}


def _example(properties: Properties, name: str, columns: int) -> tuple[str, ...]:
    inputs = dict(items(member(properties, "exampleRequest"), "inputs"))
    row = next(iter(inputs.get(name) or ()), ())
    return tuple(map(str, row)) if len(row) == columns else ("",) * columns
