"""What is promised of an `azure` connection: the provider's fields, and tokens of our own."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from airflow.sdk import BaseHook, Connection
from airflow.sdk._shared.secrets_masker import redact

from airflow_aml_retrain.client.resource_manager import ArmSettings
from airflow_aml_retrain.demo.control import Emulator, Json
from airflow_aml_retrain.errors import NoSuchName, NotConfigured
from airflow_aml_retrain.hooks.resource_manager import AmlResourceManagerHook, settings_of
from airflow_aml_retrain.hooks.retrain import abackend_for, backend_for
from airflow_aml_retrain.wire.jobs import JobId
from airflow_aml_retrain.wire.secret import Secret
from tests.hooks.conftest import TRAINING_CSV, Connect

GROUP: Final = "Hooks"
PUBLIC: Final = "https://management.azure.com"
PRINCIPAL: Final[dict[str, Any]] = {"login": "app", "password": "s3cret"}


@pytest.fixture(scope="session")
def census(emulator: Emulator) -> Json:
    """A new web service that trains."""
    return emulator.control.web_service(
        resource_group=GROUP,
        name="Census",
        kind="training",
        task="classification",
        label="income",
        training_csv=TRAINING_CSV,
    )


@pytest.fixture(autouse=True)
def nothing_fails(emulator: Emulator) -> Iterator[None]:
    yield
    emulator.control.clear_faults()


@pytest.fixture
def azure(
    connection: Connect, census: Json, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The id of a connection to the subscription; this machine has an identity of its own."""
    made = emulator.control.principal()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{emulator.url}/identity/token")
    monkeypatch.setenv("IDENTITY_HEADER", made["identity_header"])
    extra = {"subscriptionId": census["subscription_id"], "resource_manager_url": emulator.url}
    return connection("azure", extra=extra)


def settings(extra: dict[str, Any] | None = None, **fields: Any) -> ArmSettings:
    said = {"subscriptionId": "s1", **(extra or {})}
    return settings_of(
        Connection(conn_id="az", conn_type="azure", extra=json.dumps(said), **fields)
    )


def test_a_service_is_reached_with_nothing_but_the_identity_of_the_machine(
    azure: str, census: Json
) -> None:
    backend = backend_for(azure, f"{GROUP}/Census")

    assert backend.name == f"{GROUP}/Census"
    assert backend.api_url == census["api_location"]
    assert not backend.run(backend.verbs.published()).models


async def test_triggers_reach_it_without_reading_anything_in_a_blocking_way(
    azure: str, census: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocks(conn_id: str) -> Connection:
        raise AssertionError(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", blocks)

    backend = await abackend_for(azure, f"{GROUP}/Census", "default")

    assert backend.api_url == census["api_location"]


def test_a_name_that_does_not_exist_is_answered_with_those_that_do(azure: str) -> None:
    with pytest.raises(NoSuchName, match=r"no web service named 'Consensus'.*'Hooks/Census'"):
        backend_for(azure, "Consensus")


def test_a_new_web_service_has_one_endpoint(azure: str) -> None:
    with pytest.raises(NotConfigured, match=r"'aml'.*no 'staging': its staging twin is a second"):
        backend_for(azure, "Census", "staging")


def test_a_subscription_wants_to_know_which_service(azure: str) -> None:
    with pytest.raises(NotConfigured, match=r"name the web service \(service=\.\.\.\)"):
        backend_for(azure)


def test_tokens_and_keys_are_masked_in_logs(azure: str, census: Json) -> None:
    backend = backend_for(azure, f"{GROUP}/Census")
    with pytest.raises(Exception, match="404"):
        backend.run(backend.verbs.poll(JobId("0" * 32)))

    known = backend.keyring.known()

    assert Secret(census["primary_key"]) in known
    assert [redact(f"oh: {secret.reveal()}") for secret in known] == ["oh: ***"] * 2


async def test_tokens_and_keys_of_triggers_are_masked_too(azure: str, emulator: Emulator) -> None:
    backend = await abackend_for(azure, f"{GROUP}/Census")
    first = backend.keyring.known()
    emulator.control.fail_next({"expire_tokens": True}, plane="resources")
    await backend.arun(backend.verbs.serving())

    [token] = backend.keyring.known()

    assert [token] != first
    assert redact(first[0].reveal()) == redact(token.reveal()) == "***"


def test_the_provider_s_own_fields_make_a_client_secret() -> None:
    found = settings({"tenantId": "t1"}, **PRINCIPAL)

    assert (found.url, found.scope) == (PUBLIC, f"{PUBLIC}/.default")
    assert found.identity.authority == "https://login.microsoftonline.com"
    assert (found.identity.tenant_id, found.identity.client_id) == ("t1", "app")
    assert found.identity.client_secret == Secret("s3cret")
    assert "s3cret" not in repr(found)


def test_what_the_old_form_saved_with_a_prefix_is_read_as_well() -> None:
    assert settings({"extra__azure__tenantId": "t1"}, **PRINCIPAL).identity.tenant_id == "t1"


def test_another_cloud_has_another_manager_authority_and_scope() -> None:
    found = settings({"cloud_environment": "AzureUSGovernment"})

    assert found.url == "https://management.usgovcloudapi.net"
    assert found.scope == "https://management.usgovcloudapi.net/.default"
    assert found.identity.authority == "https://login.microsoftonline.us"


def test_an_emulator_stands_in_for_the_public_cloud() -> None:
    found = settings({"resource_manager_url": "http://127.0.0.1:1/", "authority": "https://x:2"})

    assert (found.url, found.scope) == ("http://127.0.0.1:1", f"{PUBLIC}/.default")
    assert found.identity.authority == "https://x:2"


@pytest.mark.parametrize(
    ("given", "what_to_do"),
    [
        (lambda: settings({"subscriptionId": ""}), "set extra 'subscriptionId'"),
        (lambda: settings(**PRINCIPAL), "set tenantId"),
        (lambda: settings({"tenantId": "t"}, password="s"), "set login"),
        (lambda: settings({"certificate": "PEM"}), "set login"),
        (lambda: settings({"ca_bundle": "/nowhere.pem"}), "there is no file /nowhere.pem"),
        (lambda: settings({"cloud_environment": "Moon"}), "'Moon' is not one of AzurePublicCloud"),
        (lambda: settings({"key_path": "/key.json"}), "extra 'key_path' is not read here"),
    ],
)
def test_a_missing_field_is_named(given: Callable[[], ArmSettings], what_to_do: str) -> None:
    with pytest.raises(NotConfigured, match=f"connection 'az': .*{what_to_do}"):
        given()


def test_a_good_principal_lists_the_web_services_of_its_group(
    azure: str, connection: Connect, census: Json, emulator: Emulator
) -> None:
    extra = {
        "subscriptionId": census["subscription_id"],
        "resource_manager_url": emulator.url,
        "resource_group": GROUP,
    }

    well, saw = AmlResourceManagerHook(connection("azure", extra=extra)).test_connection()

    assert well, saw
    assert "knows the principal and shows" in saw
    assert "'Hooks/Census'" in saw


def test_a_principal_that_is_refused_is_said(azure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "nobody's")

    well, saw = AmlResourceManagerHook(azure).test_connection()

    assert not well
    assert "no Azure AD token" in saw
