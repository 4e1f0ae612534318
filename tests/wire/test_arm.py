"""What is promised of new web services: one uri changes, and an operation is believed in words."""

import pytest

from airflow_aml_retrain.errors import (
    BadInput,
    NotUpdatable,
    PromotionRefused,
    ServiceUnavailable,
    UnexpectedAnswer,
    UpdateFailed,
    WireError,
)
from airflow_aml_retrain.wire.arm import ArmVerbs, DefinitionVerbs
from airflow_aml_retrain.wire.blobs import ModelBlob, Serving
from airflow_aml_retrain.wire.conversation import Credential, Request, Response
from airflow_aml_retrain.wire.definition import definition_of
from airflow_aml_retrain.wire.jobs import JobId
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.verbs import Verbs
from tests.wire.new_service import (
    API,
    ASKED,
    MODEL,
    NAME,
    NEW,
    OLD,
    OPERATION,
    STORAGE,
    URL,
    VERBS,
    accepted,
    asset,
    at,
    definition,
    saying,
)
from tests.wire.rehearsal import Answer, answered, refused, rehearse

POLL = f"GET {OPERATION}"
READ = f"GET {ASKED}"
LOST = ServiceUnavailable("lost", elapsed=1.0)
FORBIDDEN = refused(
    403, "Forbidden", "Request is unauthorized.", RequestUnauthorized="Unauthorized"
)


def follow(answers: list[Answer], operation: str = OPERATION, verbs: ArmVerbs = VERBS) -> list[str]:
    """Follow *operation* to the end; what was done."""
    steps: list[str] = []
    rehearse(verbs.followed(operation, resource=NAME, location=NEW, every=5), answers, steps)
    return steps


def publish(answers: list[Answer], resource: str | None = None) -> tuple[str, list[Request]]:
    requests: list[Request] = []
    return rehearse(VERBS.publish(MODEL, resource), answers, None, requests), requests


def test_it_can_be_told_everything_that_a_backend_can() -> None:
    verbs: Verbs = VERBS

    assert verbs.lag == 60


def test_publishing_sends_the_whole_map_of_assets_with_one_uri_changed() -> None:
    operation, requests = publish([at(OLD), accepted()])

    changed = definition()["properties"]["assets"]
    changed["asset2"]["locationInfo"]["uri"] = NEW
    assert [request.line for request in requests] == [READ, f"PATCH {ASKED}"]
    assert requests[1].body == {"properties": {"packageType": "Graph", "assets": changed}}
    assert {request.credential for request in requests} == {Credential.AZURE_AD}
    assert operation == OPERATION


def test_the_token_of_the_model_is_not_sent() -> None:
    _, requests = publish([at(OLD), accepted()])

    assert "sig" not in repr(requests[1].body)


def test_publishing_without_an_operation_to_follow_returns_none() -> None:
    assert publish([at(OLD), accepted("")])[0] == ""


def test_the_operation_of_somebody_else_is_waited_for_before_publishing() -> None:
    steps: list[str] = []
    answers = [at(OLD, provisioningState="Provisioning"), at(OLD), accepted()]

    rehearse(VERBS.publish(MODEL), answers, steps)

    assert steps == [READ, "pause 5", READ, f"PATCH {ASKED}"]


def test_an_operation_that_never_ends_is_not_waited_for_without_end() -> None:
    answers = [at(OLD, provisioningState="Provisioning")] * 122

    with pytest.raises(ServiceUnavailable, match="g1/census has been Provisioning for 600 s"):
        rehearse(VERBS.serving(), answers)


def test_a_read_only_service_is_not_touched() -> None:
    with pytest.raises(NotUpdatable, match="g1/census is read-only, which the service never undo"):
        publish([at(OLD, readOnly=True)])


def test_a_service_without_a_model_is_not_touched() -> None:
    assets = {"asset1": asset("Join Data", "aml://module/1", "Module")}

    with pytest.raises(NotUpdatable, match="Join Data"):
        publish([answered(definition(assets=assets))])


def test_of_two_models_none_is_guessed_and_the_named_one_is_changed() -> None:
    assets = {"asset1": asset("A", OLD), "asset2": asset("B", OLD)}
    found = answered(definition(assets=assets))

    with pytest.raises(BadInput, match=r"name one of \('A', 'B'\)"):
        publish([found])
    _, requests = publish([found, accepted()], "B")

    assert requests[1].body == {
        "properties": {
            "packageType": "Graph",
            "assets": {"asset1": asset("A", OLD), "asset2": asset("B", NEW)},
        }
    }


def test_what_is_no_model_is_not_published() -> None:
    with pytest.raises(BadInput, match=r"expected a trained model \(\.ilearner\)"):
        rehearse(VERBS.publish(ModelBlob("https://a.test/", "c/rows.csv")), [])


def test_a_conflict_is_waited_out_and_the_same_is_sent_again() -> None:
    conflict = refused(409, "Conflict", "Another operation is in progress.")
    steps: list[str] = []

    rehearse(VERBS.publish(MODEL), [at(OLD), conflict, at(OLD), accepted()], steps)

    assert steps == [READ, f"PATCH {ASKED}", "pause 5", READ, f"PATCH {ASKED}"]


@pytest.mark.parametrize(
    "lasting",
    [
        refused(409, "ScopeLocked", "The scope cannot perform the write operation."),
        refused(409, "Conflict", "invalid", ModelOutputMetadataMismatch="Another schema."),
        refused(409),
    ],
)
def test_a_conflict_with_something_else_than_an_operation_is_told_at_once(lasting: Answer) -> None:
    steps: list[str] = []

    with pytest.raises(UnexpectedAnswer, match="got 409"):
        rehearse(VERBS.publish(MODEL), [at(OLD), lasting, at(OLD)], steps)

    assert steps == [READ, f"PATCH {ASKED}", READ]


@pytest.mark.parametrize(
    "code", ["Conflict", "ConflictingConcurrentWriteNotAllowed", "AnotherOperationInProgress"]
)
def test_a_conflict_with_an_operation_is_known_by_its_code(code: str) -> None:
    steps: list[str] = []

    rehearse(VERBS.publish(MODEL), [at(OLD), refused(409, code), at(OLD), accepted()], steps)

    assert steps == [READ, f"PATCH {ASKED}", "pause 5", READ, f"PATCH {ASKED}"]


def test_a_conflict_of_any_name_is_waited_out_while_an_operation_is_under_way() -> None:
    steps: list[str] = []
    under_way = at(OLD, provisioningState="Provisioning")
    answers = [at(OLD), refused(409, "NotNow"), under_way, at(OLD), accepted()]

    rehearse(VERBS.publish(MODEL), answers, steps)

    assert steps == [READ, f"PATCH {ASKED}", READ, "pause 5", READ, f"PATCH {ASKED}"]


def test_a_lock_that_came_after_our_own_lost_request_does_not_hide_that_we_are_done() -> None:
    assert publish([at(OLD), LOST, refused(409, "ScopeLocked"), at(NEW), at(NEW)])[0] == ""


@pytest.mark.parametrize(("wished", "waited"), [("120", "120"), ("86400", "300"), ("3", "5")])
def test_a_service_that_wants_to_be_left_alone_is_not_sent_an_update_before(
    wished: str, waited: str
) -> None:
    steps: list[str] = []
    busy = [answered(None, 429, {"retry-after": wished})] * (1 if int(wished) > 15 else 4)

    rehearse(VERBS.publish(MODEL), [at(OLD), *busy, at(OLD), accepted()], steps)

    assert steps[-3:] == [f"pause {waited}", READ, f"PATCH {ASKED}"]


def test_a_service_that_always_wants_to_be_left_alone_is_given_up_on() -> None:
    steps: list[str] = []
    busy = answered(None, 429, {"retry-after": "300"})

    with pytest.raises(ServiceUnavailable, match="gave up"):
        rehearse(VERBS.publish(MODEL), [at(OLD), busy, at(OLD), busy, at(OLD), busy], steps)

    assert steps.count("pause 300") == 2


def test_a_conflict_with_our_own_lost_request_means_that_we_are_done() -> None:
    came, requests = publish([at(OLD), LOST, refused(409, "Conflict"), at(NEW)])

    assert came == ""
    assert [request.method for request in requests] == ["GET", "PATCH", "PATCH", "GET"]


def test_a_conflict_with_a_foreign_change_overwrites_nothing() -> None:
    with pytest.raises(UnexpectedAnswer, match="Conflict"):
        publish([at(OLD), refused(409, "Conflict"), at(OLD, title="Changed by another hand")])


def test_before_an_update_is_repeated_what_became_of_the_last_try_is_read() -> None:
    steps: list[str] = []
    away = [refused(503)] * 5  # 1, 2, 4 and 8 seconds: longer than it is doubted

    rehearse(VERBS.publish(MODEL), [at(OLD), *away, at(OLD), accepted()], steps)

    assert steps[-3:] == ["pause 5", READ, f"PATCH {ASKED}"]


def test_after_an_outage_a_foreign_change_is_not_overwritten() -> None:
    away = [refused(503)] * 5

    with pytest.raises(ServiceUnavailable, match="gave up"):
        publish([at(OLD), *away, at(OLD, title="Changed by another hand")])


def test_a_model_that_was_replaced_meanwhile_is_not_overwritten() -> None:
    steps: list[str] = []
    publishing = VERBS.publish(MODEL, NAME, instead_of={f"{STORAGE}/judged.ilearner"})

    with pytest.raises(PromotionRefused, match=r"serves .*old\.ilearner, not .*judged\.ilearner"):
        rehearse(publishing, [at(OLD)], steps)

    assert steps == [READ]


def test_an_update_that_finds_fault_is_not_repeated() -> None:
    why = refused(400, "BadRequest", "invalid", CannotChangeStorageAccount="The StorageAccount")

    with pytest.raises(UnexpectedAnswer, match="CannotChangeStorageAccount"):
        publish([at(OLD), why])


def test_an_operation_is_polled_until_its_word_says_that_it_succeeded() -> None:
    answers: list[Answer] = [
        saying("Provisioning", percentComplete=0.0),
        saying("Provisioning", percentComplete=1.0),
        saying("Succeeded", percentComplete=0.8888888888888888),
    ]

    assert follow(answers) == [POLL, "pause 5", POLL, "pause 5", POLL]


@pytest.mark.parametrize("shape", ["errorInfo", "error"])
def test_an_operation_that_failed_is_told_in_the_services_words(shape: str) -> None:
    error = {"code": "BadModel", "message": "cannot be read"}

    with pytest.raises(UpdateFailed, match="of web service g1/census failed: BadModel: cannot be"):
        follow([saying("Provisioning"), saying("Failed", **{shape: error})])


def test_an_outage_does_not_end_an_operation() -> None:
    answers: list[Answer] = [refused(503), LOST, refused(500), saying("Succeeded")]

    assert follow(answers) == [POLL, "pause 1", POLL, "pause 2", POLL, "pause 4", POLL]


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (saying("Paused"), "'Paused', is not one of"),
        (saying("InProgress"), "'InProgress', is not one of"),
        (answered({"percentComplete": 1.0}), "expected an operation with a status"),
        (answered(None, 202), "expected JSON, got ''"),
        (Response(200, b"<html>"), "expected JSON, got '<html>'"),
        (refused(400, "BadRequest"), "got 400: BadRequest"),
        (refused(410, "Gone"), "got 410: Gone"),
        (refused(501, "No"), "got 501: No"),
    ],
)
def test_what_an_operation_says_beyond_its_protocol_is_an_error_that_names_it(
    answer: Answer, came: str
) -> None:
    steps: list[str] = []
    following = VERBS.followed(OPERATION, resource=NAME, location=NEW, every=5)

    with pytest.raises(WireError) as caught:
        rehearse(following, [answer], steps)

    assert steps == [POLL]
    assert str(caught.value).startswith(POLL)
    assert came in str(caught.value)


def test_a_state_that_nobody_documented_is_an_error_and_not_another_reading() -> None:
    steps: list[str] = []
    following = VERBS.followed("", resource=NAME, location=NEW, every=5)
    paused = at(OLD, provisioningState="Paused")

    with pytest.raises(WireError, match=rf"GET {URL}: .*'Paused', is not one of"):
        rehearse(following, [at(OLD), paused], steps)

    assert steps == [READ, "pause 5", READ]


def test_a_token_that_ends_during_the_operation_is_renewed_once() -> None:
    expired = refused(401, "ExpiredAuthenticationToken")

    assert follow([expired, saying("Succeeded")]) == [POLL, f"{POLL} with a renewed key"]


def test_an_operation_in_another_region_of_the_resource_manager_is_asked() -> None:
    elsewhere = OPERATION.replace("management.azure", "westcentralus.management.azure")

    assert follow([saying("Succeeded")], elsewhere) == [f"GET {elsewhere}"]


@pytest.mark.parametrize(
    "operation",
    [
        "",
        "https://ussouthcentral.webservicesrp.azureml.net/subscriptions/s1/o?api-version=2.0",
        OPERATION.replace("https", "http"),
        OPERATION.replace("azure.com", "azure.com:8443"),
        OPERATION.replace("azure.com", "azure.com.evil.test"),
        OPERATION.replace("management.", "evilmanagement."),
        OPERATION.replace("https://", "https://evil.test\\@"),
        OPERATION.replace("https://", "https://user@"),
        OPERATION.replace("azure.com", "azure.com:port"),
    ],
)
def test_a_foreign_host_is_never_asked_and_the_service_is_read_instead(operation: str) -> None:
    assert follow([at(OLD), at(NEW)], operation) == [READ, "pause 5", READ]


@pytest.mark.parametrize("status", [403, 404])
def test_an_operation_that_refuses_us_is_replaced_by_reading(status: int) -> None:
    refusal = FORBIDDEN if status == 403 else refused(404, "NotFound")

    assert follow([refusal, at(NEW)]) == [POLL, READ]


def test_an_operation_that_refuses_a_new_token_too_is_replaced_by_reading() -> None:
    unauthorized = refused(401, "InvalidAuthenticationToken")

    assert follow([unauthorized, unauthorized, at(NEW)])[-1] == READ


def test_reading_does_not_believe_a_failed_state_which_may_be_an_earlier_operations() -> None:
    failed = at(OLD, provisioningState="Failed")

    assert follow([failed, failed, at(NEW)], "") == [READ, "pause 5", READ, "pause 5", READ]


def test_reading_ends_after_two_minutes_and_leaves_the_verdict_to_verification() -> None:
    steps = follow([at(OLD)] * 25, "")

    assert (steps.count(READ), steps.count("pause 5")) == (25, 24)


def test_what_serves_is_read_once_nothing_is_under_way() -> None:
    answers = [at(OLD, provisioningState="Provisioning"), at(NEW)]

    serving = rehearse(VERBS.serving(), answers)

    assert {name: model.location for name, model in serving.models.items()} == {NAME: NEW}


def test_there_is_no_published_model_to_go_back_to() -> None:
    assert rehearse(VERBS.published(), []) == Serving({})
    with pytest.raises(NotUpdatable, match="publish the archived one instead"):
        rehearse(VERBS.restore(), [])


def test_keys_are_read_with_get_and_wrapped() -> None:
    steps: list[str] = []

    keys = rehearse(VERBS.definition.keys(), [answered({"primary": "a", "secondary": "b"})], steps)

    assert (keys.primary, keys.secondary) == (Secret("a"), Secret("b"))
    assert steps == [f"GET {URL}/listKeys?api-version=2017-01-01"]
    with pytest.raises(WireError, match="expected keys"):
        rehearse(VERBS.definition.keys(), [answered({"keys": []})])


@pytest.mark.parametrize("body", [b'{"primary":"hunter2","secon', b"hunter2"])
def test_an_answer_with_keys_that_cannot_be_read_is_not_quoted(body: bytes) -> None:
    with pytest.raises(WireError, match="bytes that are none") as caught:
        rehearse(VERBS.definition.keys(), [Response(200, body)])

    assert caught.value.__cause__ is None
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (answered(None, 202, {"azure-asyncoperation": OPERATION}), OPERATION),
        (answered(None, 204), ""),
        (refused(404, "NotFound"), ""),
    ],
)
def test_a_service_that_is_gone_already_is_deleted_as_well(answer: Answer, came: str) -> None:
    assert rehearse(VERBS.definition.delete(), [answer]) == came


def test_an_update_of_more_than_three_megabytes_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BadInput, match=r"is 4\d{6} bytes, and the service takes 3145728"):
        rehearse(VERBS.definition.update({"assets": {"a": "x" * 4_000_000}}), [])


def test_a_created_service_may_not_be_found_at_first() -> None:
    verbs = DefinitionVerbs(URL)
    body = {"location": "South Central US", "properties": {"packageType": "Graph"}}
    answers: list[Answer] = [refused(404, "NotFound"), at(OLD)]
    steps: list[str] = []

    operation = rehearse(verbs.create(body), [accepted("")], steps)
    following = verbs.followed(operation, every=5, seen=lambda _: True, settling=60)
    rehearse(following, answers, steps)

    assert steps == [f"PUT {ASKED}", READ, "pause 1", READ]


def test_jobs_and_answers_go_to_the_service_with_its_own_key() -> None:
    requests: list[Request] = []
    results = {"Results": {"output1": [{"Scored Labels": "a"}]}}
    job = JobId("j1")
    model = {"BaseLocation": "https://a.test/", "RelativeLocation": "c/m.ilearner"}
    done = {"StatusCode": "Finished", "Results": {"output2": model}}

    rehearse(VERBS.score([{"age": "39"}]), [answered(results)], None, requests)
    rehearse(VERBS.submit({}, {}), [answered("j1")], None, requests)
    rehearse(VERBS.start(job), [answered(None)], None, requests)
    rehearse(VERBS.poll(job), [answered({"StatusCode": "Running"})], None, requests)
    rehearse(VERBS.outputs(job), [answered(done)], None, requests)
    rehearse(VERBS.cancel(job), [answered(None, 204)], None, requests)

    jobs = f"{API}/jobs"
    assert [request.line.removesuffix("?api-version=2.0") for request in requests] == [
        f"POST {API}/execute",
        f"POST {jobs}",
        f"POST {jobs}/j1/start",
        f"GET {jobs}/j1",
        f"GET {jobs}/j1",
        f"DELETE {jobs}/j1",
    ]
    assert {request.credential for request in requests} == {Credential.SERVICE_KEY}


def test_the_service_itself_is_where_its_definition_says() -> None:
    assert definition_of(definition()).api_url == API
