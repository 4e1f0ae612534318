"""What is promised of the exchanges in `tests/recorded/arm`, all recorded with the real service."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_aml_retrain.errors import RetrainError, UnexpectedAnswer
from airflow_aml_retrain.wire.arm import DefinitionVerbs, Keys
from airflow_aml_retrain.wire.conversation import Conversation, Credential, Request, Response, ask
from airflow_aml_retrain.wire.definition import Definition, definition_of
from airflow_aml_retrain.wire.operations import has_ended
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.subscription import Listed, Subscription, WebServiceId
from tests.wire.rehearsal import rehearse

FOLDER = Path(__file__).parent.parent / "recorded" / "arm"
EXCHANGES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
HOST = "https://management.azure.com"
SERVICE = (
    "/subscriptions/d128f140-94e6-4175-87a7-954b9d27db16/resourceGroups/onesdk3867"
    "/providers/Microsoft.MachineLearning/webServices/onesdk5952"
)
VERBS = DefinitionVerbs(HOST + SERVICE)
OTHER = DefinitionVerbs(HOST + SERVICE.replace("3867", "4711").replace("5952", "3495"))
OPERATION = VERBS.url[: VERBS.url.index("/resourceGroups")] + (
    "/providers/Microsoft.MachineLearning/locations/southcentralus/operationsStatus"
)
MODULE = "aml://module/506153734175476c4f62416c57734963"

Said = Callable[[], Conversation[Any]]
"""`Any`, since each verb returns something of its own."""


def sent(name: str) -> Any:
    return EXCHANGES[name]["request"]["body"]


def answer(name: str) -> Any:
    return EXCHANGES[name]["response"]["body"]


def asked(name: str) -> Said:
    """What no verb of ours says: it is only seen that its answer is taken."""
    said = EXCHANGES[name]["request"]
    return partial(
        ask, Request(said["method"], HOST + said["uri"], said["body"], Credential.AZURE_AD)
    )


def polled(name: str) -> Said:
    """The poll of an operation, up to the first word that ends it."""
    url = HOST + EXCHANGES[name]["request"]["uri"]
    return partial(VERBS.followed, url, every=5, seen=lambda _: False)


def updated(name: str) -> Said:
    return partial(VERBS.update, sent(name)["properties"])


SAID: dict[str, Said] = {
    "00_provider_get": asked("00_provider_get"),
    "01_commitmentplan_put_200": asked("01_commitmentplan_put_200"),
    "02_webservice_put_201": partial(VERBS.create, sent("02_webservice_put_201")),
    "03_operation_provisioning_0.0": polled("03_operation_provisioning_0.0"),
    "04_operation_provisioning": polled("04_operation_provisioning"),
    "05_operation_provisioning": polled("05_operation_provisioning"),
    "06_operation_succeeded": polled("06_operation_succeeded"),
    "07_webservice_get_after_create_200": VERBS.read,
    "08_webservice_patch_full_200": updated("08_webservice_patch_full_200"),
    "09_webservice_get_after_patch1_200": VERBS.read,
    "10_webservice_patch_partial_200": updated("10_webservice_patch_partial_200"),
    "11_operation_patch_succeeded": polled("11_operation_patch_succeeded"),
    "12_webservice_get_after_patch2_200": VERBS.read,
    "13_listkeys_200": VERBS.keys,
    "14_webservice_delete_202": VERBS.delete,
    "15_operation_delete": polled("15_operation_delete"),
    "20_webservice_get_404": OTHER.read,
    "21_listkeys_generated_200": OTHER.keys,
    "40_list_resource_group_200_preview": partial(
        Subscription(f"{HOST}/subscriptions/80c77c76-74ba-4c8c-8229-4c3b2957990c").services,
        "amlrg353",
    ),
    "41_list_subscription_page1_200": Subscription(
        HOST + SERVICE[: SERVICE.index("/resourceGroups")]
    ).services,
}
# Ours is the version of all the other recordings.
ASKED_OTHERWISE = {
    "40_list_resource_group_200_preview": "GET "
    + HOST
    + EXCHANGES["40_list_resource_group_200_preview"]["request"]["uri"].replace(
        "2016-05-01-preview", "2017-01-01"
    )
}
# A region and tags came along once; the other recorded PATCH shows that they need not.
NOT_SENT = {"08_webservice_patch_full_200": {"location", "tags"}}
READ = [name for name in EXCHANGES if "_webservice_get_after" in name]
LAST_PAGE = Response(200, b'{"value": []}')
SUCCEEDED = Response(200, b'{"status": "Succeeded"}')


def understood(name: str) -> tuple[Any, list[Request]]:
    """Say what belongs to exchange *name*, and be answered as it is answered there."""
    came = EXCHANGES[name]["response"]
    body = b"" if came["body"] is None else json.dumps(came["body"]).encode()
    headers = {key.lower(): values[0] for key, values in came["headers"].items()}
    answers = [
        Response(came["status"], body, headers),
        LAST_PAGE if "list_subscription" in name else SUCCEEDED,
    ]
    requests: list[Request] = []
    try:
        return rehearse(SAID[name](), answers, None, requests), requests
    except RetrainError as exc:
        return exc, requests


def read(name: str) -> Definition:
    return definition_of(answer(name))


def test_every_exchange_is_spoken_and_every_word_is_recorded() -> None:
    assert set(SAID) == set(EXCHANGES)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_request_is_the_one_that_was_recorded(name: str) -> None:
    recorded = EXCHANGES[name]["request"]

    _, requests = understood(name)

    line = f"{recorded['method']} {HOST}{recorded['uri']}"
    assert requests[0].line == ASKED_OTHERWISE.get(name, line)
    body = recorded["body"] and {
        key: value for key, value in recorded["body"].items() if key not in NOT_SENT.get(name, ())
    }
    assert requests[0].body == body
    assert requests[0].credential is Credential.AZURE_AD


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_answer_is_an_error_exactly_when_its_status_says_so(name: str) -> None:
    came, _ = understood(name)

    assert isinstance(came, RetrainError) == (EXCHANGES[name]["response"]["status"] >= 400)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((name, Definition) for name in READ),
        ("13_listkeys_200", Keys),
        ("21_listkeys_generated_200", Keys),
        ("40_list_resource_group_200_preview", list),
        ("41_list_subscription_page1_200", list),
    ],
)
def test_the_answer_is_understood_as_what_it_is(name: str, what: type) -> None:
    came, _ = understood(name)

    assert isinstance(came, what)


@pytest.mark.parametrize(
    "name",
    [
        "02_webservice_put_201",
        "08_webservice_patch_full_200",
        "10_webservice_patch_partial_200",
        "14_webservice_delete_202",
    ],
)
def test_an_accepted_change_names_the_operation_behind_it(name: str) -> None:
    came, _ = understood(name)

    assert came.startswith(f"{OPERATION}/")
    assert came.endswith("?api-version=2017-01-01")


@pytest.mark.parametrize("name", [name for name in EXCHANGES if "_operation_" in name])
def test_an_operation_is_over_when_its_status_says_so(name: str) -> None:
    _, requests = understood(name)

    succeeded = answer(name)["status"] == "Succeeded"
    assert has_ended(answer(name), "it") == succeeded
    assert len(requests) == (1 if succeeded else 2)


@pytest.mark.parametrize("name", READ)
def test_a_definition_is_read(name: str) -> None:
    definition = read(name)

    assert definition.id == SERVICE
    assert (definition.name, definition.location) == ("onesdk5952", "South Central US")
    assert (definition.state, definition.storage_account) == ("Succeeded", "onesdk2465")
    assert not definition.is_read_only
    assert definition.modified.startswith("2017-04-26T17:0")
    assert definition.api_url == (
        "https://ussouthcentral.services.azureml.net/subscriptions/"
        "d128f14094e6417587a7954b9d27db16/services/5bae01a5b573483ebfd45087f93477bf"
    )
    assert definition.serving().models == {}
    assert [each.split(" (")[0] for each in definition.serving().others] == [
        "'Import Data'",
        "'Join Data'",
    ]


def test_the_first_patch_changed_the_description_and_nothing_else() -> None:
    # `parameters: {}` vanished and `modifiedOn` moved: the service does so by itself.
    created, patched = read(READ[0]), read(READ[1])

    assert created.differences(patched) == ("description",)
    assert created.differences(created) == ()


def test_the_second_patch_was_merged_into_the_definition() -> None:
    assert read(READ[1]).differences(read(READ[2])) == ("realtimeConfiguration.maxConcurrentCalls",)


def test_what_was_created_is_what_is_read_but_for_what_is_never_returned() -> None:
    body = {"id": SERVICE, **sent("02_webservice_put_201")}

    assert definition_of(body).differences(read(READ[0])) == (
        "commitmentPlan",
        "keys",
        "storageAccount.key",
    )


def test_a_missing_service_is_told_with_the_codes_of_the_service() -> None:
    came, _ = understood("20_webservice_get_404")

    assert isinstance(came, UnexpectedAnswer)
    assert (came.status, came.code) == (404, "NotFound")
    assert came.details[0][0] == "WebServiceNotFound"


def test_keys_are_wrapped() -> None:
    keys, _ = understood("13_listkeys_200")

    assert keys.primary == Secret(answer("13_listkeys_200")["primary"])
    assert keys.secondary == Secret(answer("13_listkeys_200")["secondary"])


def test_lists_are_read_with_what_failed_and_the_next_page_is_asked_as_it_is_named() -> None:
    listed, requests = understood("41_list_subscription_page1_200")

    assert [each.state for each in listed] == ["Failed", "Succeeded", "Succeeded"]
    assert listed[2] == Listed(
        WebServiceId("d128f140-94e6-4175-87a7-954b9d27db16", "bohuRG01", "test1a"),
        "West Central US",
        "Succeeded",
    )
    assert requests[1].url == answer("41_list_subscription_page1_200")["nextLink"]


def test_a_list_of_the_version_before_is_read_alike() -> None:
    listed, _ = understood("40_list_resource_group_200_preview")

    assert [each.id.name for each in listed] == ["amlws2371", "amlws5823", "amlws6378"]


def test_nothing_that_was_understood_shows_a_key() -> None:
    told = "".join(repr(understood(name)) for name in EXCHANGES if "listkeys" in name)

    assert "REDACTED" not in told
    assert "highly secure" not in told
