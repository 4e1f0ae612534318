"""
The same promises where the service behaves otherwise, as far as nobody has recorded which way.

Its definition shows that an update is under way, refuses another one meanwhile, and names for its
operations a host of its own, which must not be sent our token (one such was recorded).
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings, Gaps
from airflow_aml_retrain.errors import PromotionFailed
from tests.client.update_stage import OWNER, Stage, laid
from tests.resources import Resources

GAPS = Gaps(
    state_while_updating="Provisioning",
    update_while_updating="refused",
    operation_host="https://ussouthcentral.webservicesrp.azureml.net/?api-version=2.0",
)


@pytest.fixture(scope="module")
def resources(
    azurite: Azurite, blob_service: BlobServiceClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Resources]:
    settings = EmulatorSettings(
        storage=azurite.connection_string,
        state=tmp_path_factory.mktemp("elsewhere"),
        propagation=0.0,
        workers=1,
        gaps=GAPS,
    )
    with Served(settings) as served:
        emulator = Emulator(served.url)
        resources = Resources.make(emulator, blob_service, azurite.connection_string)
        with resources.signed_in():
            yield resources


@pytest.fixture(scope="module")
def twin(resources: Resources) -> Iterator[Backend]:
    with resources.new_service("twin") as twin:
        yield twin


@pytest.fixture
def stage(resources: Resources, twin: Backend, container: str) -> Iterator[Stage]:
    with laid(resources, twin, container) as stage:
        yield stage


def test_an_operation_on_a_host_of_its_own_is_followed_by_reading(stage: Stage) -> None:
    assert stage.promote().is_proven
    assert stage.serves() == stage.candidate.location


def test_what_is_seen_under_way_is_waited_for_and_settled(stage: Stage) -> None:
    with stage.held() as held:
        stage.begin(held)  # and here its worker dies

    assert stage.promote().is_proven
    assert stage.record().pending is None


def test_an_update_that_fails_unheard_stays_pending_until_its_time_is_up(stage: Stage) -> None:
    before = stage.answers()
    stage.promotion = replace(stage.promotion, operation_within=1.5)
    stage.fault({"fail_operation": "no such package"})

    with pytest.raises(PromotionFailed, match="has not ended the change"):
        stage.promote()

    assert stage.answers() == before
    assert stage.record().pending.owner == OWNER
