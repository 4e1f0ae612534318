"""What is promised of batch jobs: the service's words, in both spellings, and nothing guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import (
    BadInput,
    JobCancelled,
    JobFailed,
    ServiceUnavailable,
    UnexpectedAnswer,
    UnknownJobStatus,
    WireError,
)
from airflow_aml_retrain.wire.bes import STATES, BatchExecution
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.conversation import Credential, Request, Response
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState, started, wait
from airflow_aml_retrain.wire.secret import Secret
from tests.wire.rehearsal import Answer, answered, refused, rehearse

API = "https://bes.test/workspaces/w/services/s"
BES, JOB = BatchExecution(API), JobId("j1")
POLL = f"GET {API}/jobs/j1?api-version=2.0"
START = f"POST {API}/jobs/j1/start?api-version=2.0"
TRAIN = ModelBlob("https://a.test/", "c/train.csv", Secret("?sig=x"))
SPELLINGS = list(enumerate(STATES.items()))


def saying(status: object, **rest: object) -> Response:
    return answered({"StatusCode": status, "Results": None, "Details": None, **rest})


def test_a_submit_sends_the_blob_in_three_parts_and_returns_the_id() -> None:
    requests: list[Request] = []

    job = rehearse(BES.submit({"input1": TRAIN}, {"Seed": "42"}), [answered("j1")], None, requests)

    assert job == "j1"
    assert requests[0].line == f"POST {API}/jobs?api-version=2.0"
    assert requests[0].credential is Credential.SERVICE_KEY
    assert requests[0].body == {
        "Inputs": {
            "input1": {
                "ConnectionString": None,
                "BaseLocation": "https://a.test/",
                "RelativeLocation": "c/train.csv",
                "SasBlobToken": Secret("?sig=x"),
            }
        },
        "Outputs": {},
        "GlobalParameters": {"Seed": "42"},
    }


def test_a_submit_whose_answer_was_lost_is_repeated() -> None:
    steps: list[str] = []
    lost = ServiceUnavailable("no answer")

    rehearse(BES.submit({}, {}), [lost, answered("j1")], steps)

    assert len(steps) == 3


@pytest.mark.parametrize("body", [b"", b"OK", b"<html>", b"{}"])
def test_the_bodies_of_start_and_cancel_do_not_matter(body: bytes) -> None:
    requests: list[Request] = []

    rehearse(BES.start(JOB), [Response(200, body)], None, requests)
    rehearse(BES.cancel(JOB), [Response(204, body)], None, requests)

    assert [each.line for each in requests] == [START, f"DELETE {API}/jobs/j1?api-version=2.0"]
    assert [each.body for each in requests] == [None, None]


@pytest.mark.parametrize(("number", "row"), SPELLINGS)
def test_both_spellings_of_every_status_are_understood(
    number: int, row: tuple[str, JobState]
) -> None:
    word, state = row

    for status in (word, number):
        report = rehearse(BES.poll(JOB), [saying(status, Extra=1, Details="why")])
        assert report == JobReport(JOB, state, "why")


@given(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers().filter(lambda number: number not in range(5))
    | st.text().filter(lambda word: word not in STATES)
    | st.lists(st.integers())
)
def test_a_status_nobody_documented_is_an_error_not_another_poll(status: object) -> None:
    with pytest.raises(UnknownJobStatus, match="is not one of Cancelled, Failed, Finished"):
        rehearse(wait(BES, JOB, every=5), [saying(status)])


@pytest.mark.parametrize("said", [None, [], "Finished", {"Status Code": "Finished"}, {}])
def test_an_answer_without_a_status_is_an_error(said: object) -> None:
    with pytest.raises(WireError, match="expected a status with StatusCode"):
        rehearse(BES.poll(JOB), [Response(200, b"null") if said is None else answered(said)])


def test_an_answer_that_is_not_understood_keeps_its_tokens_to_itself() -> None:
    said = {"Status": "Finished", "Results": {"o": {"SasBlobToken": "?sig=hush"}}}

    with pytest.raises(WireError, match="an object with Status, Results") as caught:
        rehearse(BES.poll(JOB), [answered(said)])

    assert "hush" not in str(caught.value)


def test_waiting_polls_and_pauses_until_the_state_is_final() -> None:
    steps: list[str] = []
    answers = [saying("NotStarted"), saying("Running"), saying("Finished")]

    report = rehearse(wait(BES, JOB, every=5), answers, steps)

    assert steps == [POLL, "pause 5", POLL, "pause 5", POLL]
    assert report.state is JobState.SUCCEEDED


def test_an_outage_never_ends_the_wait_of_a_healthy_job() -> None:
    away: list[Answer] = [answered(None, 503), ServiceUnavailable("no answer")]

    report = rehearse(wait(BES, JOB, every=5), [saying("Running"), *away * 50, saying("Finished")])

    assert report.state is JobState.SUCCEEDED


def test_results_come_by_name_with_fresh_tokens() -> None:
    result = {
        "ConnectionString": None,
        "BaseLocation": "https://a.test/",
        "RelativeLocation": "e/m.ilearner",
        "SasBlobToken": "?sv=1&sig=a%2Bb%3D",
    }
    finished = saying("Finished", Results={"trained model": result})

    outputs = rehearse(BES.outputs(JOB), [finished])

    sas = Secret("?sv=1&sig=a%2Bb%3D")
    assert outputs == {"trained model": ModelBlob("https://a.test/", "e/m.ilearner", sas)}


def test_a_service_without_outputs_has_no_results() -> None:
    assert rehearse(BES.outputs(JOB), [saying("Finished")]) == {}


@pytest.mark.parametrize("status", ["NotStarted", "Running"])
def test_a_job_that_has_not_ended_has_no_results_yet(status: str) -> None:
    with pytest.raises(BadInput, match="job j1 has no results yet"):
        rehearse(BES.outputs(JOB), [saying(status)])


def test_a_failed_job_is_told_with_the_services_own_account() -> None:
    details = "FailedToEvaluateRScript: x, Error code: LibraryExecutionError"

    with pytest.raises(JobFailed, match="job j1 failed: FailedToEvaluateRScript"):
        rehearse(BES.outputs(JOB), [saying("Failed", Details=details)])


def test_a_cancelled_job_is_told_as_such() -> None:
    with pytest.raises(JobCancelled):
        rehearse(BES.outputs(JOB), [saying("Cancelled")])


@pytest.mark.parametrize("status", ["Running", "Finished", "Failed", "Cancelled"])
def test_starting_a_job_that_runs_or_ran_already_is_as_good(status: str) -> None:
    steps: list[str] = []
    twice = refused(400, "InvalidOperation", "invalid", CannotStartJob="it is in Running state.")

    rehearse(started(BES, JOB), [twice, saying(status)], steps)

    assert steps == [START, POLL]


def test_a_job_that_could_not_be_started_is_an_error() -> None:
    wrong = refused(400, "BadArgument", "Invalid argument provided.")

    with pytest.raises(UnexpectedAnswer, match="BadArgument"):
        rehearse(started(BES, JOB), [wrong, saying("NotStarted")])
