"""What is promised of services and endpoints, and of a model on its way into one."""

import pytest

from tests.emulator.conftest import PROPAGATION
from tests.emulator.studio import Json, Service, Studio, census, details

YOUNG = {"age": 30, "workclass": "Private", "hours": "40"}


@pytest.fixture
def scoring(studio: Studio) -> Service:
    return studio.publish("scoring", nbsp=True)


@pytest.fixture
def turned(studio: Studio) -> Json:
    """The model of a world in which the young are rich."""
    return dict(studio.train(census(300, turned=True))["output1"])


def _label(studio: Studio, endpoint: Json) -> str:
    answer = studio.score(endpoint, YOUNG)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["Results"]["output1"][0]["Scored Labels"])


def _endpoint(studio: Studio, service: Service, name: str = "retrain") -> Json:
    return dict(studio.manage("GET", service, f"/{service.id}/endpoints/{name}").json())


def test_services_are_listed_and_described(studio: Studio, scoring: Service) -> None:
    listed = studio.manage("GET", scoring).json()
    one = studio.manage("GET", scoring, f"/{scoring.id}").json()

    assert listed == [one]
    assert set(one) == {
        "Id",
        "Name",
        "Description",
        "CreationTime",
        "WorkspaceId",
        "DefaultEndpointName",
        "EndpointCount",
    }
    assert (one["Id"], one["DefaultEndpointName"], one["EndpointCount"]) == (
        scoring.id,
        "default",
        1,
    )


def test_a_new_endpoint_is_answered_with_its_keys_and_its_place(
    studio: Studio, scoring: Service
) -> None:
    made = studio.endpoint(scoring, Description="staging", ThrottleLevel="High", PreventUpdate=True)

    assert made == _endpoint(studio, scoring)
    assert (made["Name"], made["Description"], made["PreventUpdate"]) == (
        "retrain",
        "staging",
        True,
    )
    assert len(made["PrimaryKey"]) == 88
    assert _label(studio, made) == "<=50K"
    names = [e["Name"] for e in studio.manage("GET", scoring, f"/{scoring.id}/endpoints").json()]
    assert names == ["default", "retrain"]


@pytest.mark.parametrize(
    ("sent", "level", "calls"), [("Low", "Low", 4), (0, "Low", 4), (1, "High", 20)]
)
def test_enums_travel_as_strings_or_integers(
    studio: Studio, scoring: Service, sent: object, level: str, calls: int
) -> None:
    made = studio.endpoint(scoring, ThrottleLevel=sent)

    assert (made["ThrottleLevel"], made["MaxConcurrentCalls"]) == (level, calls)


def test_patch_merges_the_other_properties(studio: Studio, scoring: Service) -> None:
    studio.endpoint(scoring, Description="kept", MaxConcurrentCalls=30)
    path = f"/{scoring.id}/endpoints/retrain"

    answer = studio.manage("PATCH", scoring, path, {"DiagnosticsTraceLevel": 2})
    too_many = studio.manage("PATCH", scoring, path, {"MaxConcurrentCalls": 201})

    now = _endpoint(studio, scoring)
    assert answer.status_code == 200
    assert (now["Description"], now["MaxConcurrentCalls"]) == ("kept", 30)
    assert now["DiagnosticsTraceLevel"] == "All"
    assert details(too_many)[2] == ["WebServiceTooManyConcurrentRequestRequirement"]


def test_an_endpoint_is_deleted_but_the_default_not_before_the_others(
    studio: Studio, scoring: Service
) -> None:
    studio.endpoint(scoring)
    path = f"/{scoring.id}/endpoints"

    default = studio.manage("DELETE", scoring, f"{path}/default")
    deleted = studio.manage("DELETE", scoring, f"{path}/retrain")

    assert details(default)[:2] == (400, "InvalidOperation")
    assert deleted.status_code == 200
    assert studio.manage("GET", scoring, f"{path}/retrain").status_code == 404


def test_a_resource_name_holds_a_no_break_space_where_the_real_one_does(
    studio: Studio, scoring: Service
) -> None:
    endpoint = studio.endpoint(scoring)

    assert [resource["Name"] for resource in endpoint["Resources"]] == [
        "Census\u00a0[trained model]"
    ]
    assert endpoint["Resources"][0]["Kind"] == "TrainedModel"


def test_a_patched_model_is_read_back_at_once_and_answers_when_it_has_propagated(
    studio: Studio, scoring: Service, turned: Json
) -> None:
    endpoint = studio.endpoint(scoring)

    answer = studio.patch(scoring, "retrain", turned)

    location = _endpoint(studio, scoring)["Resources"][0]["Location"]
    assert answer.status_code == 200
    assert location["BaseLocation"] == turned["BaseLocation"]
    assert location["RelativeLocation"] == turned["RelativeLocation"]
    assert _label(studio, endpoint) == "<=50K"
    studio.clock.ahead = PROPAGATION - 1
    assert _label(studio, endpoint) == "<=50K"
    studio.clock.ahead = PROPAGATION + 1
    assert _label(studio, endpoint) == ">50K"


def test_batch_scoring_uses_the_new_model_when_it_has_propagated(
    studio: Studio, scoring: Service, turned: Json
) -> None:
    endpoint = studio.endpoint(scoring)
    studio.patch(scoring, "retrain", turned)
    body = {"Inputs": {"input1": studio.put("row.csv", "age,workclass,hours\n30,Private,40\n")}}

    def label() -> str:
        status = studio.run(endpoint["ApiLocation"], endpoint["PrimaryKey"], body)
        return studio.get(status["Results"]["output1"]).decode().splitlines()[1].split(",")[3]

    before = label()
    studio.clock.ahead = PROPAGATION + 1

    assert (before, label()) == ("<=50K", ">50K")


def test_an_endpoints_own_key_may_patch_it(studio: Studio, scoring: Service, turned: Json) -> None:
    endpoint = studio.endpoint(scoring)
    body = {"Resources": [{"Name": scoring.resource, "Kind": 0, "Location": turned}]}
    path = f"/{scoring.id}/endpoints/retrain"

    answer = studio.manage("PATCH", scoring, path, body, key=endpoint["SecondaryKey"])

    assert answer.status_code == 200


def test_the_model_is_copied_so_that_its_blob_may_vanish(studio: Studio, scoring: Service) -> None:
    results = studio.train(census(300, turned=True), output1=studio.place("model.ilearner"))
    endpoint = studio.endpoint(scoring)

    studio.patch(scoring, "retrain", results["output1"]).raise_for_status()
    studio.blobs.get_blob_client(studio.container, "model.ilearner").delete_blob()

    studio.clock.ahead = PROPAGATION + 1
    assert _label(studio, endpoint) == ">50K"


def test_refresh_with_overwriting_restores_what_was_published(
    studio: Studio, scoring: Service, turned: Json
) -> None:
    endpoint = studio.endpoint(scoring)
    path = f"/{scoring.id}/endpoints/retrain/refresh"
    overwrite = {"OverwriteResources": "True"}
    studio.patch(scoring, "retrain", turned)
    studio.clock.ahead = PROPAGATION + 1

    kept = studio.manage("POST", scoring, path, {"OverwriteResources": "False"})
    done = studio.manage("POST", scoring, path, overwrite)
    again = studio.manage("POST", scoring, path, overwrite)

    assert [kept.status_code, done.status_code, again.status_code] == [304, 200, 304]
    assert _label(studio, endpoint) == ">50K"
    studio.clock.ahead = 2 * PROPAGATION + 2
    assert _label(studio, endpoint) == "<=50K"
    assert _endpoint(studio, scoring)["Resources"] == endpoint["Resources"]


def test_the_default_endpoint_takes_no_model_and_no_refresh(
    studio: Studio, scoring: Service, turned: Json
) -> None:
    patched = studio.patch(scoring, "default", turned)
    refreshed = studio.manage("POST", scoring, f"/{scoring.id}/endpoints/default/refresh", {})

    assert details(patched)[:2] == (400, "InvalidOperation")
    assert details(refreshed)[:2] == (400, "InvalidOperation")


def test_a_training_service_has_no_updatable_resources(studio: Studio, turned: Json) -> None:
    training = studio.publish("training")
    endpoint = studio.endpoint(training)

    answer = studio.patch(training, "retrain", turned)

    assert endpoint["Resources"] == []
    assert details(answer)[:2] == (400, "InvalidOperation")
    assert "no updatable resources" in answer.text


def test_a_resource_name_must_match_to_the_character(
    studio: Studio, scoring: Service, turned: Json
) -> None:
    studio.endpoint(scoring)

    for name in ("Census [trained model]", "Census?[trained model]", "census\u00a0[trained model]"):
        answer = studio.patch(scoring, "retrain", turned, resource=name)
        assert details(answer)[:2] == (400, "BadArgument")


def test_a_patch_of_which_one_resource_is_refused_changes_nothing(
    studio: Studio, scoring: Service, turned: Json
) -> None:
    endpoint = studio.endpoint(scoring)
    names = (scoring.resource, "another")
    body = {"Resources": [{"Name": name, "Location": turned} for name in names]}

    answer = studio.manage("PATCH", scoring, f"/{scoring.id}/endpoints/retrain", body)

    assert answer.status_code == 400
    assert _endpoint(studio, scoring)["Resources"] == endpoint["Resources"]


@pytest.mark.parametrize("data", [b"", b"garbage", b"PK\x03\x04"])
def test_what_is_no_model_is_refused_and_the_endpoint_serves_on(
    studio: Studio, scoring: Service, data: bytes
) -> None:
    endpoint = studio.endpoint(scoring)

    answer = studio.patch(scoring, "retrain", studio.put("bad.ilearner", data))

    assert details(answer) == (500, "InternalError", ["UpdateWebServiceResourceFailed"])
    assert _label(studio, endpoint) == "<=50K"
    assert _endpoint(studio, scoring)["Resources"] == endpoint["Resources"]


def test_a_model_whose_sas_has_expired_is_refused(studio: Studio, scoring: Service) -> None:
    studio.endpoint(scoring)
    training = studio.publish("training")
    job = studio.submit(training.api, training.key, {"Input": studio.put("train.csv", census(100))})
    studio.start(training.api, training.key, job)
    studio.ended(training.api, training.key, job)

    studio.fault({"expire_sas": True}, plane="jobs")
    expired = studio.poll(training.api, training.key, job)["Results"]["output1"]
    fresh = studio.poll(training.api, training.key, job)["Results"]["output1"]

    answer = studio.patch(scoring, "retrain", expired)
    assert details(answer) == (500, "InternalError", ["ResourceDownload"])
    assert "sig=" not in answer.text
    assert studio.patch(scoring, "retrain", fresh).status_code == 200


def test_a_model_of_other_columns_is_taken_and_fails_when_it_scores(
    studio: Studio, scoring: Service
) -> None:
    endpoint = studio.endpoint(scoring)
    other = census(300).replace("age,", "height,", 1)

    answer = studio.patch(scoring, "retrain", studio.train(other)["output1"])

    studio.clock.ahead = PROPAGATION + 1
    scored = studio.score(endpoint, YOUNG)
    assert answer.status_code == 200
    assert details(scored) == (400, "ModuleExecutionError", ["ColumnNotFound"])
    assert scored.json()["error"]["details"][0]["target"] == "Score Model"
    assert studio.score(endpoint, {**YOUNG, "height": 30}).status_code == 200


def test_a_deleted_service_is_gone_with_its_endpoints(studio: Studio, scoring: Service) -> None:
    assert studio.manage("DELETE", scoring, f"/{scoring.id}").status_code == 200

    assert studio.manage("GET", scoring, f"/{scoring.id}").status_code == 404
    assert (
        studio.score({"ApiLocation": scoring.api, "PrimaryKey": scoring.key}, YOUNG).status_code
        == 404
    )
