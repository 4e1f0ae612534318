"""What is promised of the exchanges in `tests/recorded/classic`: the client speaks each of them."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_aml_retrain.errors import JobFailed, RetrainError, UnexpectedAnswer
from airflow_aml_retrain.wire.blobs import ModelBlob, blob_of, choose_model
from airflow_aml_retrain.wire.classic import ClassicVerbs
from airflow_aml_retrain.wire.conversation import Conversation, Request, Response
from airflow_aml_retrain.wire.endpoints import EndpointVerbs, WebService, Workspace
from airflow_aml_retrain.wire.jobs import JobId, JobState
from airflow_aml_retrain.wire.rrs import Format
from airflow_aml_retrain.wire.secret import Secret
from tests.wire.rehearsal import rehearse

FOLDER = Path(__file__).parent.parent / "recorded" / "classic"
EXCHANGES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
WORKSPACE_ID = "471400d1577e4e5d8b1f2a9c3d4e5f60"
JOB = JobId("539d0bc2fde945b6ac986b851d0000f0")
API = f"/workspaces/{WORKSPACE_ID}/services/ac1be256f0c94b0f9d6c1f0e2b3a4d5c"
WORKSPACE = Workspace(f"/workspaces/{WORKSPACE_ID}")
CENSUS = WebService("0cecb787a9e04f1b8c2d3e4f5a6b7c8d", "Census", "default")
TRAINING = WebService("7be5f10a2c3d4e5f8091a2b3c4d5e6f7", "Census", "default")
RETRAIN = EndpointVerbs(WORKSPACE.endpoint_url(CENSUS, "retrain"))
VERBS = ClassicVerbs(API)
SWAGGER = ClassicVerbs(API, format=Format.SWAGGER)
NAME = "Census Model\u00a0[trained model]"
ROWS = [{"age": "39"}]

Said = Callable[[], Conversation[Any]]
"""`Any`, since each verb returns something of its own."""


def submitted(name: str) -> Said:
    """The submit of the blobs that the exchange itself names."""
    inputs = EXCHANGES[name]["request"]["body"]["Inputs"]
    blobs = {each: blob_of(reference) for each, reference in inputs.items()}
    return partial(VERBS.submit, blobs, {"Random seed": "42"})


def patched() -> Said:
    location = EXCHANGES["management_endpoint_patch"]["request"]["body"]["Resources"][0]["Location"]
    return partial(RETRAIN.patch, NAME, blob_of(location))


SAID: dict[str, Said] = {
    "bes_submit": submitted("bes_submit"),
    "bes_submit_unknown_input": submitted("bes_submit_unknown_input"),
    "bes_submit_no_extension": submitted("bes_submit_no_extension"),
    "bes_submit_wrong_key": submitted("bes_submit_wrong_key"),
    "bes_start": partial(VERBS.start, JOB),
    "bes_start_twice": partial(VERBS.start, JOB),
    "bes_status_not_started": partial(VERBS.poll, JOB),
    "bes_status_running": partial(VERBS.poll, JOB),
    "bes_status_finished": partial(VERBS.outputs, JOB),
    "bes_status_finished_renamed": partial(VERBS.outputs, JOB),
    "bes_status_integer": partial(VERBS.outputs, JOB),
    "bes_status_failed": partial(VERBS.outputs, JOB),
    "bes_status_cancelled": partial(VERBS.poll, JOB),
    "bes_cancel": partial(VERBS.cancel, JOB),
    "rrs_execute_table": partial(VERBS.score, ROWS),
    "rrs_execute_table_details": partial(VERBS.score, ROWS),
    "rrs_execute_swagger": partial(SWAGGER.score, ROWS),
    "rrs_throttled": partial(VERBS.score, ROWS),
    "management_services": WORKSPACE.services,
    "management_service": RETRAIN.default,
    "management_service_not_found": EndpointVerbs(
        WORKSPACE.endpoint_url(WebService("f" * 32, "", ""), "retrain")
    ).default,
    "management_wrong_token": WORKSPACE.services,
    "management_endpoints": partial(WORKSPACE.endpoints, CENSUS),
    "management_endpoint": RETRAIN.read,
    "management_endpoint_training": partial(WORKSPACE.endpoint, TRAINING),
    "management_endpoint_create": partial(
        WORKSPACE.create_endpoint,
        CENSUS,
        "retrain",
        description="for retraining",
        max_concurrent_calls=4,
    ),
    "management_endpoint_patch": patched(),
    "management_endpoint_refresh": RETRAIN.refresh,
    "management_endpoint_refresh_unchanged": RETRAIN.refresh,
    "management_endpoint_delete": partial(WORKSPACE.delete_endpoint, CENSUS, "retrain"),
}

# We do not ask for the types of columns; that they may come is tried all the same.
ASKED_OTHERWISE = {"rrs_execute_table_details": f"POST {API}/execute?api-version=2.0"}


def play(name: str, requests: list[Request] | None = None) -> Any:
    """Say what belongs to exchange *name*, and be answered as it is answered there."""
    came = EXCHANGES[name]["response"]
    body = b"" if came["body"] is None else json.dumps(came["body"]).encode()
    return rehearse(SAID[name](), [Response(came["status"], body)] * 99, None, requests)


def understood(name: str) -> tuple[Any, list[Request]]:
    requests: list[Request] = []
    try:
        return play(name, requests), requests
    except RetrainError as exc:
        return exc, requests


def test_every_exchange_is_spoken_and_every_word_is_recorded() -> None:
    assert set(SAID) == set(EXCHANGES)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_request_is_the_one_that_was_written_down(name: str) -> None:
    written = EXCHANGES[name]["request"]

    _, requests = understood(name)

    line = f"{written['method']} {written['uri']}"
    assert requests[0].line == ASKED_OTHERWISE.get(name, line)
    assert json.loads(json.dumps(requests[0].body, default=Secret.reveal)) == written["body"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_answer_is_an_error_exactly_when_its_status_or_its_job_says_so(name: str) -> None:
    status = EXCHANGES[name]["response"]["status"]

    came, _ = understood(name)

    fails = status >= 400 or name == "bes_status_failed"
    assert isinstance(came, RetrainError) == fails


@pytest.mark.parametrize(
    "name", [name for name, each in EXCHANGES.items() if each["response"]["status"] >= 400]
)
def test_a_refusal_is_told_with_the_codes_of_the_service(name: str) -> None:
    error = EXCHANGES[name]["response"]["body"]["error"]

    came, _ = understood(name)

    why = came if isinstance(came, UnexpectedAnswer) else came.__cause__
    assert isinstance(why, UnexpectedAnswer)
    assert (why.code, why.reason) == (error["code"], error["message"])
    assert [code for code, _ in why.details] == [each["code"] for each in error["details"]]


@pytest.mark.parametrize(
    "name", ["bes_status_finished", "bes_status_finished_renamed", "bes_status_integer"]
)
def test_the_model_is_found_and_its_token_is_unchanged(name: str) -> None:
    results = EXCHANGES[name]["response"]["body"]["Results"].values()
    written = next(each for each in results if each["RelativeLocation"].endswith(".ilearner"))

    model: ModelBlob = choose_model(play(name))

    assert model.location == written["BaseLocation"] + written["RelativeLocation"]
    assert model.sas == Secret(written["SasBlobToken"])


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("bes_status_not_started", JobState.WAITING),
        ("bes_status_running", JobState.RUNNING),
        ("bes_status_cancelled", JobState.CANCELLED),
    ],
)
def test_the_state_is_read(name: str, state: JobState) -> None:
    assert play(name).state is state


def test_a_failed_run_is_told_in_the_services_own_words() -> None:
    with pytest.raises(JobFailed, match="Http status code: 400"):
        play("bes_status_failed")


@pytest.mark.parametrize(
    "name", ["rrs_execute_table", "rrs_execute_table_details", "rrs_execute_swagger"]
)
def test_scores_are_keyed_by_column(name: str) -> None:
    assert play(name) == [{"age": "39", "Scored Labels": "<=50K", "Scored Probabilities": "0.92"}]


def test_endpoints_are_read_with_their_no_break_space() -> None:
    endpoints = play("management_endpoints")

    assert [each.name for each in endpoints] == ["default", "retrain"]
    assert all(list(each.resources) == [NAME] for each in endpoints)
    assert play("management_endpoint_training").resources == {}
    assert play("management_endpoint_create") == play("management_endpoint")


def test_services_are_read_with_their_default_endpoint() -> None:
    assert [each.default_endpoint for each in play("management_services")] == ["default"] * 2
    assert play("management_service").url.endswith("/endpoints/default")


def test_nothing_that_was_understood_shows_a_key_or_a_signature() -> None:
    told = "".join(repr(understood(name)) for name in EXCHANGES)

    assert "SIGNATURE" not in told
    assert "P" * 86 not in told
