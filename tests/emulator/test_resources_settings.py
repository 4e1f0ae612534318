"""What is promised of new web services over a restart, and where a setting decides."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings, Gaps
from tests.emulator.resources import OPERATION, PREVIEW, Azure, bearer, definition, path_of
from tests.emulator.stage_arm import RECORDED
from tests.emulator.studio import HandClock, Json, Lent, Studio, census

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from airflow_aml_retrain.demo.azurite import Azurite

Start = Callable[..., Azure]
ROW = {"age": 30, "workclass": "Private", "hours": "40"}


@pytest.fixture
def start(
    azurite: "Azurite",
    blob_service: "BlobServiceClient",
    container: str,
    state: Path,
    lent: Lent,
) -> Iterator[Start]:
    """Starts an emulator on the same state and clock; the one before is stopped."""
    clock = HandClock()
    with ExitStack() as running:

        def start(**gaps: Any) -> Azure:
            running.close()
            storage = azurite.connection_string
            settings = EmulatorSettings(
                storage=storage,
                state=state,
                propagation=0.0,
                operation_time=OPERATION,
                gaps=Gaps(**gaps),
            )
            served = running.enter_context(Served(settings, clock=clock, trainer=lent))
            studio = Studio(served.url, storage, container, blob_service, clock)
            return Azure(studio, bearer(studio))

        yield start


def _put(azure: Azure, **properties: object) -> str:
    path, body = azure.path("s"), RECORDED["02_webservice_put_201"]["request"]["body"]
    wanted = definition(body, azure.plan())
    wanted["properties"] |= properties
    azure.ended(azure.ask("PUT", path, wanted))
    return path


def test_definitions_plans_operations_and_models_are_there_after_a_restart(start: Start) -> None:
    before = start()
    made = before.publish("scoring", training_csv=census(300))
    said = before.score(made, ROW).json()
    uri = before.retrained()
    answer = before.patch(made["id"], assets=before.with_model(made["id"], uri), title="new")
    operation = path_of(answer.headers["Azure-AsyncOperation"])

    after = replace(start(), subscription=before.subscription)

    made |= {"api_location": after.studio.url + urlsplit(made["api_location"]).path}
    assert after.score(made, ROW).json() == said
    assert after.read(made["commitment_plan"], PREVIEW)["sku"]["name"] == "S1"
    assert after.ask("GET", operation).json()["status"] == "Provisioning"
    after.studio.clock.ahead += OPERATION
    # The data plane is the first to ask: it too finds the operation ended.
    assert after.score(made, ROW).json() != said
    assert after.ask("GET", operation).json()["status"] == "Succeeded"
    assert after.properties(made["id"])["title"] == "new"


def test_an_operation_that_ended_while_nobody_ran_has_ended_at_its_time(start: Start) -> None:
    before = start()
    path = _put(before)
    operation = path_of(before.patch(path, title="x").headers["Azure-AsyncOperation"])
    before.studio.clock.ahead += 10 * OPERATION

    after = replace(start(), subscription=before.subscription)

    ended = after.ask("GET", operation).json()
    assert ended["status"] == "Succeeded"
    assert ended["endTime"] == after.properties(path)["modifiedOn"]


def test_assets_that_a_patch_does_not_name_may_stay(start: Start) -> None:
    azure = start(assets="merged")
    path = _put(azure)
    asset = {"name": "x", "type": "Module", "locationInfo": {"uri": "aml://x"}}

    azure.ended(azure.patch(path, assets={"asset3": asset}))

    assert set(azure.properties(path)["assets"]) == {"asset1", "asset2", "asset3"}


def test_a_definition_may_say_that_it_is_being_replaced(start: Start) -> None:
    azure = start(state_while_updating="Provisioning")
    path = _put(azure)

    answer = azure.patch(path, title="new")

    during = azure.properties(path)
    assert during["provisioningState"] == "Provisioning"
    assert during["title"] != "new"
    azure.ended(answer)
    assert azure.properties(path)["provisioningState"] == "Succeeded"


def test_an_update_of_what_is_being_updated_may_be_refused(start: Start) -> None:
    azure = start(update_while_updating="refused")
    path = _put(azure)
    azure.patch(path, title="one").raise_for_status()

    assert azure.patch(path, title="two").status_code == 409


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("https://westcentralus.management.azure.com", "api-version=2017-01-01"),
        ("https://x.webservicesrp.azureml.net?api-version=2.0", "api-version=2.0"),
    ],
)
def test_an_operation_may_be_elsewhere(start: Start, host: str, expected: str) -> None:
    azure = start(operation_host=host)

    answer = azure.patch(_put_anywhere(azure), title="x")

    url = urlsplit(answer.headers["Azure-AsyncOperation"])
    assert host.startswith(f"https://{url.netloc}")
    assert url.query == expected


def _put_anywhere(azure: Azure) -> str:
    """Like `_put`, without a look at the operation."""
    path, body = azure.path("s"), RECORDED["02_webservice_put_201"]["request"]["body"]
    azure.ask("PUT", path, definition(body, azure.plan())).raise_for_status()
    azure.studio.clock.ahead += OPERATION
    return path


def test_in_the_preview_success_may_come_before_the_last_ninth(start: Start) -> None:
    azure = start(preview_ends_at=8 / 9)
    path = _put(azure)
    body: Json = {"properties": {"packageType": "Graph"}}

    ended = azure.ended(azure.ask("PATCH", path, body, version=PREVIEW))

    assert (ended["status"], ended["percentComplete"]) == ("Succeeded", 8 / 9)


def test_refusals_nobody_recorded_are_settings(start: Start) -> None:
    azure = start(oversized_definition=400, read_only=409, put_without_keys="kept")
    path = _put(azure)
    keys = azure.ask("GET", f"{path}/listKeys").json()
    bare = {"location": "southcentralus", "properties": {"packageType": "Graph", "readOnly": True}}

    large = azure.patch(path, parameters={"p": "x" * 3 * 1024 * 1024})
    azure.ended(azure.ask("PUT", path, bare))

    assert (large.status_code, large.json()["error"]["code"]) == (400, "BadRequest")
    assert azure.ask("GET", f"{path}/listKeys").json() == keys
    assert azure.patch(path, title="x").status_code == 409


def test_a_failed_update_may_leave_the_state_of_before(start: Start) -> None:
    azure = start(state_after_failure="Succeeded")
    path = _put(azure)
    azure.studio.fault({"fail_operation": "no"})

    assert azure.ended(azure.patch(path, title="x"))["status"] == "Failed"
    assert azure.properties(path)["provisioningState"] == "Succeeded"


def test_the_page_shows_new_web_services(start: Start) -> None:
    azure = start()
    made = azure.publish("Census <1>")

    page = azure.studio.data("GET", azure.studio.url, "").text

    assert "Census &lt;1&gt;" in page
    assert made["api_location"] in page
