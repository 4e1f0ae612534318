"""
What is promised of the shape of the Resource Manager's answers: it is that of the swagger.

`EXCEPTIONS` is the one table of where a recording contradicts the swagger, and why.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest

from tests.emulator.resources import PREVIEW, Azure, definition
from tests.emulator.stage_arm import FOLDER, RECORDED
from tests.emulator.studio import Json

SPEC: Final[Json] = json.loads((FOLDER / "spec" / "webservices.json").read_text())

Change = Callable[[Json], object]
EXCEPTIONS: Final[dict[str, tuple[str, Change]]] = {
    "status": (
        "03-06, 11, 15: an operation says status, not provisioningState",
        lambda d: d["AsyncOperationStatus"]["properties"].update(
            status=d["AsyncOperationStatus"]["properties"].pop("provisioningState")
        ),
    ),
    "error": (
        "no recording: Microsoft's client for JavaScript reads error beside errorInfo",
        lambda d: d["AsyncOperationStatus"]["properties"].update(
            error={"$ref": "#/definitions/AsyncOperationErrorInfo"}
        ),
    ),
    "stub": (
        "02, 08, 10: the answer to a PUT or PATCH has no definition, so no packageType",
        lambda d: d["WebServiceProperties"].pop("required"),
    ),
    "no format": (
        "02, 07: a column without a format says so with an empty one",
        lambda d: d["ColumnSpecification"]["properties"]["format"]["enum"].append(""),
    ),
    "plain examples": (
        "02, 07: the values of an example are numbers and strings, not objects",
        lambda d: _array(d["ExampleRequest"]["properties"]["inputs"])["items"].pop("items"),
    ),
    "plain parameters": (
        "02, 07: the value of a parameter is a string, not an object",
        lambda d: d["WebServiceParameter"]["properties"]["value"].pop("type"),
    ),
    "plain global parameters": (
        "as above, of an example's global parameters",
        lambda d: d["ExampleRequest"]["properties"]["globalParameters"].pop("additionalProperties"),
    ),
}
"""Why the swagger is not followed, and how it would have to be."""

WRITE_ONLY: Final = {"keys", "commitmentPlan"}
"""The swagger's own words: "not returned from calls to GET operations"."""


def _array(schema: Json) -> Json:
    return dict(schema)["additionalProperties"]  # type: ignore[no-any-return]  # JSON


def schema(name: str, without: str = "") -> Json:
    """The schema of *name*, in which a member that it does not name is an error."""
    definitions = deepcopy(SPEC["definitions"])
    for exception, (_, change) in EXCEPTIONS.items():
        if exception != without:
            change(definitions)
    graph = definitions["WebServicePropertiesForGraph"]["properties"]
    definitions["WebServiceProperties"]["properties"].update(graph)
    definitions["WebService"]["properties"].update(definitions["Resource"]["properties"])
    for hidden in WRITE_ONLY:
        del definitions["WebServiceProperties"]["properties"][hidden]
    for part in definitions.values():
        if "properties" in part and "allOf" not in part:
            part.setdefault("additionalProperties", False)
    del definitions["WebService"]["allOf"]
    definitions["WebService"]["additionalProperties"] = False
    return {"$ref": f"#/definitions/{name}", "definitions": definitions}


def wrong(name: str, said: object, without: str = "") -> list[str]:
    validator = jsonschema.Draft4Validator(schema(name, without))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(said)]


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Any]]:
    return {}


@pytest.fixture
def said(azure: Azure, answers: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Everything that the plane answers, by the name of its schema."""
    if not answers:
        for name, answer in _all(azure):
            answers.setdefault(name, []).append(answer)
    return answers


def _all(azure: Azure) -> Iterator[tuple[str, Any]]:
    path, plan = azure.path("onesdk5952"), azure.plan()
    body = definition(RECORDED["02_webservice_put_201"]["request"]["body"], plan)
    for failing in (False, True):
        if failing:
            azure.studio.fault({"fail_operation": "no"})
        put = azure.ask("PUT", path, body)
        yield "WebService", put.json()
        url = put.headers["Azure-AsyncOperation"]
        yield "AsyncOperationStatus", azure.ask("GET", url, version="").json()
        yield "WebService", azure.read(path)
        yield "AsyncOperationStatus", azure.ended(put)
    for kind in ("training", "scoring"):
        made = azure.publish(kind, kind)
        yield "WebService", azure.read(made["id"])
        patch = {"properties": {"packageType": "Graph", "title": "x"}}
        for version in ("2017-01-01", PREVIEW):
            patched = azure.ask("PATCH", made["id"], patch, version=version)
            yield "WebService", patched.json()
            azure.ended(patched)
    yield "WebServiceKeys", azure.ask("GET", f"{path}/listKeys").json()
    folder = path.rpartition("/")[0]
    yield "PaginatedWebServicesList", azure.ask("GET", folder).json()
    yield "PaginatedWebServicesList", azure.ask("GET", folder, version=PREVIEW).json()


def test_every_answer_has_the_shape_of_the_swagger(said: dict[str, list[Any]]) -> None:
    found = [wrong(name, answer) for name, answers in said.items() for answer in answers]

    assert len(found) > 15
    assert [each for each in found if each] == []


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_every_exception_is_one(said: dict[str, list[Any]], exception: str) -> None:
    assert [
        each
        for name, answers in said.items()
        for answer in answers
        for each in wrong(name, answer, without=exception)
    ]


def test_what_is_recorded_has_the_same_shape() -> None:
    for number, name in (
        ("02", "WebService"),
        ("04", "AsyncOperationStatus"),
        ("07", "WebService"),
        ("08", "WebService"),
        ("13", "WebServiceKeys"),
        ("40", "PaginatedWebServicesList"),
        ("41", "PaginatedWebServicesList"),
    ):
        [exchange] = [RECORDED[key] for key in RECORDED if key.startswith(number)]
        assert wrong(name, exchange["response"]["body"]) == [], number


def test_a_member_that_the_swagger_does_not_name_is_noticed(said: dict[str, list[Any]]) -> None:
    answer = deepcopy(said["WebService"][0])
    answer["properties"]["unheard"] = 1

    assert wrong("WebService", answer)
