"""What is promised of the exchanges in `tests/recorded/arm`: the emulator answers them all."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest

from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from tests.emulator.resources import OPERATION, Azure, bearer
from tests.emulator.stage_arm import PAGE, RECORDED, Names, Stage
from tests.emulator.studio import HandClock, Lent, Studio

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from airflow_aml_retrain.demo.azurite import Azurite

READY: Final[dict[str, Callable[[Stage], Names]]] = {
    "00_provider_get": Stage.nothing,
    "01_commitmentplan_put_200": Stage.nothing,
    "02_webservice_put_201": Stage.planned,
    "03_operation_provisioning_0.0": Stage.queued,
    "04_operation_provisioning": Stage.running,
    "05_operation_provisioning": Stage.running,
    "06_operation_succeeded": Stage.created,
    "07_webservice_get_after_create_200": Stage.created,
    "08_webservice_patch_full_200": Stage.created,
    "09_webservice_get_after_patch1_200": Stage.patched,
    "10_webservice_patch_partial_200": Stage.patched,
    "11_operation_patch_succeeded": Stage.patched,
    "12_webservice_get_after_patch2_200": Stage.patched_again,
    "13_listkeys_200": Stage.patched_again,
    "14_webservice_delete_202": Stage.created,
    "15_operation_delete": Stage.deleted,
    "20_webservice_get_404": Stage.nothing,
    "21_listkeys_generated_200": Stage.with_generated_keys,
    "40_list_resource_group_200_preview": Stage.listed_in_the_preview,
    "41_list_subscription_page1_200": Stage.listed,
}
"""What must be so before an exchange."""

_NUMBER: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID: Final = "[0-9a-f]{32}"
_DATE: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z"
_KEY: Final = "[A-Za-z0-9+/]{86}==|REDACTED-88-CHAR-BASE64-KEY-[12]=="
_HOST: Final = "http://127.0.0.1:[0-9]+"
_PLACE: Final = f"{_HOST}/subscriptions/{_NUMBER}/providers/Microsoft.MachineLearning"
FORMS: Final[dict[str, str]] = {
    "Azure-AsyncOperation": rf"{_PLACE}/locations/\w+/operationsStatus/{_NUMBER}\?api-version=.*",
    "Location": rf"{_PLACE}/locations/\w+/operationresults/{_NUMBER}\?api-version=2017-01-01",
    "certificateThumbprint": "(ENCRYPTED_CERTIFICATETHUMBPRINT_3|[0-9A-F]{40})",
    "createdOn": _DATE,
    "creationDate": _DATE,
    "endTime": _DATE,
    "etag": "[0-9a-f]{8}(-0000){3}-[0-9a-f]{12}",
    "modifiedOn": _DATE,
    "nextLink": rf"{_PLACE}/webServices\?api-version=2017-01-01&%24skiptoken=[\w%]+",
    "primary": _KEY,
    "secondary": _KEY,
    "startTime": _DATE,
    "swaggerLocation": rf"{_HOST}/subscriptions/{_ID}/services/{_ID}/swagger.json",
    "value": "(ENCRYPTED_VALUE_3|[A-Za-z0-9+/]{86}==)",
}
"""Of what nobody can foretell, the form; all else must be equal."""

_OTHERWISE: Final = {
    "Content-Length",
    "Date",
    "x-ms-correlation-request-id",
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-ratelimit-remaining-subscription-writes",
    "x-ms-request-duration",
    "x-ms-request-id",
    "x-ms-routing-request-id",
}
"""Headers that must be there, with any value."""

_ABSENT: Final = {"x-ms-original-request-ids"}
"""Of the five requests by which Azure put its list together; here it is one."""


@pytest.fixture(scope="module")
def stage(
    azurite: "Azurite",
    blob_service: "BlobServiceClient",
    lent: Lent,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    state: Path = tmp_path_factory.mktemp("arm")
    storage, clock = azurite.connection_string, HandClock()
    settings = EmulatorSettings(
        storage=storage, state=state, operation_time=OPERATION, page_size=PAGE
    )
    with Served(settings, clock=clock, trainer=lent) as served:
        studio = Studio(served.url, storage, f"c{uuid4().hex}", blob_service, clock)
        yield Stage(Azure(studio, bearer(studio)))


def said(written: object, names: Mapping[str, str]) -> Any:
    """A part of a recording, in the names of now."""
    text = json.dumps(written)
    for name, now in names.items():
        text = text.replace(name, now)
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
    form = FORMS.get(member)
    return None if form is not None and re.fullmatch(form, text) else text


def test_every_exchange_has_a_row_and_every_row_an_exchange() -> None:
    assert set(READY) == set(RECORDED)


@pytest.mark.parametrize("name", READY)
def test_the_answer_is_the_one_that_was_written_down(stage: Stage, name: str) -> None:
    names = READY[name](stage)
    asked = said(RECORDED[name]["request"], names)
    written = said(RECORDED[name]["response"], names)

    came = stage.azure.ask(asked["method"], asked["uri"], asked["body"], version="")

    assert came.status_code == written["status"], came.text
    body = came.json() if came.content else None
    assert list(differences(written["body"], body)) == [], body
    headers = {name: values[0] for name, values in written["headers"].items()}
    assert set(headers) - _ABSENT <= set(map(_spelt(headers), came.headers)), came.headers
    for header in set(headers) - _ABSENT - _OTHERWISE:
        assert essence(headers[header], header) == essence(came.headers[header], header), header
    assert "Retry-After" not in came.headers


def _spelt(headers: Mapping[str, str]) -> Callable[[str], str]:
    known = {name.lower(): name for name in headers}
    return lambda name: known.get(name.lower(), name)


@pytest.mark.parametrize("name", [name for name in RECORDED if name[:2] in {"07", "09", "12"}])
def test_members_come_in_the_recorded_order(stage: Stage, name: str) -> None:
    READY[name](stage)

    came = stage.replay(name).json()["properties"]

    assert list(came) == list(RECORDED[name]["response"]["body"]["properties"])


@pytest.mark.parametrize(
    ("written", "came", "where"),
    [
        ({"a": 1}, {}, [""]),
        ({"percentComplete": 1.0}, {"percentComplete": 1}, ["/percentComplete"]),
        ({"a": ["x", "y"]}, {"a": ["x", "z"]}, ["/a/1"]),
        ({"createdOn": "2017-04-26T17:05:31Z"}, {"createdOn": "today"}, ["/createdOn"]),
        (
            {"createdOn": "2017-04-26T17:05:31Z"},
            {"createdOn": "2017-04-26T17:05:31.10Z"},
            ["/createdOn"],
        ),
        ({"createdOn": "2017-04-26T17:05:31Z"}, {"createdOn": "2026-04-26T17:05:31.1Z"}, []),
    ],
)
def test_a_difference_is_noticed_and_only_a_difference(
    written: object, came: object, where: list[str]
) -> None:
    assert list(differences(written, came)) == where
