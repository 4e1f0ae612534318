"""What is promised of trouble made to order, and of the log that tests count with."""

import time

import pytest
import requests

from tests.emulator.studio import VERSION, Json, Service, Studio, census, details


@pytest.fixture(scope="module")
def known() -> dict[str, Service]:
    return {}


@pytest.fixture
def training(studio: Studio, known: dict[str, Service]) -> Service:
    if "training" not in known:
        known["training"] = studio.publish("training")
    return known["training"]


def _created(studio: Studio, service: Service) -> str:
    return studio.submit(service.api, service.key, _body(studio))


def _body(studio: Studio) -> Json:
    return {"Inputs": {"input1": studio.put("train.csv", census(60))}}


def _seen(studio: Studio, since: int) -> list[tuple[str, int]]:
    log = studio.control("GET", f"requests?since={since}").json()
    return [(seen["method"], seen["status"]) for seen in log if seen["plane"] == "jobs"]


def _last(studio: Studio) -> int:
    return int(studio.control("GET", "requests").json()[-1]["n"])


def test_the_next_answers_fail_as_often_as_was_asked(studio: Studio, training: Service) -> None:
    job = _created(studio, training)
    do = {"status": 503, "code": "ServiceUnavailable", "detail": "RequestThrottled"}
    studio.fault({**do, "headers": {"Retry-After": "7"}}, plane="jobs", method="GET", times=2)
    url = f"{training.api}/jobs/{job}{VERSION}"

    answers = [studio.data("GET", url, training.key) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert details(answers[0]) == (503, "ServiceUnavailable", ["RequestThrottled"])
    assert answers[0].headers["Retry-After"] == "7"
    assert studio.control("GET", "faults").json() == []


def test_a_fault_waits_for_a_request_that_matches(studio: Studio, training: Service) -> None:
    job = _created(studio, training)
    studio.fault({"status": 500}, plane="jobs", method="DELETE", path=job)

    assert studio.poll(training.api, training.key, job)["StatusCode"] == "NotStarted"
    assert len(studio.control("GET", "faults").json()) == 1
    deleted = studio.data("DELETE", f"{training.api}/jobs/{job}{VERSION}", training.key)
    assert details(deleted) == (500, "InternalError", [])


def test_a_dropped_connection_has_no_answer_and_did_nothing(
    studio: Studio, training: Service
) -> None:
    job = _created(studio, training)
    studio.fault({"drop": True}, plane="jobs")
    since = _last(studio)

    with pytest.raises(requests.ConnectionError):
        studio.start(training.api, training.key, job)

    assert studio.poll(training.api, training.key, job)["StatusCode"] == "NotStarted"
    assert _seen(studio, since) == [("POST", 0), ("GET", 200)]


def test_an_answer_can_be_lost_after_the_deed(studio: Studio, training: Service) -> None:
    job = _created(studio, training)
    studio.fault({"drop": True, "after": True}, plane="jobs", method="POST")

    with pytest.raises(requests.ConnectionError):
        studio.start(training.api, training.key, job)

    assert studio.ended(training.api, training.key, job)["StatusCode"] == "Finished"


def test_an_answer_can_be_slow(studio: Studio, training: Service) -> None:
    job = _created(studio, training)
    studio.fault({"delay": 0.3}, plane="jobs")
    began = time.monotonic()

    status = studio.poll(training.api, training.key, job)

    assert status["StatusCode"] == "NotStarted"
    assert time.monotonic() - began >= 0.3


def test_a_job_can_be_made_to_fail(studio: Studio, training: Service) -> None:
    studio.fault({"fail_job": "FailedToEvaluateRScript: no"}, plane="jobs")

    status = studio.run(training.api, training.key, _body(studio))

    assert (status["StatusCode"], status["Results"]) == ("Failed", None)
    assert status["Details"] == "FailedToEvaluateRScript: no"


def test_a_sas_can_be_made_an_old_one(studio: Studio, training: Service) -> None:
    job = _created(studio, training)
    studio.start(training.api, training.key, job)
    studio.ended(training.api, training.key, job)
    studio.fault({"expire_sas": True})

    expired = studio.poll(training.api, training.key, job)["Results"]["output1"]

    with pytest.raises(requests.HTTPError, match="403"):
        studio.get(expired)


@pytest.mark.parametrize("how", [True, "served"])
def test_a_patch_can_be_accepted_and_ignored(studio: Studio, how: object) -> None:
    scoring = studio.publish("scoring")
    endpoint = studio.endpoint(scoring)
    model = studio.train(census(300, turned=True))["output1"]
    row = {"age": 30, "workclass": "Private", "hours": "40"}
    before = studio.score(endpoint, row).json()
    studio.fault({"ignore_patch": how})

    answer = studio.patch(scoring, "retrain", model)

    studio.clock.ahead = 3600
    now = studio.manage("GET", scoring, f"/{scoring.id}/endpoints/retrain").json()
    shown = now["Resources"][0]["Location"]["RelativeLocation"] == model["RelativeLocation"]
    assert answer.status_code == 200
    assert shown is (how == "served")
    assert studio.score(endpoint, row).json() == before


def test_faults_can_be_cleared_and_a_misspelt_one_is_refused(studio: Studio) -> None:
    studio.fault({"drop": True})

    assert studio.control("DELETE", "faults").status_code == 204
    assert studio.control("GET", "faults").json() == []
    refused = studio.control("POST", "faults", {"do": {"droop": True}})
    assert refused.status_code == 400
    assert "droop" in refused.text


def test_the_log_counts_and_holds_no_query(studio: Studio, training: Service) -> None:
    since = _last(studio)

    studio.poll(training.api, training.key, "x")

    log = studio.control("GET", f"requests?since={since}").json()
    path = training.api.removeprefix(studio.url)
    assert log[-1] | {"n": 0} == {
        "n": 0,
        "method": "GET",
        "path": f"{path}/jobs/x",
        "status": 404,
        "plane": "jobs",
    }
