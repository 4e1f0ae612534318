"""What is promised of the emulator as a whole: its page, its log, its TLS, and what it is not."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_aml_retrain.emulator.__main__ import main
from airflow_aml_retrain.emulator.app import ROUTES
from airflow_aml_retrain.emulator.refusals import documented
from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from airflow_aml_retrain.emulator.tls import Certificate
from tests.emulator.studio import VERSION, Studio, census, details

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from airflow_aml_retrain.demo.azurite import Azurite


def test_the_page_says_what_runs(studio: Studio) -> None:
    scoring = studio.publish("scoring", name="<Census> & co")
    training = studio.publish("training")
    studio.run(training.api, training.key, {"Input": studio.put("t.csv", census(60))})

    page = requests.get(f"{studio.url}/", timeout=30).text

    assert "&lt;Census&gt; &amp; co" in page
    assert scoring.api in page
    assert scoring.key in page
    assert "Finished" in page
    assert "src=" not in page
    assert "href=" not in page


@pytest.mark.parametrize(
    ("method", "path", "feature"),
    [
        ("GET", "/subscriptions/s/resourceGroups/g", "Azure Resource Manager"),
        ("POST", "/workspaces/w/services/s/score", "RRS of version 1"),
        ("PUT", "/workspaces/w/webservices/s", "publishing code"),
        ("GET", "/apihelp/workspaces/w/webservices/s/endpoints/e", "help pages"),
        ("GET", "/nowhere", "GET /nowhere"),
    ],
)
def test_what_is_not_emulated_says_so(studio: Studio, method: str, path: str, feature: str) -> None:
    answer = requests.request(method, studio.url + path, timeout=30)

    assert details(answer) == (501, "NotImplemented", [])
    assert feature in answer.text


def test_every_route_is_listed_in_one_place() -> None:
    assert "POST /workspaces/{workspace}/services/{guid}/jobs/{job}/start" in ROUTES
    assert len(set(ROUTES)) == len(ROUTES)


def test_the_documented_errors_are_all_there() -> None:
    assert len(documented()) == 18
    assert sum(len(error.details) for error in documented().values()) == 110


def test_no_log_shows_a_credential(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "airflow_aml_retrain")
    scoring = studio.publish("scoring")
    model = studio.train(census(100))["output1"]
    studio.endpoint(scoring)

    studio.patch(scoring, "retrain", model).raise_for_status()

    said = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("airflow_aml"))
    assert f"PATCH /workspaces/{scoring.workspace}" in said
    for secret in (scoring.key, scoring.token, "sig=", "AccountKey"):
        assert secret not in said


def test_it_serves_tls_with_an_authority_of_its_own(azurite: "Azurite", state: Path) -> None:
    command = [
        *(sys.executable, "-m", "airflow_aml_retrain.emulator", "--tls", "--workers", "1"),
        *("--storage", azurite.connection_string, "--state", str(state)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own command
        try:
            assert running.stdout is not None
            url = running.stdout.readline().split()[-1].rstrip("/")
            authority = running.stdout.readline().split()[-1]
            health = f"{url}/_emulator/health"
            trusting = requests.get(health, verify=authority, timeout=60)
            with pytest.raises(requests.exceptions.SSLError):
                requests.get(health, timeout=60)
        finally:
            running.kill()

    assert url.startswith("https://127.0.0.1:")
    assert trusting.json() == {"status": "ok"}


def test_a_certificate_is_kept_so_that_a_restart_keeps_its_trust(state: Path) -> None:
    before = Certificate.kept_in(state).chain.read_bytes()

    assert Certificate.kept_in(state).chain.read_bytes() == before


def test_fifty_requests_a_second_are_answered_while_models_are_trained(studio: Studio) -> None:
    service = studio.publish("training")
    body = {"Input": studio.put("big.csv", census(15_000))}
    jobs = [studio.submit(service.api, service.key, body) for _ in range(4)]
    for job in jobs:
        studio.start(service.api, service.key, job)

    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {service.key}"
        url = f"{service.api}/jobs/{jobs[-1]}{VERSION}"
        answers = [session.get(url, timeout=30) for _ in range(50)]

    # The time is not asserted, since who knows what else this machine does: each was answered,
    # though all workers were busy.
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json()["StatusCode"] == "Running"
    for job in jobs:
        assert studio.ended(service.api, service.key, job)["StatusCode"] == "Finished"


def test_the_help_names_every_setting_and_every_gap(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    said = capsys.readouterr().out
    for name in ("--storage", "--state", "--propagation", "--tls", "unknown_job", "jobs_kept"):
        assert name in said


def test_a_gap_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--storage", "x", "--state", "y", "--gap", "unknown_jobs=NotFound"])

    assert "there is no gap 'unknown_jobs'" in capsys.readouterr().err


def test_a_connection_string_of_nobodys_storage_stops_it_at_the_start(
    state: Path, blob_service: "BlobServiceClient"
) -> None:
    with pytest.raises(ValueError, match="onnection string"):
        Served(EmulatorSettings(storage="nonsense", state=state))
