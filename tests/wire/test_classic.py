"""What is promised of publishing: only to an endpoint that can keep the model, and said why not."""

import pytest

from airflow_aml_retrain.errors import BadInput, NoSuchName, NotUpdatable, UnexpectedAnswer
from airflow_aml_retrain.wire.blobs import ModelBlob, Serving, reference_of
from airflow_aml_retrain.wire.classic import ClassicVerbs
from airflow_aml_retrain.wire.conversation import Credential, Request, Response
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.verbs import Verbs
from tests.wire.rehearsal import answered, refused, rehearse

API = "https://region.services.azureml.net/workspaces/w/services/e1"
SERVICE = "https://management.test/workspaces/w/webservices/s1"
RETRAIN = f"{SERVICE}/endpoints/retrain"
VERBS = ClassicVerbs(API, RETRAIN, Credential.WORKSPACE_TOKEN)
MODEL = ModelBlob("https://a.test/", "e/m.ilearner", Secret("?sig=x"))
OLD = ModelBlob("https://a.test/", "e/old.ilearner")
NAME = "Census\u00a0[trained model]"
REFUSED = refused(401, "Unauthorized", "no", ManagementRequestUnauthorized="Unauthorized")


def endpoint(*resources: str, name: str = "retrain") -> Response:
    location = {"BaseLocation": "https://a.test/", "RelativeLocation": "e/old.ilearner"}
    listed = [{"Name": each, "Location": location} for each in resources]
    return answered({"Name": name, "ApiLocation": API, "Resources": listed})


def service(default: str = "default") -> Response:
    return answered({"Id": "s1", "Name": "Census", "DefaultEndpointName": default})


def test_it_can_be_told_all_that_a_backend_is_told() -> None:
    verbs: Verbs = VERBS

    assert rehearse(verbs.serving(), [endpoint(NAME)]) == Serving({NAME: OLD})


@pytest.mark.parametrize("resource", [NAME, None])
def test_publishing_looks_first_and_then_patches(resource: str | None) -> None:
    steps: list[str] = []
    requests: list[Request] = []

    rehearse(
        VERBS.publish(MODEL, resource), [endpoint(NAME), service(), Response(202)], steps, requests
    )

    assert steps == [f"GET {RETRAIN}", f"GET {SERVICE}", f"PATCH {RETRAIN}"]
    assert requests[-1].body == {"Resources": [{"Name": NAME, "Location": reference_of(MODEL)}]}


def test_the_default_endpoint_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(NotUpdatable, match=r"'retrain' is the default one.*create another end"):
        rehearse(VERBS.publish(MODEL), [endpoint(NAME), service(default="retrain")])


def test_an_endpoint_without_resources_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(NotUpdatable, match=r"no updatable resources.*of the predictive web ser"):
        rehearse(VERBS.publish(MODEL), [endpoint(), service()])


def test_a_name_without_its_no_break_space_is_sent_as_the_service_spells_it() -> None:
    requests: list[Request] = []
    answers = [endpoint(NAME), service(), Response(202)]

    rehearse(VERBS.publish(MODEL, "Census [trained model]"), answers, None, requests)

    assert requests[-1].body == {"Resources": [{"Name": NAME, "Location": reference_of(MODEL)}]}


def test_a_name_that_does_not_exist_is_refused_and_the_real_one_shown() -> None:
    with pytest.raises(NoSuchName, match=r"'Census\?\[trained.*: 'Census\\xa0\[trained") as caught:
        rehearse(VERBS.publish(MODEL, "Census?[trained model]"), [endpoint(NAME), service()])

    assert caught.value.existing == (NAME,)


def test_of_several_resources_none_is_guessed() -> None:
    with pytest.raises(BadInput, match="expected one updatable resource, got 2"):
        rehearse(VERBS.publish(MODEL), [endpoint("a", "b"), service()])


def test_what_is_no_model_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(BadInput, match=r"expected a trained model \(.ilearner\), got https://a.t"):
        rehearse(VERBS.publish(ModelBlob("https://a.test/", "c/eval.csv"), NAME), [])


def test_a_key_that_may_not_read_publishes_to_the_resource_it_was_told() -> None:
    verbs = ClassicVerbs(API, RETRAIN, Credential.SERVICE_KEY)
    requests: list[Request] = []

    rehearse(verbs.publish(MODEL, NAME), [REFUSED, REFUSED, Response(200)], None, requests)

    assert requests[-1].method == "PATCH"
    assert {each.credential for each in requests} == {Credential.SERVICE_KEY}


def test_a_key_that_may_not_read_needs_to_be_told_the_resource() -> None:
    with pytest.raises(BadInput, match="name the resource"):
        rehearse(VERBS.publish(MODEL), [REFUSED, REFUSED])


def test_a_key_that_may_not_read_is_still_kept_from_the_default_endpoint() -> None:
    verbs = ClassicVerbs(API, f"{SERVICE}/endpoints/default", Credential.SERVICE_KEY)

    with pytest.raises(NotUpdatable, match="'default' is the default one"):
        rehearse(verbs.publish(MODEL, NAME), [REFUSED, REFUSED])


def test_a_service_that_is_not_there_is_no_lack_of_rights() -> None:
    with pytest.raises(UnexpectedAnswer, match="WebServiceNotFound"):
        rehearse(VERBS.publish(MODEL, NAME), [refused(404, "NotFound", "", WebServiceNotFound="")])


def test_what_restoring_leads_to_is_what_the_default_endpoint_serves() -> None:
    steps: list[str] = []

    published = rehearse(
        VERBS.published(), [service("first one"), endpoint(NAME, name="first one")], steps
    )

    assert published == Serving({NAME: OLD})
    assert steps[1] == f"GET {SERVICE}/endpoints/first%20one"


def test_where_it_may_not_be_read_nobody_knows_what_was_published() -> None:
    assert rehearse(VERBS.published(), [REFUSED, REFUSED]) == Serving({})


def test_restoring_refreshes_with_the_experiments_own_model() -> None:
    requests: list[Request] = []

    rehearse(VERBS.restore(), [Response(304)], None, requests)

    assert requests[0].line == f"POST {RETRAIN}/refresh"


def test_without_a_patch_url_the_model_is_out_of_reach() -> None:
    verbs = ClassicVerbs(API)

    for conversation in (verbs.publish(MODEL, NAME), verbs.restore(), verbs.published()):
        with pytest.raises(NotUpdatable, match=r"the PATCH URL of https.* is not known"):
            rehearse(conversation, [])


@pytest.mark.parametrize("status", [401, 404])
def test_a_fresh_endpoint_is_given_time_before_it_scores(status: int) -> None:
    fresh = ClassicVerbs(API, settling=60.0)
    scored = answered({"Results": {"output1": [{"a": "1"}]}})

    assert rehearse(fresh.score([{"a": 1}]), [*[answered(None, status)] * 4, scored]) == [
        {"a": "1"}
    ]
