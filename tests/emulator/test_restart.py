"""What is promised of a restart: nothing is lost, and nothing starts that was not started."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from airflow_aml_retrain.emulator.refusals import Answer
from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings, Gaps
from tests.emulator.studio import HandClock, Lent, Service, Studio, census, details

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from airflow_aml_retrain.demo.azurite import Azurite

Start = Callable[..., Studio]
ROW = {"age": 30, "workclass": "Private", "hours": "40"}


@pytest.fixture
def start(
    azurite: "Azurite",
    blob_service: "BlobServiceClient",
    container: str,
    state: Path,
    lent: Lent,
) -> Iterator[Start]:
    """Starts an emulator on the same state; the one before is stopped. Only *own* workers end."""
    with ExitStack() as running:

        def start(*, own: bool = False, **settings: Any) -> Studio:
            running.close()
            storage = azurite.connection_string
            wanted = EmulatorSettings(
                storage=storage, state=state, workers=1, propagation=0.0, **settings
            )
            served = running.enter_context(Served(wanted, trainer=None if own else lent))
            return Studio(served.url, storage, container, blob_service, HandClock())

        yield start


def _moved(service: Service, studio: Studio) -> Service:
    """The same service on the port of now."""
    path = service.api.split("/workspaces/", 1)[1]
    return dataclasses.replace(service, api=f"{studio.url}/workspaces/{path}")


def test_services_endpoints_models_and_jobs_are_there_after_a_restart(start: Start) -> None:
    studio = start()
    training, scoring = studio.publish("training"), studio.publish("scoring")
    body = {"Input": studio.put("train.csv", census(300, turned=True))}
    done = studio.submit(training.api, training.key, body)
    created = studio.submit(training.api, training.key, body)
    studio.start(training.api, training.key, done)
    model = studio.ended(training.api, training.key, done)["Results"]["output1"]
    endpoint = studio.endpoint(scoring)
    studio.patch(scoring, "retrain", model).raise_for_status()
    said = studio.score(endpoint, ROW).json()

    studio = start()

    training = _moved(training, studio)
    again = studio.manage("GET", scoring, f"/{scoring.id}/endpoints/retrain").json()
    assert again["PrimaryKey"] == endpoint["PrimaryKey"]
    assert studio.score(again, ROW).json() == said
    assert studio.poll(training.api, training.key, done)["StatusCode"] == "Finished"
    assert studio.poll(training.api, training.key, created)["StatusCode"] == "NotStarted"


@contextmanager
def _process(azurite: "Azurite", state: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [
        *(sys.executable, "-m", "airflow_aml_retrain.emulator", "--workers", "1"),
        *("--storage", azurite.connection_string, "--state", str(state)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own command
        try:
            assert running.stdout is not None
            yield running.stdout.readline().split()[-1].rstrip("/"), running
        finally:
            running.kill()


def test_a_job_that_ran_when_the_emulator_was_killed_runs_again_and_leaves_no_orphan(
    start: Start,
    azurite: "Azurite",
    blob_service: "BlobServiceClient",
    container: str,
    state: Path,
) -> None:
    with _process(azurite, state) as (url, process):
        studio = Studio(url, azurite.connection_string, container, blob_service, HandClock())
        training = studio.publish("training")
        job = studio.submit(
            training.api, training.key, {"Input": studio.put("big.csv", census(20_000))}
        )
        studio.start(training.api, training.key, job)
        assert studio.poll(training.api, training.key, job)["StatusCode"] == "Running"
        workers = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=30)

    studio = start()

    training = _moved(training, studio)
    assert alive == []
    assert studio.ended(training.api, training.key, job)["StatusCode"] == "Finished"
    assert [seen["started"] for seen in studio.control("GET", "jobs").json()] == [1]


def test_interrupted_jobs_may_fail_instead(start: Start) -> None:
    studio = start(own=True)
    training = studio.publish("training")
    body = {"Input": studio.put("big.csv", census(40_000))}
    job = studio.submit(training.api, training.key, body)
    studio.start(training.api, training.key, job)

    studio = start(interrupted_jobs="fail")

    training = _moved(training, studio)
    status = studio.poll(training.api, training.key, job)
    assert status["StatusCode"] == "Failed"
    assert "WorkerUnreachable" in status["Details"]


def test_a_worker_that_dies_is_replaced_and_its_job_done_once_more(start: Start) -> None:
    others = set(psutil.Process().children(recursive=True))
    studio = start(own=True)
    training = studio.publish("training")
    body = {"Input": studio.put("big.csv", census(10_000))}
    job = studio.submit(training.api, training.key, body)
    studio.start(training.api, training.key, job).raise_for_status()

    children = set(psutil.Process().children(recursive=True)) - others
    [worker] = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
    worker.kill()

    assert studio.ended(training.api, training.key, job)["StatusCode"] == "Finished"


def test_so_many_jobs_run_at_a_time_and_the_others_wait_their_turn(start: Start) -> None:
    studio = start(jobs_at_a_time=2)
    training = studio.publish("training")
    body = {"Input": studio.put("train.csv", census(10_000))}
    jobs = [studio.submit(training.api, training.key, body) for _ in range(4)]

    for job in jobs:
        studio.start(training.api, training.key, job).raise_for_status()

    waiting = [job for job in studio.control("GET", "jobs").json() if job["queued"]]
    assert {job["status"] for job in waiting} == {"NotStarted"}
    assert 1 <= len(waiting) <= 2
    assert details(studio.start(training.api, training.key, jobs[3]))[2] == ["CannotStartJob"]
    cancelled = studio.data(
        "DELETE", f"{training.api}/jobs/{jobs[3]}?api-version=2.0", training.key
    )
    assert cancelled.status_code == 200
    ends = [studio.ended(training.api, training.key, job)["StatusCode"] for job in jobs]
    assert ends == ["Finished", "Finished", "Finished", "Cancelled"]


def test_the_gaps_of_the_protocol_are_settings(start: Start) -> None:
    gaps = Gaps(
        unknown_job=Answer("BadArgument", "MissingJobId"),
        start_status=204,
        cancel_status=202,
        write_status=204,
        cancelled_jobs="gone",
        job_times=True,
        blobs_checked_on_submit=False,
        table_type="DataTable",
        unknown_resource=Answer("InternalError", "InvalidWebServiceResources"),
        swagger_after=3600,
    )
    studio = start(gaps=gaps, polls_until_done=2)
    training, scoring = studio.publish("training"), studio.publish("scoring")
    api, key = training.api, training.key
    missing = studio.submit(api, key, {"Input": studio.place("nowhere.csv")})

    assert studio.start(api, key, missing).status_code == 204
    status = studio.ended(api, key, missing)
    assert status["Details"].startswith("BlobNotFound: Unable to access the provided Azure blob")
    assert status["CreatedAt"] < status["EndTime"]
    gone = studio.submit(api, key, {"Input": studio.place("nowhere.csv")})
    url = f"{api}/jobs/{gone}?api-version=2.0"
    assert studio.data("DELETE", url, key).status_code == 202
    assert details(studio.data("GET", url, key)) == (400, "BadArgument", ["MissingJobId"])
    assert studio.data("GET", f"{api}/swagger.json", "").status_code == 404
    endpoint = studio.endpoint(scoring)
    refused = studio.patch(scoring, "retrain", {}, resource="x")
    assert details(refused) == (500, "InternalError", ["InvalidWebServiceResources"])
    table = {"Inputs": {"input1": {"ColumnNames": list(ROW), "Values": [list(ROW.values())]}}}
    url = f"{endpoint['ApiLocation']}/execute?api-version=2.0"
    said = studio.data("POST", url, endpoint["PrimaryKey"], table).json()
    assert said["Results"]["output1"]["type"] == "DataTable"
    deleted = studio.manage("DELETE", scoring, f"/{scoring.id}/endpoints/retrain")
    assert deleted.status_code == 204


def test_a_done_job_shows_as_running_for_as_many_polls_as_are_set(start: Start) -> None:
    studio = start(polls_until_done=3)
    training = studio.publish("training")
    job = studio.submit(training.api, training.key, {"Input": studio.put("t.csv", census(60))})
    studio.start(training.api, training.key, job)

    studio.ended(training.api, training.key, job)

    [seen] = studio.control("GET", "jobs").json()
    assert seen["polls"] >= 4


def test_a_job_keeps_its_place_for_as_long_as_jobs_are_set_to_take(start: Start) -> None:
    studio = start(job_time=1.5, jobs_at_a_time=1)
    training = studio.publish("training")
    body = {"Input": studio.put("t.csv", census(60))}
    jobs = [studio.submit(training.api, training.key, body) for _ in range(2)]
    for job in jobs:
        studio.start(training.api, training.key, job).raise_for_status()

    for job in jobs:
        studio.ended(training.api, training.key, job)

    first, second = studio.control("GET", "jobs").json()
    assert first["ended_at"] - first["started_at"] >= 1.5
    assert second["ended_at"] - first["ended_at"] >= 1.5


def test_health_is_said(start: Start) -> None:
    studio = start()

    assert requests.get(f"{studio.url}/_emulator/health", timeout=30).json() == {"status": "ok"}
