"""What is promised of the *Test* buttons: they really ask, and say in a sentence what they saw."""

from typing import Any

import pytest

from airflow_aml_retrain.demo.control import Emulator, Json
from airflow_aml_retrain.hooks.service import AmlServiceHook
from airflow_aml_retrain.hooks.studio import AmlStudioHook
from tests.hooks.conftest import Connect


@pytest.fixture(autouse=True)
def nothing_fails(emulator: Emulator) -> None:
    emulator.control.clear_faults()


def asked_since(emulator: Emulator, before: int) -> list[str]:
    return [f"{seen['method']} {seen['status']}" for seen in emulator.control.requests(before)]


def last_request(emulator: Emulator) -> int:
    return max((seen["n"] for seen in emulator.control.requests()), default=0)


def test_a_good_token_lists_the_web_services(aml_studio: str, emulator: Emulator) -> None:
    before = last_request(emulator)

    well, saw = AmlStudioHook(aml_studio).test_connection()

    assert well, saw
    assert saw.startswith("The workspace knows the token and has ")
    assert "'Census'" in saw
    assert "GET 200" in asked_since(emulator, before)


def test_a_wrong_token_is_said(connection: Connect, studio: Json) -> None:
    extra = {"workspace_id": studio["workspace_id"]}
    conn_id = connection("aml_studio", host=studio["url"], password="wrong", extra=extra)

    assert AmlStudioHook(conn_id).test_connection() == (
        False,
        "The workspace refused the token (HTTP 401).",
    )


def test_a_good_key_is_known_by_a_job_that_cannot_exist(aml_service: str) -> None:
    well, saw = AmlServiceHook(aml_service).test_connection()

    assert well
    assert saw == (
        "The batch service knows the API key; "
        "without a PATCH URL it can retrain and score, not promote."
    )


def test_a_wrong_key_is_said(connection: Connect, studio: Json) -> None:
    url = studio["service"]["api_location"]
    conn_id = connection("aml_service", host=url, password="d3Jvbmc=")

    assert AmlServiceHook(conn_id).test_connection() == (
        False,
        "The service refused the API key (HTTP 401).",
    )


def test_a_patch_url_is_tried_as_well(connection: Connect, studio: Json, aml_studio: str) -> None:
    hook = AmlStudioHook(aml_studio)
    backend = hook.ensure_endpoint("Census", "tried")
    with hook.workspace() as manager:
        service = manager.run(manager.workspace.service("Census"))
        endpoint = manager.run(manager.workspace.endpoint(service, "tried"))
        patch_url = manager.workspace.endpoint_url(service, "tried")
    conn_id = connection(
        "aml_service",
        conn_id="tried",
        host=backend.api_url,
        password=endpoint.primary_key.reveal(),
        extra={"patch_url": patch_url},
    )

    well, saw = AmlServiceHook(conn_id).test_connection()

    assert well
    assert "the endpoint can be updated: 'Census [trained model]'" in saw


@pytest.mark.parametrize(
    ("conn_type", "fields", "said"),
    [
        ("aml_studio", {"password": "t"}, "connection 'aml': set extra 'region'"),
        ("aml_service", {"password": "t"}, "connection 'aml': set its host to the service URL"),
    ],
)
def test_a_form_that_is_not_filled_in_is_said(
    connection: Connect, conn_type: str, fields: dict[str, Any], said: str
) -> None:
    conn_id = connection(conn_type, **fields)
    hook = AmlStudioHook(conn_id) if conn_type == "aml_studio" else AmlServiceHook(conn_id)

    well, saw = hook.test_connection()

    assert not well
    assert saw.startswith(said)


def test_a_host_that_is_not_allowed_gets_no_key(connection: Connect) -> None:
    conn_id = connection(
        "aml_service", host="http://emulator.test/workspaces/w/services/s", password="k"
    )

    well, saw = AmlServiceHook(conn_id).test_connection()

    assert not well
    assert "add 'emulator.test' to insecure_hosts" in saw


def test_an_answer_that_makes_no_sense_is_no_success(aml_service: str, emulator: Emulator) -> None:
    emulator.control.fail_next({"status": 418, "code": "Teapot"}, plane="jobs")

    well, saw = AmlServiceHook(aml_service).test_connection()

    assert not well
    assert "got 418" in saw
