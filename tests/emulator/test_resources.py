"""What is promised of the Resource Manager plane: definitions made, changed, read, removed."""

import json
from typing import Final

import pytest
import requests

from tests.emulator.resources import OPERATION, PREVIEW, STABLE, Azure, definition
from tests.emulator.stage_arm import RECORDED
from tests.emulator.studio import Json, details

CREATION: Final[Json] = RECORDED["02_webservice_put_201"]["request"]["body"]


@pytest.fixture
def made(azure: Azure) -> str:
    """The path of a web service as the recordings made it."""
    path = azure.path("onesdk5952")
    answer = azure.ask("PUT", path, definition(CREATION, azure.plan()))
    assert azure.ended(answer)["status"] == "Succeeded"
    return path


def _definition(azure: Azure, **properties: object) -> Json:
    body = definition(CREATION, azure.plan())
    body["properties"] |= properties
    return body


def test_an_operation_is_queued_then_runs_in_tenths_and_has_a_start_only_then(azure: Azure) -> None:
    answer = azure.ask("PUT", azure.path("s"), _definition(azure))
    url, polls = answer.headers["Azure-AsyncOperation"], []

    for _ in range(6):
        polls.append(azure.ask("GET", url, version="").json())
        azure.studio.clock.ahead += OPERATION / 5

    assert [poll["percentComplete"] for poll in polls] == [0.0, 0.0, 0.0, 0.2, 0.6, 1.0]
    assert ["startTime" in poll for poll in polls] == [False] * 3 + [True] * 3
    assert [poll["status"] for poll in polls] == ["Provisioning"] * 5 + ["Succeeded"]
    assert ["endTime" in poll for poll in polls] == [False] * 5 + [True]
    assert "Retry-After" not in answer.headers


def test_in_the_preview_an_operation_runs_in_ninths(azure: Azure) -> None:
    answer = azure.ask("PUT", azure.path("s"), _definition(azure), version=PREVIEW)
    azure.studio.clock.ahead += OPERATION * 0.99

    poll = azure.ask("GET", answer.headers["Azure-AsyncOperation"], version="").json()

    assert poll["percentComplete"] == 8 / 9
    assert poll["status"] == "Provisioning"


def test_a_definition_shows_nothing_new_until_its_operation_ends(azure: Azure, made: str) -> None:
    before = azure.read(made)

    answer = azure.patch(made, description="new")

    assert azure.read(made) == before
    azure.ended(answer)
    assert azure.properties(made)["description"] == "new"
    assert azure.properties(made)["createdOn"] == before["properties"]["createdOn"]
    assert azure.properties(made)["modifiedOn"] > before["properties"]["modifiedOn"]


def test_the_preview_answers_a_change_with_the_whole_body(azure: Azure, made: str) -> None:
    body = {"properties": {"packageType": "Graph", "title": "T"}}

    patched = azure.ask("PATCH", made, body, version=PREVIEW).json()

    assert patched["properties"]["provisioningState"] == "Provisioning"
    assert patched["properties"]["title"] == "T"
    expected = set(azure.read(made, PREVIEW)["properties"]) - {"parameters"}
    assert set(patched["properties"]) == expected
    assert "payloadsInBlobStorage" not in expected


def test_no_key_no_plan_and_no_credential_is_ever_shown(azure: Azure, made: str) -> None:
    secret = "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=c2VjcmV0"
    assets = {"a": {"name": "n", "type": "Module", "locationInfo": {"uri": "aml://m"}}}
    assets["a"]["locationInfo"] |= {"credentials": secret}  # type: ignore[operator]  # a dict of strings
    azure.ended(azure.patch(made, assets=assets))
    patched = azure.ask("PATCH", made, {"properties": {"packageType": "Graph"}}, version=PREVIEW)

    for shown in (azure.read(made), azure.read(made, PREVIEW), patched.json()):
        text = json.dumps(shown)
        assert not {"keys", "commitmentPlan"} & set(shown["properties"])
        assert shown["properties"]["storageAccount"] == {"name": "onesdk2465"}
        assert not [word for word in (secret, "REDACTED", "/commitmentPlans/") if word in text]


def test_a_patch_of_one_key_keeps_the_other(azure: Azure, made: str) -> None:
    keys = azure.ask("GET", f"{made}/listKeys").json()

    answer = azure.patch(made, keys={"primary": "another"})

    assert azure.ask("GET", f"{made}/listKeys").json() == keys
    azure.ended(answer)
    assert azure.ask("GET", f"{made}/listKeys").json() == keys | {"primary": "another"}


def test_a_put_overwrites_everything_but_what_is_fixed(azure: Azure, made: str) -> None:
    body = {"location": "southcentralus", "properties": {"packageType": "Graph", "title": "bare"}}
    keys = azure.ask("GET", f"{made}/listKeys").json()

    answer = azure.ask("PUT", made, body)

    assert answer.status_code == 200
    azure.ended(answer)
    now = azure.properties(made)
    assert now["title"] == "bare"
    assert not {"assets", "description", "input", "package"} & set(now)
    assert azure.ask("GET", f"{made}/listKeys").json() != keys


def test_paths_are_taken_in_any_case_and_answered_in_ours(azure: Azure, made: str) -> None:
    assert azure.read(made.lower()) == azure.read(made)
    assert azure.read(made.upper().replace("ONESDK", "onesdk"))["id"] == made
    listed = azure.ask("GET", f"{made.rpartition('/')[0].lower()}").json()
    assert [item["id"] for item in listed["value"]] == [made]


def test_member_names_are_taken_in_any_case(azure: Azure, made: str) -> None:
    body = {"Properties": {"PackageType": "Graph", "TITLE": "x", "Unheard": 1, "description": None}}

    azure.ended(azure.ask("PATCH", made, body))

    now = azure.properties(made)
    assert now["title"] == "x"
    assert now["description"] == CREATION["properties"]["description"]
    assert "Unheard" not in json.dumps(now)


@pytest.mark.parametrize(
    ("wanted", "detail"),
    [
        ({"packageType": None}, "PackageTypeMissing"),
        ({"packageType": "Code"}, "PackageTypeInvalid"),
        ({"realtimeConfiguration": {"maxConcurrentCalls": 3}}, "MaxConcurrentCallsInvalid"),
        ({"storageAccount": {"name": "other"}}, "CannotChangeStorageAccount"),
        ({"commitmentPlan": {"id": "/other"}}, "CannotChangeCommitmentPlan"),
        ({"payloadsInBlobStorage": True}, "PayloadsLocationMissing"),
    ],
)
def test_what_no_definition_may_say_is_refused(
    azure: Azure, made: str, wanted: Json, detail: str
) -> None:
    before = azure.read(made)

    refused = azure.patch(made, **wanted)

    assert details(refused) == (400, "BadRequest", [detail])
    assert refused.json()["error"]["message"] == "The request is invalid."
    assert azure.read(made) == before


def test_a_read_only_definition_can_be_removed_and_nothing_else(azure: Azure, made: str) -> None:
    azure.ended(azure.patch(made, readOnly=True))

    assert details(azure.patch(made, readOnly=False)) == (
        400,
        "BadRequest",
        ["WebServiceReadOnly"],
    )
    put = azure.ask("PUT", made, _definition(azure))
    assert details(put) == (400, "BadRequest", ["WebServiceReadOnly"])
    assert azure.ask("DELETE", made).status_code == 202


def test_a_web_service_needs_a_commitment_plan_that_there_is(azure: Azure) -> None:
    path, other = azure.path("s"), definition(CREATION, azure.plan().replace("/plan", "/none"))
    none = definition(CREATION, azure.plan())
    del none["properties"]["commitmentPlan"]

    refused = [azure.ask("PUT", path, body) for body in (other, none)]
    refused.append(azure.ask("PUT", path, other, version=PREVIEW))

    for answer in refused:
        assert details(answer) == (400, "BadRequest", ["CommitmentPlanNotFound"])
    assert azure.ask("GET", path).status_code == 404
    assert azure.ask("PUT", path, none, version=PREVIEW).status_code == 201


def test_a_commitment_plan_can_be_read_listed_and_removed(azure: Azure) -> None:
    plan = azure.plan()
    folder, name = plan.rsplit("/", 1)

    assert azure.read(plan, PREVIEW)["name"] == name
    everywhere = f"/subscriptions/{azure.subscription}/providers/{folder.split('/providers/')[1]}"
    for place in (folder, everywhere, folder.upper()):
        listed = azure.ask("GET", place, version=PREVIEW).json()
        assert [item["id"] for item in listed["value"]] == [plan]
    assert azure.ask("DELETE", plan, version=PREVIEW).status_code == 200
    assert azure.ask("GET", plan, version=PREVIEW).status_code == 404


def test_what_was_deleted_is_gone_when_the_operation_ends(azure: Azure, made: str) -> None:
    answer = azure.ask("DELETE", made)
    results = azure.ask("GET", answer.headers["Location"], version="")

    assert answer.status_code == 202
    assert results.status_code == 202
    assert azure.read(made)
    assert azure.ended(answer)["status"] == "Succeeded"
    assert azure.ask("GET", answer.headers["Location"], version="").status_code == 200
    assert details(azure.ask("GET", made)) == (404, "NotFound", ["WebServiceNotFound"])
    assert azure.ask("DELETE", made).status_code == 204


def test_another_region_has_a_payload_once_one_was_made_for_it(azure: Azure, made: str) -> None:
    asked = {"region": "West Central US"}
    assert azure.ask("GET", made, **asked).json()["error"]["details"][0]["code"] == (
        "PerRegionPayloadNotFound"
    )
    assert azure.ask("GET", made, region="southcentralus").status_code == 200

    answer = azure.ask("POST", f"{made}/CreateRegionalBlob", **asked)

    assert answer.status_code == 202
    assert answer.json()["id"] == made.rpartition("/")[2]
    assert azure.ask("GET", made, **asked).status_code == 404
    azure.ended(answer)
    assert azure.ask("GET", made, **asked).json() == azure.read(made)


def test_lists_are_read_page_by_page_and_leave_the_definition_out(azure: Azure) -> None:
    names = [f"s{number}" for number in range(5)]
    for name in names:
        azure.ask("PUT", azure.path(name, group=name), _definition(azure)).raise_for_status()
    url, pages = f"/subscriptions/{azure.subscription}/providers/Microsoft.MachineLearning", []
    url, query = f"{url}/webServices", STABLE

    while url:
        pages.append(azure.ask("GET", url, version=query).json())
        url, query = pages[-1].get("nextLink", ""), ""
        assert not url or "&%24skiptoken=" in url

    assert [[item["name"] for item in page["value"]] for page in pages] == [
        ["s0", "s1"],
        ["s2", "s3"],
        ["s4"],
    ]
    shown = pages[0]["value"][0]["properties"]
    assert not {"assets", "input", "output", "package"} & set(shown)
    in_group = azure.ask("GET", azure.path("x", "S1").rpartition("/")[0]).json()
    assert [item["name"] for item in in_group["value"]] == ["s1"]


def test_a_skiptoken_of_somebody_else_leads_to_the_first_page(azure: Azure, made: str) -> None:
    folder = made.rpartition("/")[0]

    page = azure.ask("GET", folder, **{"$skiptoken": "DY1db4Iw"}).json()

    assert [item["id"] for item in page["value"]] == [made]


def test_a_definition_can_come_from_a_blob_and_comes_back_in_pascal_case(azure: Azure) -> None:
    names = ("assets", "input", "output", "package", "exampleRequest")
    held = {name[0].upper() + name[1:]: CREATION["properties"][name] for name in names}
    azure.studio.put("payload.json", json.dumps(held))
    uri = f"{azure.studio.blobs.url.rstrip('/')}/{azure.studio.container}/payload.json"
    location = {"Uri": uri, "Credentials": azure.studio.storage}
    body = _definition(azure, payloadsInBlobStorage=True)
    body["properties"]["PayloadsLocation"] = location
    for name in names:
        del body["properties"][name]

    answer = azure.ask("PUT", azure.path("s"), body)

    assert azure.ended(answer)["status"] == "Succeeded"
    now = azure.properties(azure.path("s"))
    assert now["payloadsInBlobStorage"] is False
    assert now["assets"]["asset1"]["LocationInfo"]["Uri"].startswith("aml://module/")
    assert now["package"]["Edges"][0]["SourceNodeId"] == "node1"
    parameters = now["package"]["Nodes"]["node1"]["Parameters"]
    assert parameters["File has Header Row"] == {"Value": "True", "CertificateThumbprint": ""}
    assert now["input"] == CREATION["properties"]["input"]


@pytest.mark.parametrize("content", [None, "no json"])
def test_a_payload_that_cannot_be_had_fails_the_operation(
    azure: Azure, made: str, content: str | None
) -> None:
    before = azure.properties(made)
    uri = f"{azure.studio.blobs.url.rstrip('/')}/{azure.studio.container}/payload.json"
    if content is not None:
        azure.studio.put("payload.json", content)
    location = {"uri": uri, "credentials": azure.studio.storage}

    answer = azure.patch(made, payloadsInBlobStorage=True, payloadsLocation=location)

    ended = azure.ended(answer)
    assert ended["status"] == "Failed"
    assert ended["error"]["code"] == ended["errorInfo"]["code"]
    changing = {"modifiedOn", "provisioningState"}
    now = azure.properties(made)
    assert {n: v for n, v in now.items() if n not in changing} == {
        n: v for n, v in before.items() if n not in changing
    }


def test_a_definition_over_3_mb_goes_to_a_blob_or_nowhere(azure: Azure, made: str) -> None:
    parameters = {"large": {"value": "x" * 3 * 1024 * 1024}}

    refused = azure.patch(made, parameters=parameters)

    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "RequestEntityTooLarge"


def test_encrypted_parameters_come_back_as_something_else(azure: Azure, made: str) -> None:
    key = azure.properties(made)["package"]["nodes"]["node1"]["parameters"]["Account Key"]
    sent = CREATION["properties"]["package"]["nodes"]["node1"]["parameters"]["Account Key"]

    assert set(key) == set(sent)
    assert not set(key.values()) & set(sent.values())


@pytest.mark.parametrize(
    ("query", "code"),
    [({}, "MissingApiVersionParameter"), ({"api-version": "2018"}, "NoRegisteredProviderFound")],
)
def test_an_api_version_is_needed_and_must_be_a_known_one(
    azure: Azure, made: str, query: dict[str, str], code: str
) -> None:
    refused = azure.ask("GET", made, version=query.get("api-version", ""))

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)


def test_no_token_no_answer(azure: Azure, made: str) -> None:
    url = f"{azure.studio.url}{made}?api-version={STABLE}"

    refused = requests.get(url, timeout=30)

    assert refused.status_code == 401
    assert "WWW-Authenticate" in refused.headers


def test_a_host_inside_the_service_lets_no_client_in(azure: Azure, made: str) -> None:
    answer = azure.patch(made, title="x")
    url = answer.headers["Azure-AsyncOperation"].replace(STABLE, "2.0")

    for asked in (url, f"{azure.studio.url}/subscriptions/x/anything?api-version=2.0"):
        refused = azure.ask("GET", asked, version="")
        assert details(refused) == (403, "Forbidden", ["RequestUnauthorized"])
        assert refused.json()["error"]["details"][0]["message"] == "Unauthorized"


def test_what_is_not_emulated_is_named(azure: Azure) -> None:
    path = f"/subscriptions/{azure.subscription}/resourceGroups/g"

    refused = azure.ask("PUT", path, {})

    assert refused.status_code == 501
    assert "resource groups" in refused.json()["error"]["message"]


def test_an_operation_of_another_subscription_is_not_found(azure: Azure, made: str) -> None:
    url = azure.patch(made, title="x").headers["Azure-AsyncOperation"]

    refused = azure.ask("GET", url.replace(azure.subscription, "other"), version="")

    assert refused.status_code == 404
