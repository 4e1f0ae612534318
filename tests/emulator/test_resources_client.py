"""What is promised of Microsoft's own client for resources: it works, with its own poller."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient

from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from airflow_aml_retrain.emulator.tls import Certificate
from tests.emulator.resources import PREVIEW, STABLE, definition
from tests.emulator.stage_arm import RECORDED
from tests.emulator.studio import Json, Lent

if TYPE_CHECKING:
    from airflow_aml_retrain.demo.azurite import Azurite

SUBSCRIPTION: Final = str(uuid4())
GROUP: Final = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.MachineLearning"
PLAN: Final = f"{GROUP}/commitmentPlans/plan"
CREATION: Final[Json] = definition(RECORDED["02_webservice_put_201"]["request"]["body"], PLAN)


class Identity:
    """A credential that asks the emulator's identity endpoint, as a managed identity would."""

    def __init__(self, url: str, authority: str) -> None:
        self._url = url
        self._authority = authority

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        principal = requests.post(
            f"{self._url}/_emulator/principals", json={}, verify=self._authority, timeout=30
        ).json()
        answer = requests.get(
            f"{self._url}/identity/token",
            params={"api-version": "2019-08-01", "resource": scopes[0].removesuffix("/.default")},
            headers={"X-IDENTITY-HEADER": principal["identity_header"]},
            verify=self._authority,
            timeout=30,
        ).json()
        return AccessToken(answer["access_token"], int(answer["expires_on"]))


@pytest.fixture(scope="module")
def secured(
    azurite: "Azurite", lent: Lent, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """An emulator behind TLS: where it is, and the authority to trust."""
    folder: Path = tmp_path_factory.mktemp("secured")
    certificate = Certificate.kept_in(folder / "tls")
    settings = EmulatorSettings(
        storage=azurite.connection_string, state=folder, operation_time=0.05
    )
    with Served(settings, trainer=lent, certificate=certificate) as served:
        yield served.url, str(certificate.authority)


@pytest.fixture
def client(secured: tuple[str, str]) -> Iterator[ResourceManagementClient]:
    url, authority = secured
    with ResourceManagementClient(
        Identity(url, authority),
        SUBSCRIPTION,
        base_url=url,
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=authority,
        polling_interval=0.05,
        retry_total=0,
        # Its poller leaves a connection open, for which the emulator would wait at its end.
        headers={"Connection": "close"},
    ) as client:
        yield client


@pytest.fixture
def planned(client: ResourceManagementClient) -> str:
    """The path for a web service whose commitment plan is there."""
    body: Any = {"location": "southcentralus", "sku": {"name": "S1"}}
    client.resources.begin_create_or_update_by_id(PLAN, body, api_version=PREVIEW).result()
    return f"{GROUP}/webServices/{uuid4().hex}"


@pytest.mark.parametrize("version", [STABLE, PREVIEW])
def test_it_creates_updates_and_deletes_a_web_service(
    client: ResourceManagementClient, planned: str, version: str
) -> None:
    wanted: Any = CREATION
    change: Any = {"properties": {"packageType": "Graph", "description": "changed"}}
    resources = client.resources

    created: Any = resources.begin_create_or_update_by_id(
        planned, wanted, api_version=version
    ).result()
    updated: Any = resources.begin_update_by_id(planned, change, api_version=version).result()

    assert created.properties["provisioningState"] == "Succeeded"
    assert created.properties["assets"] == CREATION["properties"]["assets"]
    assert updated.properties["description"] == "changed"
    assert resources.get_by_id(planned, api_version=version).properties == updated.properties
    resources.begin_delete_by_id(planned, api_version=version).result()
    with pytest.raises(ResourceNotFoundError, match="WebServiceNotFound"):
        resources.get_by_id(planned, api_version=version)


@pytest.mark.parametrize("version", [STABLE, PREVIEW])
def test_it_asks_whether_a_resource_is_there(
    client: ResourceManagementClient, planned: str, version: str
) -> None:
    wanted: Any = CREATION
    resources = client.resources

    before = resources.check_existence_by_id(planned, api_version=version)
    resources.begin_create_or_update_by_id(planned, wanted, api_version=version).result()

    assert not before
    assert resources.check_existence_by_id(planned, api_version=version)
    assert resources.check_existence_by_id(PLAN, api_version=PREVIEW)
    assert not resources.check_existence_by_id(f"{PLAN}2", api_version=PREVIEW)


def test_it_is_told_why_an_operation_failed(
    client: ResourceManagementClient, planned: str, secured: tuple[str, str]
) -> None:
    url, authority = secured
    fault = {"plane": "resources", "do": {"fail_operation": "the node burnt down"}}
    requests.post(f"{url}/_emulator/faults", json=fault, verify=authority, timeout=30)
    wanted: Any = CREATION

    poller = client.resources.begin_create_or_update_by_id(planned, wanted, api_version=STABLE)

    with pytest.raises(HttpResponseError, match="the node burnt down"):
        poller.result()


def test_it_reads_what_the_provider_offers(client: ResourceManagementClient) -> None:
    provider = client.providers.get("Microsoft.MachineLearning")

    kinds = {str(kind.resource_type): kind.api_versions for kind in provider.resource_types or ()}
    assert kinds["webServices"] == [STABLE, PREVIEW]
