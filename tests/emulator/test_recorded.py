"""What is promised of the exchanges in `tests/recorded/classic`: the emulator answers them all."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
import requests

from tests.emulator.stage import EXCHANGES, Stage
from tests.emulator.studio import HandClock, Studio

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from airflow_aml_retrain.demo.azurite import Azurite
    from airflow_aml_retrain.emulator.serving import Served

READY: Final[dict[str, Callable[[Stage], dict[str, str]]]] = {
    "bes_submit": Stage.as_it_is,
    "bes_submit_unknown_input": Stage.as_it_is,
    "bes_submit_no_extension": Stage.as_it_is,
    "bes_submit_wrong_key": Stage.as_it_is,
    "bes_start": Stage.created,
    "bes_start_twice": Stage.running,
    "bes_status_not_started": Stage.created,
    "bes_status_running": Stage.running,
    "bes_status_finished": Stage.finished,
    "bes_status_finished_renamed": Stage.finished_renamed,
    "bes_status_integer": Stage.finished,
    "bes_status_failed": Stage.failed,
    "bes_status_cancelled": Stage.cancelled,
    "bes_cancel": Stage.running,
    "rrs_execute_table": Stage.scoring,
    "rrs_execute_table_details": Stage.scoring,
    "rrs_execute_swagger": Stage.scoring,
    "rrs_throttled": Stage.throttled,
    "management_services": Stage.endpoint,
    "management_service": Stage.endpoint,
    "management_service_not_found": Stage.as_it_is,
    "management_wrong_token": Stage.as_it_is,
    "management_endpoints": Stage.retrained,
    "management_endpoint": Stage.retrained,
    "management_endpoint_training": Stage.as_it_is,
    "management_endpoint_create": Stage.no_endpoint,
    "management_endpoint_patch": Stage.endpoint,
    "management_endpoint_refresh": Stage.retrained,
    "management_endpoint_refresh_unchanged": Stage.endpoint,
    "management_endpoint_delete": Stage.endpoint,
}
"""What must be so before an exchange."""

_PUBLISHED: Final = "the model that a service was published with was put there with no token"
DIFFERS: Final[dict[str, dict[str, str]]] = {
    "bes_status_integer": {"/StatusCode": "only old services send numbers; 2.0 sends the word"},
    "management_endpoints": {"/0/Resources/0/Location/SasBlobToken": _PUBLISHED},
    "management_endpoint_create": {
        "/Description": "comes back as it was sent, which the recording does not show",
        "/Resources/0/Location/SasBlobToken": _PUBLISHED,
    },
}
"""What the emulator answers otherwise, and why. Everything else is answered as recorded."""

_ID: Final = "[0-9a-f]{32}"
_DATE: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_KEY: Final = "[A-Za-z0-9+/]{86}=="
_SCORE: Final = r"0?\.\d+|\d(\.\d+)?e-\d+"
_MODEL: Final = rf"experimentoutput/([0-9a-f-]{{36}})/\1\.ilearner|azuremlassets\w+/{_ID}\.ilearner"
_ENDPOINT: Final = rf"http://[^/]+/(apihelp/)?workspaces/{_ID}/(web)?services/{_ID}"
FORMS: Final[dict[str, str]] = {
    "": _ID,
    "ApiLocation": _ENDPOINT,
    "CreationTime": _DATE,
    "HelpLocation": rf"{_ENDPOINT}/endpoints/{_ID}",
    "PrimaryKey": _KEY,
    "RelativeLocation": _MODEL,
    "Scored Probabilities": _SCORE,
    "SecondaryKey": _KEY,
    "Values": _SCORE,
    "Version": _DATE,
}
"""Of members that nobody can foretell, the form; all others must be equal."""


@pytest.fixture(scope="module")
def stage(
    served: "Served", azurite: "Azurite", blob_service: "BlobServiceClient", hand_clock: HandClock
) -> Stage:
    container = f"recorded-{uuid4().hex}"
    blob_service.create_container(container)
    storage = azurite.connection_string
    return Stage(Studio(served.url, storage, container, blob_service, hand_clock))


def said(written: object, names: Mapping[str, str]) -> Any:
    """A part of a recording, in the names of now."""
    text = json.dumps(written)
    for name, now in names.items():
        text = text.replace(json.dumps(name)[1:-1] if name[0] != '"' else name, now)
    return json.loads(text)


def differences(written: object, came: object, at: str = "", member: str = "") -> Iterator[str]:
    """Where what *came* is not as it was *written*."""
    match written, came:
        case dict(), dict() if set(written) == set(came):
            for name in written:
                yield from differences(written[name], came[name], f"{at}/{name}", name)
        case list(), list() if len(written) == len(came):
            for number, (one, other) in enumerate(zip(written, came, strict=True)):
                yield from differences(one, other, f"{at}/{number}", member)
        case str(), str() if essence(written, member) == essence(came, member):
            pass
        case _ if type(written) is not type(came) or written != came:
            yield at


def essence(text: str, member: str) -> object:
    """What stays the same of *text* whatever the ids and the time."""
    if member == "SasBlobToken":
        token = parse_qs(text.removeprefix("?"))
        return sorted(token), token["sr"], token["sp"]
    form = FORMS.get(member)
    return member if form is not None and re.fullmatch(form, text) else text


def test_every_exchange_has_a_row_and_every_row_an_exchange() -> None:
    assert set(READY) == set(EXCHANGES)
    assert set(DIFFERS) <= set(EXCHANGES)


@pytest.mark.parametrize("name", READY)
def test_the_answer_is_the_one_that_was_written_down(stage: Stage, name: str) -> None:
    names = READY[name](stage)
    asked = said(EXCHANGES[name]["request"], names | stage.secrets())
    written = said(EXCHANGES[name]["response"], names)

    came = requests.request(
        asked["method"],
        stage.studio.url + asked["uri"],
        data=None if asked["body"] is None else json.dumps(asked["body"]),
        headers=asked["headers"],
        timeout=30,
    )

    assert came.status_code == written["status"], came.text
    assert {header: came.headers.get(header) for header in written["headers"]} == written["headers"]
    assert "Retry-After" not in came.headers
    body = came.json() if came.content else None
    assert set(differences(written["body"], body)) == set(DIFFERS.get(name, {})), body


@pytest.mark.parametrize(
    ("written", "came", "where"),
    [
        ({"a": 1}, {}, [""]),
        ({"a": 1}, {"a": 1, "b": 2}, [""]),
        ({"a": 1}, {"a": True}, ["/a"]),
        ({"a": None}, {"a": ""}, ["/a"]),
        ({"a": ["x"]}, {"a": []}, ["/a"]),
        ({"a": ["x", "y"]}, {"a": ["x", "z"]}, ["/a/1"]),
        ({"StatusCode": "Finished"}, {"StatusCode": "finished"}, ["/StatusCode"]),
        ({"Id": "0" * 32}, {"Id": "1" * 32}, ["/Id"]),
        ({"Version": "2016-03-31T21:30:00Z"}, {"Version": "today"}, ["/Version"]),
        ({"SasBlobToken": "?sr=b&sp=r"}, {"SasBlobToken": "?sr=b&sp=rw"}, ["/SasBlobToken"]),
        ({"Version": "2016-03-31T21:30:00Z"}, {"Version": "2026-01-01T00:00:00Z"}, []),
        ({"SasBlobToken": "?sr=b&sp=r&sig=x"}, {"SasBlobToken": "?sig=y&sp=r&sr=b"}, []),
    ],
)
def test_a_difference_is_noticed_and_only_a_difference(
    written: object, came: object, where: list[str]
) -> None:
    assert list(differences(written, came)) == where
