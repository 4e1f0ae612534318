"""
The definition that Studio would write when it publishes an experiment as a new web service.

Module ids are those of real ones as far as a recording shows them, otherwise made of their name.
"""

import hashlib
from typing import Any, Final

from airflow_aml_retrain.emulator.definitions import Properties
from airflow_aml_retrain.emulator.dispatch import SEED
from airflow_aml_retrain.emulator.graphs import LEARNERS, TRAIN, label_column
from airflow_aml_retrain.emulator.records import Task
from airflow_aml_retrain.emulator.tables import Table, type_of

_STUDIO: Final = "506153734175476c4f62416c57734963"
_TYPES: Final = {
    "Int32": {"type": "Integer", "format": "Int32", "x-ms-isnullable": True},
    "Double": {"type": "Number", "format": "Double", "x-ms-isnullable": True},
    "String": {"type": "String", "format": "", "x-ms-isnullable": False},
}
_ROWS: Final = 2
_DATASET: Final = {"Results dataset": {"type": "Dataset"}}


def training(table: Table, task: Task, label: str) -> Properties:
    """Learns *label* from input1; gives the model as output1, its evaluation as output2."""
    learner = next(name for name, learns in LEARNERS.items() if learns is task)
    names = [learner, TRAIN, "Score Model", "Evaluate Model"]
    nodes = _nodes(len(names)) | {
        "node2": {
            "assetId": "asset2",
            "parameters": {
                "Label column": {"value": label_column(label), "certificateThumbprint": ""}
            },
        },
        "node5": {"inputId": "input1"},
        "node6": {"outputId": "output1"},
        "node7": {"outputId": "output2"},
    }
    seed = {
        "type": "Int",
        "description": "",
        "links": [{"nodeId": "node1", "parameterKey": "Random number seed"}],
    }
    edges = [
        _edge("node1", "node2", "Untrained model"),
        _edge("node5", "node2", "Dataset"),
        _edge("node2", "node3", "Trained model"),
        _edge("node5", "node3", "Dataset"),
        _edge("node3", "node4", "Scored dataset"),
        _edge("node2", "node6"),
        _edge("node4", "node7"),
    ]
    return {
        "assets": {f"asset{n}": _module(name) for n, name in enumerate(names, 1)},
        "input": _tables(input1=_columns(table)),
        "output": _tables(output1={}, output2={}),
        "exampleRequest": _example(table) | {"globalParameters": {SEED: "0"}},
        "parameters": {SEED: {"value": "0"}},
        "package": {"edges": edges, "graphParameters": {SEED: seed}, "nodes": nodes},
    }


def scoring(table: Table, task: Task, label: str, name: str, uri: str) -> Properties:
    """Scores input1 with the trained model *name*, which lies at *uri*."""
    resource = {
        "name": name,
        "type": "Resource",
        "locationInfo": {"uri": uri, "credentials": ""},
        "outputPorts": _DATASET,
    }
    edges = [
        _edge("node1", "node2", "Trained model"),
        _edge("node3", "node2", "Dataset"),
        _edge("node2", "node4"),
    ]
    ends = {"node3": {"inputId": "input1"}, "node4": {"outputId": "output1"}}
    columns = _columns(table)
    return {
        "assets": {"asset1": resource, "asset2": _module("Score Model")},
        "input": _tables(input1=columns),
        "output": _tables(output1=columns | _scores(columns, task, label)),
        "exampleRequest": _example(table),
        "package": {"edges": edges, "graphParameters": {}, "nodes": _nodes(2) | ends},
    }


def _module(name: str) -> dict[str, Any]:
    number = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    uri = f"aml://module/{_STUDIO}.{number}.v1-default-1743"
    return {"name": name, "type": "Module", "locationInfo": {"uri": uri, "credentials": ""}}


def _nodes(count: int) -> dict[str, Any]:
    return {f"node{n}": {"assetId": f"asset{n}", "parameters": {}} for n in range(1, count + 1)}


def _edge(source: str, target: str, port: str = "") -> dict[str, str]:
    edge = {"sourceNodeId": source, "sourcePortId": "Results dataset", "targetNodeId": target}
    if source == "node5" or (source, port) == ("node3", "Dataset"):
        # An input has no ports.
        del edge["sourcePortId"]
    return edge | ({"targetPortId": port} if port else {})


def _columns(table: Table) -> dict[str, Any]:
    return {name: dict(_TYPES[type_of(values)]) for name, values in table.items()}


def _scores(columns: dict[str, Any], task: Task, label: str) -> dict[str, Any]:
    if task is Task.REGRESSION:
        return {"Scored Labels": dict(_TYPES["Double"])}
    scores = {"Scored Labels": dict(columns.get(label, _TYPES["String"]))}
    return scores | {"Scored Probabilities": dict(_TYPES["Double"])}


def _tables(**tables: dict[str, Any]) -> dict[str, Any]:
    told = {"title": "", "description": "", "type": "object"}
    return told | {
        "properties": {name: told | {"properties": columns} for name, columns in tables.items()}
    }


def _example(table: Table) -> dict[str, Any]:
    rows = zip(*(values[:_ROWS] for values in table.values()), strict=True)
    kinds = [type_of(values) for values in table.values()]
    typed = [[_typed(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in rows]
    return {"inputs": {"input1": typed}}


def _typed(kind: str, value: str) -> object:
    try:
        return {"Int32": int, "Double": float}[kind](value)
    except (KeyError, ValueError):
        return value
