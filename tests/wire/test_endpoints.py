"""What is promised of endpoint management: names from the service's own lists, bodies unread."""

import pytest

from airflow_aml_retrain.errors import BadInput, NoSuchName, UnexpectedAnswer, WireError
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.conversation import Credential, Request, Response
from airflow_aml_retrain.wire.endpoints import EndpointVerbs, WebService, Workspace
from airflow_aml_retrain.wire.secret import Secret
from tests.wire.rehearsal import answered, refused, rehearse

URL = "https://management.test/workspaces/w"
WORKSPACE = Workspace(URL)
CENSUS = WebService("s1", "Census", "default")
RETRAIN = f"{URL}/webservices/s1/endpoints/retrain"
MODEL = ModelBlob("https://a.test/", "e/m.ilearner", Secret("?sv=1&sig=a%2Bb%3D"))
NAME = "Census\u00a0[trained model]"


def service(**more: object) -> dict[str, object]:
    return {"Id": "s1", "Name": "Census", "DefaultEndpointName": "default", **more}


def endpoint(name: str = "retrain", **more: object) -> dict[str, object]:
    location = {"BaseLocation": "https://a.test/", "RelativeLocation": "e/old.ilearner"}
    return {
        "Name": name,
        "WebServiceId": "s1",
        "ApiLocation": "https://region.services.azureml.net/workspaces/w/services/e1",
        "PrimaryKey": "primary",
        "SecondaryKey": "secondary",
        "Resources": [{"Name": NAME, "Kind": "TrainedModel", "Location": location}],
        **more,
    }


def test_a_service_is_found_by_its_id_and_by_its_name() -> None:
    listed = answered([service(Id="s0", Name="s1"), service()])

    assert rehearse(WORKSPACE.service("Census"), [listed]) == CENSUS
    assert rehearse(WORKSPACE.service("s1"), [listed]) == CENSUS


def test_an_unknown_service_is_an_error_that_names_those_that_exist() -> None:
    listed = answered([service(), service(Id="s2", Name="Flights")])

    with pytest.raises(NoSuchName, match="no web service named 'census'") as caught:
        rehearse(WORKSPACE.service("census"), [listed])

    assert caught.value.existing == ("Census", "Flights")


def test_of_two_services_with_one_name_none_is_guessed() -> None:
    with pytest.raises(BadInput, match=r"2 web services are named 'Census'.*: s1, s2"):
        rehearse(WORKSPACE.service("Census"), [answered([service(), service(Id="s2")])])


def test_an_endpoint_is_read_with_its_keys_wrapped_and_its_models_located() -> None:
    requests: list[Request] = []

    found = rehearse(WORKSPACE.endpoint(CENSUS, "retrain"), [answered(endpoint())], None, requests)

    assert requests[0].line == f"GET {RETRAIN}"
    assert requests[0].credential is Credential.WORKSPACE_TOKEN
    assert (found.name, found.service_id) == ("retrain", "s1")
    assert found.api_url == "https://region.services.azureml.net/workspaces/w/services/e1"
    assert (found.primary_key, found.secondary_key) == (Secret("primary"), Secret("secondary"))
    assert found.resources == {NAME: "https://a.test/e/old.ilearner"}


def test_no_endpoint_named_means_the_default_one() -> None:
    steps: list[str] = []

    rehearse(WORKSPACE.endpoint(CENSUS), [answered(endpoint("default"))], steps)

    assert steps == [f"GET {URL}/webservices/s1/endpoints/default"]


def test_an_unknown_endpoint_is_an_error_that_names_those_that_exist() -> None:
    listed = answered([endpoint("default"), endpoint("retrain")])
    missing = refused(404, "NotFound", "Resource not found.")

    with pytest.raises(NoSuchName, match=r"no endpoint named 'prod'.*: 'default', 'retrain'"):
        rehearse(WORKSPACE.endpoint(CENSUS, "prod"), [missing, listed])


def test_a_refused_token_is_no_missing_endpoint() -> None:
    wrong = refused(401, "Unauthorized", "no", ManagementRequestUnauthorized="Unauthorized")

    with pytest.raises(UnexpectedAnswer, match="ManagementRequestUnauthorized"):
        rehearse(WORKSPACE.endpoint(CENSUS, "prod"), [wrong, wrong])


@pytest.mark.parametrize("resources", [None, [], {}])
def test_an_endpoint_of_a_training_service_has_no_models(resources: object) -> None:
    said = answered(endpoint(Resources=resources))

    assert rehearse(EndpointVerbs(RETRAIN).read(), [said]).models == {}


def test_creating_sends_what_was_asked_and_waits_until_the_endpoint_is_found() -> None:
    steps: list[str] = []
    requests: list[Request] = []
    answers = [Response(201), answered(None, 404), answered(None, 404), answered(endpoint())]

    found = rehearse(
        WORKSPACE.create_endpoint(CENSUS, "retrain", description="d", max_concurrent_calls=4),
        answers,
        steps,
        requests,
    )

    assert found.name == "retrain"
    assert requests[0].line == f"PUT {RETRAIN}"
    assert requests[0].body == {"Description": "d", "ThrottleLevel": "Low", "MaxConcurrentCalls": 4}
    assert steps.count(f"GET {RETRAIN}") == 3


def test_a_number_of_calls_that_was_not_asked_for_is_not_sent() -> None:
    requests: list[Request] = []

    rehearse(
        WORKSPACE.create_endpoint(CENSUS, "retrain", throttle_level="High"),
        [Response(200), answered(endpoint())],
        None,
        requests,
    )

    assert requests[0].body == {"Description": "", "ThrottleLevel": "High"}


@pytest.mark.parametrize("status", [200, 202, 204, 404])
def test_deleting_an_endpoint_that_is_gone_is_as_good(status: int) -> None:
    steps: list[str] = []

    rehearse(WORKSPACE.delete_endpoint(CENSUS, "retrain"), [Response(status)], steps)

    assert steps == [f"DELETE {RETRAIN}"]


def test_a_patch_names_the_resource_and_the_three_parts_of_the_location() -> None:
    requests: list[Request] = []

    rehearse(
        WORKSPACE.patch(CENSUS, "retrain", NAME, MODEL), [Response(200, b"<p>")], None, requests
    )

    assert requests[0].line == f"PATCH {RETRAIN}"
    assert requests[0].body == {
        "Resources": [
            {
                "Name": NAME,
                "Location": {
                    "BaseLocation": "https://a.test/",
                    "RelativeLocation": "e/m.ilearner",
                    "SasBlobToken": Secret("?sv=1&sig=a%2Bb%3D"),
                },
            }
        ]
    }


@pytest.mark.parametrize("detail", ["UpdateWebServiceResourceFailed", "InvalidWebServiceResources"])
def test_a_model_that_will_not_do_is_not_sent_for_ten_minutes(detail: str) -> None:
    steps: list[str] = []
    no_model = refused(500, "InternalError", "no", **{detail: "e/m.ilearner is no model."})

    with pytest.raises(UnexpectedAnswer, match=rf"\[{detail}: e/m.ilearner is no model\.\]"):
        rehearse(EndpointVerbs(RETRAIN).patch(NAME, MODEL), [no_model] * 99, steps)

    assert steps.count(f"PATCH {RETRAIN}") == 5


@pytest.mark.parametrize("status", [200, 202, 304])
def test_a_refresh_overwrites_and_may_find_nothing_changed(status: int) -> None:
    requests: list[Request] = []

    rehearse(WORKSPACE.refresh(CENSUS, "retrain"), [Response(status)], None, requests)

    assert requests[0].line == f"POST {RETRAIN}/refresh"
    assert requests[0].body == {"OverwriteResources": "True"}


def test_304_is_no_answer_to_anything_else() -> None:
    with pytest.raises(UnexpectedAnswer, match="got 304"):
        rehearse(EndpointVerbs(RETRAIN).patch(NAME, MODEL), [Response(304)])


def test_odd_names_become_one_segment_of_the_url() -> None:
    odd = WebService("s/1", "x", "default")

    url = WORKSPACE.endpoint_url(odd, "a b\u00a0/c?")

    assert url == f"{URL}/webservices/s%2F1/endpoints/a%20b%C2%A0%2Fc%3F"


@pytest.mark.parametrize("said", [[], {}, {"Name": "e"}, "x", {"PrimaryKey": "hush"}])
def test_what_is_no_endpoint_is_an_error_without_its_keys(said: object) -> None:
    with pytest.raises(WireError, match="expected an endpoint") as caught:
        rehearse(EndpointVerbs(RETRAIN).read(), [answered(said)])

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("resources", ["x", [{}], [{"Name": "r"}], [{"Name": "r", "Location": {}}]])
def test_resources_in_another_shape_are_an_error(resources: object) -> None:
    with pytest.raises(WireError, match="expected"):
        rehearse(EndpointVerbs(RETRAIN).read(), [answered(endpoint(Resources=resources))])


@pytest.mark.parametrize("said", [{}, "x", [{"Id": "s1"}], [7]])
def test_what_is_no_list_of_services_is_an_error(said: object) -> None:
    with pytest.raises(WireError, match="expected"):
        rehearse(WORKSPACE.services(), [answered(said)])
