"""What is promised of what a new web service does: train, score, take a retrained model."""

from copy import deepcopy
from typing import Final

import pytest

from tests.emulator.conftest import PROPAGATION
from tests.emulator.resources import PREVIEW, Azure, definition
from tests.emulator.stage_arm import RECORDED
from tests.emulator.studio import VERSION, Json, census

ROW: Final = {"age": 30, "workclass": "Private", "hours": "40"}
AHEAD: Final = 2 * PROPAGATION


@pytest.fixture
def scoring(azure: Azure) -> Json:
    return azure.publish("scoring")


def _label(azure: Azure, made: Json) -> str:
    answer = azure.score(made, ROW)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["Results"]["output1"][0]["Scored Labels"])


def _twin(azure: Azure, made: Json, **properties: object) -> Json:
    """The body of a PUT of another web service with the definition of *made*."""
    exported = azure.read(made["id"])
    storage = dict(part.split("=", 1) for part in azure.studio.storage.split(";") if part)
    secrets = {
        "storageAccount": {"name": made["storage_account"], "key": storage["AccountKey"]},
        "commitmentPlan": {"id": made["commitment_plan"]},
        "keys": {"primary": "twin's key"},
    }
    return {
        "location": exported["location"],
        "properties": exported["properties"] | secrets | properties,
    }


def _made(azure: Azure, made: Json, name: str = "twin") -> Json:
    path = azure.path(name)
    url = azure.properties(path)["swaggerLocation"].removesuffix("/swagger.json")
    keys = azure.ask("GET", f"{path}/listKeys").json()
    return made | {"id": path, "api_location": url, "primary_key": keys["primary"]}


def test_a_training_service_trains_what_a_scoring_service_then_scores_with(
    azure: Azure, scoring: Json
) -> None:
    training = azure.publish("training", "training")
    body = {"Inputs": {"input1": azure.studio.put("t.csv", census(300, turned=True))}}
    done = azure.studio.run(training["api_location"], training["primary_key"], body)
    model = done["Results"]["output1"]
    before = _label(azure, scoring)

    uri = model["BaseLocation"] + model["RelativeLocation"]
    answer = azure.patch(scoring["id"], assets=azure.with_model(scoring["id"], uri))

    assert done["Results"]["output2"]["RelativeLocation"].endswith(".csv")
    assert azure.ended(answer)["status"] == "Succeeded"
    assert azure.properties(scoring["id"])["assets"]["asset1"]["locationInfo"]["uri"] == uri
    assert _label(azure, scoring) == before
    azure.studio.clock.ahead += AHEAD
    assert _label(azure, scoring) != before


def test_a_published_service_is_scored_in_batches_and_described(
    azure: Azure, scoring: Json
) -> None:
    api, key = scoring["api_location"], scoring["primary_key"]
    body = {"Inputs": {"input1": azure.studio.put("t.csv", census(20))}}

    done = azure.studio.run(api, key, body)

    scored = azure.studio.get(done["Results"]["output1"]).decode()
    assert scored.splitlines()[0].endswith("Scored Labels,Scored Probabilities")
    told = azure.studio.data("GET", f"{api}/swagger.json", "").json()
    assert set(told["definitions"]["input1Item"]["properties"]) >= set(ROW)
    assert f"/subscriptions/{azure.subscription.replace('-', '')}/services/" in api


def test_the_url_of_one_generation_does_not_lead_to_the_other(azure: Azure, scoring: Json) -> None:
    classic = azure.studio.publish("training")
    keys = {
        scoring["api_location"].replace("/subscriptions/", "/workspaces/"): scoring["primary_key"],
        classic.api.replace("/workspaces/", "/subscriptions/"): classic.key,
    }

    refused = [azure.studio.data("GET", f"{url}/jobs/x{VERSION}", keys[url]) for url in keys]

    codes = [answer.json()["error"]["details"][0]["code"] for answer in refused]
    assert codes == ["WorkspaceNotFound", "WebServiceIdNotFoundInWorkspace"]


def test_publishing_again_finds_what_is_there(azure: Azure, scoring: Json) -> None:
    assert azure.publish("scoring") == scoring


def test_the_name_of_the_trained_model_may_have_the_blank_of_the_real_one(azure: Azure) -> None:
    made = azure.publish("Census", nbsp=True)

    assert made["resource_name"] == "Census\u00a0[trained model]"
    assert azure.properties(made["id"])["assets"]["asset1"]["name"] == made["resource_name"]


@pytest.mark.parametrize("kind", ["scoring", "training"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_twin_of_a_service_does_what_it_does(azure: Azure, kind: str, task: str) -> None:
    label = "income" if task == "classification" else "age"
    made = azure.publish("original", kind, task=task, label=label)

    answer = azure.ask("PUT", azure.path("twin"), _twin(azure, made))

    assert azure.ended(answer)["status"] == "Succeeded"
    twin = _made(azure, made)
    assert twin["primary_key"] == "twin's key"
    body = {"Inputs": {"input1": azure.studio.put("t.csv", census(40))}}
    results = [
        azure.studio.run(service["api_location"], service["primary_key"], body)["Results"]
        for service in (made, twin)
    ]
    [one, other] = [azure.studio.get(result["output1"]) for result in results]
    assert one == other
    assert list(results[0]) == list(results[1])


def test_a_definition_of_modules_alone_is_kept_and_not_run(azure: Azure) -> None:
    body = definition(RECORDED["02_webservice_put_201"]["request"]["body"], azure.plan())
    azure.ended(azure.ask("PUT", azure.path("s"), body))
    made = _made(azure, {}, "s")

    refused = azure.score(made, ROW)

    assert refused.status_code == 501
    assert "Import Data, Join Data" in refused.json()["error"]["message"]


def test_a_definition_with_two_trained_models_is_kept_and_not_run(
    azure: Azure, scoring: Json
) -> None:
    assets = azure.properties(scoring["id"])["assets"]
    assets["asset9"] = assets["asset1"] | {"name": "Second [trained model]"}

    azure.ended(azure.patch(scoring["id"], assets=assets))

    refused = azure.score(scoring, ROW)
    assert refused.status_code == 501
    assert "2 trained models" in refused.json()["error"]["message"]


def test_a_blob_of_another_account_needs_credentials(azure: Azure, scoring: Json) -> None:
    uri = azure.retrained().replace("http://127.0.0.1:", "http://localhost:")
    before = azure.properties(scoring["id"])["assets"]

    refused = azure.ended(azure.patch(scoring["id"], assets=azure.with_model(scoring["id"], uri)))

    assert refused["status"] == "Failed"
    assert refused["errorInfo"]["code"] == refused["error"]["code"] == "ResourceDownload"
    assert "asset1" in refused["error"]["message"]
    assert azure.properties(scoring["id"])["assets"] == before
    assert azure.properties(scoring["id"])["provisioningState"] == "Failed"
    uri = azure.retrained()
    assets = azure.with_model(scoring["id"], uri, credentials=azure.studio.storage)
    assert azure.ended(azure.patch(scoring["id"], assets=assets))["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("no.ilearner", None, "ResourceDownload"),
        ("bad.ilearner", b"not a model", "UpdateWebServiceResourceFailed"),
        ("table.csv", b"a,b\n1,2\n", "UpdateWebServiceResourceFailed"),
    ],
)
def test_what_is_no_model_fails_the_operation_and_the_old_one_answers(
    azure: Azure, scoring: Json, name: str, content: bytes | None, code: str
) -> None:
    before = _label(azure, scoring)
    uri = f"{azure.studio.blobs.url.rstrip('/')}/{azure.studio.container}/{name}"
    if content is not None:
        azure.studio.put(name, content)

    ended = azure.ended(azure.patch(scoring["id"], assets=azure.with_model(scoring["id"], uri)))

    assert (ended["status"], ended["error"]["code"]) == ("Failed", code)
    azure.studio.clock.ahead += AHEAD
    assert _label(azure, scoring) == before


def test_a_wrong_storage_key_reads_nothing(azure: Azure, scoring: Json) -> None:
    body = _twin(azure, scoring)
    body["properties"]["storageAccount"]["key"] = "bm90IHRoZSBrZXk="

    ended = azure.ended(azure.ask("PUT", azure.path("twin"), body))

    assert ended["status"] == "Failed"
    shown = azure.properties(azure.path("twin"))
    assert shown["provisioningState"] == "Failed"
    assert shown["storageAccount"] == {}


def test_the_model_is_copied_so_its_blob_may_vanish(azure: Azure, scoring: Json) -> None:
    before = _label(azure, scoring)
    uri = azure.retrained("m.ilearner")
    azure.ended(azure.patch(scoring["id"], assets=azure.with_model(scoring["id"], uri)))

    azure.studio.blobs.get_blob_client(azure.studio.container, "m.ilearner").delete_blob()

    azure.studio.clock.ahead += AHEAD
    assert _label(azure, scoring) != before


def test_going_back_is_another_update(azure: Azure, scoring: Json) -> None:
    before = _label(azure, scoring)
    assets = azure.properties(scoring["id"])["assets"]
    azure.ended(
        azure.patch(scoring["id"], assets=azure.with_model(scoring["id"], azure.retrained()))
    )

    azure.ended(azure.patch(scoring["id"], assets=assets))

    azure.studio.clock.ahead += AHEAD
    assert _label(azure, scoring) == before


def test_keys_and_calls_of_the_definition_hold_in_the_data_plane(
    azure: Azure, scoring: Json
) -> None:
    azure.ended(azure.patch(scoring["id"], keys={"primary": "new"}))

    assert azure.score(scoring, ROW).status_code == 401
    assert azure.score(scoring | {"primary_key": "new"}, ROW).status_code == 200
    second = scoring | {"primary_key": scoring["secondary_key"]}
    assert azure.score(second, ROW).status_code == 200


def test_a_deleted_service_answers_no_more(azure: Azure, scoring: Json) -> None:
    azure.ended(azure.ask("DELETE", scoring["id"]))

    assert azure.score(scoring, ROW).status_code == 404


# Trouble.


def test_an_operation_can_be_made_to_fail(azure: Azure, scoring: Json) -> None:
    azure.studio.fault({"fail_operation": "the node burnt down"}, plane="resources")

    ended = azure.ended(azure.patch(scoring["id"], title="x"))

    assert ended["status"] == "Failed"
    assert ended["error"]["message"] == ended["errorInfo"]["message"] == "the node burnt down"
    assert azure.properties(scoring["id"])["title"] == "scoring"


def test_an_operation_can_be_made_to_hang(azure: Azure, scoring: Json) -> None:
    azure.studio.fault({"hang_operation": True})

    ended = azure.ended(azure.patch(scoring["id"], title="x"))

    assert (ended["status"], ended["percentComplete"]) == ("Provisioning", 0.9)
    assert azure.properties(scoring["id"])["title"] == "scoring"


def test_an_update_can_succeed_and_change_nothing(azure: Azure, scoring: Json) -> None:
    before = azure.properties(scoring["id"])
    azure.studio.fault({"ignore_patch": True})

    ended = azure.ended(azure.patch(scoring["id"], title="x"))

    assert ended["status"] == "Succeeded"
    now = azure.properties(scoring["id"])
    assert now == before | {"modifiedOn": now["modifiedOn"]}


@pytest.mark.parametrize("trouble", [{"serve_old": True}, {"ignore_patch": "served"}])
def test_an_update_can_show_and_not_reach_the_model_that_answers(
    azure: Azure, scoring: Json, trouble: Json
) -> None:
    before, uri = _label(azure, scoring), azure.retrained()
    azure.studio.fault(trouble, plane="resources")

    azure.ended(azure.patch(scoring["id"], assets=azure.with_model(scoring["id"], uri)))

    azure.studio.clock.ahead += AHEAD
    assert azure.properties(scoring["id"])["assets"]["asset1"]["locationInfo"]["uri"] == uri
    assert _label(azure, scoring) == before


def test_a_read_can_be_a_stale_one(azure: Azure, scoring: Json) -> None:
    azure.ended(azure.patch(scoring["id"], title="x"))
    azure.studio.fault({"stale_read": True})

    assert [azure.properties(scoring["id"])["title"] for _ in range(2)] == ["scoring", "x"]


def test_any_answer_of_the_plane_can_be_another(azure: Azure, scoring: Json) -> None:
    azure.studio.fault({"status": 429, "headers": {"Retry-After": "3"}}, plane="resources")

    refused = azure.ask("GET", scoring["id"])

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
    log = azure.studio.control("GET", "requests").json()
    assert [seen["status"] for seen in log if seen["path"] == scoring["id"]][-1] == 429
    assert {seen["plane"] for seen in log if seen["path"] == scoring["id"]} == {"resources"}


def test_two_updates_at_once_both_come_to_be(azure: Azure, scoring: Json) -> None:
    first = azure.patch(scoring["id"], title="one")
    second = azure.patch(scoring["id"], description="two")

    assert azure.ended(first)["status"] == azure.ended(second)["status"] == "Succeeded"
    now = azure.properties(scoring["id"])
    assert (now["title"], now["description"]) == ("one", "two")


def test_an_exported_definition_is_its_own_import(azure: Azure, scoring: Json) -> None:
    before = azure.read(scoring["id"])

    azure.ended(azure.ask("PATCH", scoring["id"], {"properties": before["properties"]}))

    changing = {"modifiedOn"}
    now = deepcopy(azure.read(scoring["id"]))["properties"]
    assert {n for n in now if now[n] != before["properties"].get(n)} <= changing


def test_the_preview_makes_and_changes_what_the_later_version_shows(azure: Azure) -> None:
    made = azure.publish("original")
    body = _twin(azure, made)
    body["properties"].pop("payloadsInBlobStorage")

    created = azure.ask("PUT", azure.path("twin"), body, version=PREVIEW)

    assert created.status_code == 201
    assert created.json()["properties"]["assets"] == body["properties"]["assets"]
    assert created.json()["properties"]["provisioningState"] == "Provisioning"
    during = azure.read(azure.path("twin"), PREVIEW)
    assert during == created.json()
    azure.ended(created)
    assert azure.properties(azure.path("twin"))["assets"] == body["properties"]["assets"]
