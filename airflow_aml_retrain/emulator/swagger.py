"""The swagger.json of one endpoint, with the parts that Microsoft's R client reads."""

from typing import Final
from urllib.parse import urlsplit

from airflow_aml_retrain.emulator.records import Endpoint, Kind, Service

_TYPES: Final = {
    "Int32": {"type": "integer", "format": "int32"},
    "Double": {"type": "number", "format": "double"},
    "String": {"type": "string"},
}
_NUMBERS: Final = {"Int32": int, "Double": float}


def of(service: Service, endpoint: Endpoint, api_location: str) -> dict[str, object]:
    """The description of *endpoint*, whose data plane is at *api_location*."""
    url = urlsplit(api_location)
    return {
        "swagger": "2.0",
        "info": {"version": "2.0", "title": service.name, "description": endpoint.description},
        "host": url.netloc,
        "schemes": [url.scheme],
        "basePath": url.path,
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": _paths(service),
        "securityDefinitions": {
            "Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}
        },
        "definitions": _definitions(service),
    }


def _paths(service: Service) -> dict[str, object]:
    jobs = {
        "/jobs?api-version=2.0": {"post": _verb("submit", "a job id", body="BatchRequest")},
        "/jobs/{jobId}/start?api-version=2.0": {"post": _verb("start", "nothing")},
        "/jobs/{jobId}?api-version=2.0": {
            "get": _verb("status", "the job's status"),
            "delete": _verb("cancel", "nothing"),
        },
    }
    if service.kind is Kind.TRAINING:
        return dict(jobs)
    execute = {"post": _verb("execute", "scored rows", body="ExecutionRequest")}
    path = "/execute?api-version=2.0&format=swagger"
    return {"/swagger.json": {"get": _verb("getSwagger", "this document")}, path: execute, **jobs}


def _verb(name: str, answer: str, body: str = "") -> dict[str, object]:
    parameter = {
        "name": "body",
        "in": "body",
        "required": True,
        "schema": {"$ref": f"#/definitions/{body}"},
    }
    return {
        "operationId": name,
        "parameters": [parameter] if body else [],
        "responses": {"200": {"description": answer}},
    }


def _definitions(service: Service) -> dict[str, object]:
    item = f"{service.input_name}Item"
    properties = {name: _TYPES[kind] for name, kind in service.schema}
    rows = {"type": "array", "items": {"$ref": f"#/definitions/{item}"}}
    inputs = {"type": "object", "properties": {service.input_name: rows}}
    return {
        item: {"type": "object", "properties": properties},
        "ExecutionRequest": {
            "type": "object",
            "properties": {"Inputs": inputs, "GlobalParameters": {"type": "object"}},
            "example": {
                "Inputs": {service.input_name: [_example(service)]},
                "GlobalParameters": service.parameters,
            },
        },
        "BatchRequest": {"type": "object"},
    }


def _example(service: Service) -> dict[str, object]:
    pairs = zip(service.schema, service.example, strict=True)
    return {name: _typed(kind, value) for (name, kind), value in pairs}


def _typed(kind: str, value: str) -> object:
    try:
        return _NUMBERS[kind](value)
    except (KeyError, ValueError):
        return value
