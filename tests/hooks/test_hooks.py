"""What is promised of connections: read once, plain about what is missing, silent about keys."""

import json
from typing import Any

import pytest
from airflow.sdk import BaseHook, Connection
from airflow.sdk._shared.secrets_masker import redact

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.demo.control import Emulator, Json
from airflow_aml_retrain.errors import BadInput, NoSuchName, NotConfigured
from airflow_aml_retrain.hooks import service as service_hook
from airflow_aml_retrain.hooks import studio as studio_hook
from airflow_aml_retrain.hooks.retrain import abackend_for, backend_for
from airflow_aml_retrain.hooks.service import AmlServiceHook
from airflow_aml_retrain.hooks.studio import AmlStudioHook
from airflow_aml_retrain.wire.conversation import Credential
from tests.hooks.conftest import Connect

SERVICE_URL = "https://ussouthcentral.services.azureml.net/workspaces/w1/services/e1"
PATCH_URL = "https://management.azureml.net/workspaces/w1/webservices/s1/endpoints/retrain"


def conn(conn_type: str, extra: object = None, **fields: Any) -> Connection:
    said = extra if isinstance(extra, str) else json.dumps(extra or {})
    return Connection(conn_id="aml", conn_type=conn_type, extra=said, **fields)


def test_a_hook_asks_nobody_anything_until_it_is_used() -> None:
    assert AmlStudioHook("no_such_connection").conn_id == "no_such_connection"
    assert AmlServiceHook("no_such_connection").conn_id == "no_such_connection"


@pytest.mark.parametrize(
    ("given", "management"),
    [
        ({"extra": {"region": "europewest"}}, "europewest"),
        ({"host": "https://management.azureml.net"}, "https://management.azureml.net"),
        ({"host": "management.azureml.net"}, "https://management.azureml.net"),
        (
            {"extra": {"management_url": "http://127.0.0.1:1/", "region": "japaneast"}},
            "http://127.0.0.1:1/",
        ),
    ],
)
def test_a_workspace_is_found_by_region_or_by_url(given: dict[str, Any], management: str) -> None:
    extra = {"workspace_id": "w1", **given.pop("extra", {})}

    settings = studio_hook.settings_of(conn("aml_studio", extra, password="t", **given))

    assert (settings.management_url, settings.workspace_id) == (management, "w1")


def test_what_the_old_form_saved_with_a_prefix_is_read_as_well() -> None:
    extra = {"extra__aml_studio__workspace_id": "w1", "extra__aml_studio__region": "japaneast"}

    settings = studio_hook.settings_of(conn("aml_studio", extra, password="t"))

    assert (settings.management_url, settings.workspace_id) == ("japaneast", "w1")


@pytest.mark.parametrize("said", ["emulator, other:8080", ["emulator", "other:8080"]])
def test_insecure_hosts_are_a_list_or_a_line(said: object) -> None:
    extra = {"workspace_id": "w1", "region": "japaneast", "insecure_hosts": said}

    settings = studio_hook.settings_of(conn("aml_studio", extra, password="t"))

    assert settings.insecure_hosts == ("emulator", "other:8080")


@pytest.mark.parametrize(
    ("given", "what_to_do"),
    [
        ({"extra": {"region": "japaneast"}, "password": "t"}, "set extra 'workspace_id'"),
        ({"extra": {"workspace_id": "w1"}, "password": "t"}, "set extra 'region'"),
        ({"extra": {"workspace_id": "w1", "region": "japaneast"}}, "set its password to the"),
        ({"extra": "{", "password": "t"}, "its extra is not JSON"),
        ({"extra": "[]", "password": "t"}, "expected a JSON object as its extra"),
    ],
)
def test_what_a_workspace_lacks_is_said_with_what_to_set(
    given: dict[str, Any], what_to_do: str
) -> None:
    with pytest.raises(NotConfigured) as missing:
        studio_hook.settings_of(conn("aml_studio", **given))

    assert str(missing.value).startswith("connection 'aml': ")
    assert what_to_do in str(missing.value)


@pytest.mark.parametrize(
    ("given", "what_to_do"),
    [
        ({"password": "k"}, "set its host to the service URL of the help page"),
        ({"host": SERVICE_URL}, "set its password to the endpoint's API key"),
    ],
)
def test_what_a_service_lacks_is_said_with_what_to_set(
    given: dict[str, Any], what_to_do: str
) -> None:
    with pytest.raises(NotConfigured, match="connection 'aml': " + what_to_do):
        service_hook.settings_of(conn("aml_service", **given))


@pytest.mark.parametrize("copied", [SERVICE_URL, f"{SERVICE_URL}/jobs?api-version=2.0"])
def test_a_service_url_is_taken_as_it_was_copied(connection: Connect, copied: str) -> None:
    backend = AmlServiceHook(connection("aml_service", host=copied, password="k")).get_conn()

    assert backend.api_url == SERVICE_URL


def test_a_url_of_something_else_is_refused_by_the_name_of_the_connection(
    connection: Connect,
) -> None:
    conn_id = connection("aml_service", host="https://example.com/model", password="k")

    with pytest.raises(NotConfigured, match="connection 'aml': expected a URL like"):
        AmlServiceHook(conn_id).get_conn()


def test_a_patch_url_of_another_endpoint_than_the_task_names_is_refused(
    connection: Connect,
) -> None:
    conn_id = connection(
        "aml_service", host=SERVICE_URL, password="k", extra={"patch_url": PATCH_URL}
    )

    assert backend_for(conn_id, "Census", "retrain").api_url == SERVICE_URL
    with pytest.raises(NotConfigured, match="is that of endpoint 'retrain', not of 'other'"):
        backend_for(conn_id, "Census", "other")


def test_a_connection_of_another_type_is_refused(connection: Connect) -> None:
    with pytest.raises(
        NotConfigured, match="expected one of type aml_studio, aml_service, azure, got"
    ):
        backend_for(connection("http", host="example.com"))


def test_a_workspace_wants_to_know_which_service(aml_studio: str) -> None:
    with pytest.raises(NotConfigured, match=r"name the web service \(service=\.\.\.\)"):
        backend_for(aml_studio)


def test_a_workspace_looks_its_endpoints_up(aml_studio: str, studio: Json) -> None:
    backend = backend_for(aml_studio, "Census")

    assert backend.api_url == studio["service"]["api_location"]
    assert [row["Scored Labels"] for row in backend.run(backend.verbs.score([{"age": 50}]))]


def test_a_name_that_does_not_exist_is_answered_with_those_that_do(aml_studio: str) -> None:
    with pytest.raises(NoSuchName, match=r"no web service named 'Consensus'.*'Census'"):
        backend_for(aml_studio, "Consensus")


async def test_a_trigger_never_reads_a_connection_in_a_blocking_way(
    aml_studio: str, aml_service: str, studio: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocks(conn_id: str) -> Connection:
        raise AssertionError(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", blocks)

    backend = await abackend_for(aml_service)

    assert backend.api_url == studio["service"]["api_location"]


async def test_triggers_reach_a_workspace_too(aml_studio: str, studio: Json) -> None:
    backend = await abackend_for(aml_studio, "Census")

    assert backend.api_url == studio["service"]["api_location"]


def test_keys_that_were_looked_up_are_masked_in_logs(aml_studio: str, studio: Json) -> None:
    backend_for(aml_studio, "Census")

    for secret in (studio["token"], studio["service"]["primary_key"]):
        assert redact(f"oh: {secret}") == "oh: ***"


async def test_keys_that_a_trigger_looked_up_are_masked_too(
    aml_studio: str, emulator: Emulator, studio: Json
) -> None:
    made = emulator.control.service(
        studio["workspace_id"],
        name="Masked in triggers",
        kind="training",
        task="classification",
        label="income",
        training_csv="age,income\n1,a\n2,b\n",
    )
    await abackend_for(aml_studio, "Masked in triggers")

    assert redact(made["primary_key"]) == "***"


def replaced(conn_id: str, name: str) -> None:
    """Make the endpoint anew, which gives it another key, without anybody being told the key."""
    with AmlStudioHook(conn_id).workspace() as manager:
        service = manager.run(manager.workspace.service("Census"))
        manager.run(manager.workspace.delete_endpoint(service, name))
        manager.run(manager.workspace.create_endpoint(service, name))


def key_of(backend: Backend) -> str:
    secret = backend.keyring.secret(Credential.SERVICE_KEY)
    assert secret
    return secret.reveal()


def test_a_key_that_was_read_anew_is_masked_too(aml_studio: str) -> None:
    backend = AmlStudioHook(aml_studio).ensure_endpoint("Census", "renewed")
    old = key_of(backend)
    replaced(aml_studio, "renewed")

    backend.run(backend.keyring.renewed(Credential.SERVICE_KEY))

    assert key_of(backend) != old
    assert redact(key_of(backend)) == "***"


async def test_a_key_that_a_trigger_read_anew_is_masked_before_anything_else_is_asked(
    aml_studio: str,
) -> None:
    AmlStudioHook(aml_studio).ensure_endpoint("Census", "renewed-in-triggers")
    backend = await abackend_for(aml_studio, "Census", "renewed-in-triggers")
    old = key_of(backend)
    replaced(aml_studio, "renewed-in-triggers")

    await backend.arun(backend.keyring.renewed(Credential.SERVICE_KEY))
    await backend.arun(backend.verbs.serving())

    assert key_of(backend) != old
    assert redact(key_of(backend)) == "***"


def test_an_endpoint_is_made_once_and_left_as_it_is(aml_studio: str) -> None:
    hook = AmlStudioHook(aml_studio)

    made = hook.ensure_endpoint("Census", "retrain", description="by a test")
    again = hook.ensure_endpoint("Census", "retrain")

    assert made.api_url == again.api_url
    assert made.api_url != hook.get_conn("Census").api_url


def test_a_job_of_another_service_is_refused(aml_service: str) -> None:
    with pytest.raises(BadInput, match="expected a job of"):
        backend_for(aml_service).job("https://evil.test/workspaces/w/services/s/jobs/j1")
