"""What both stories stand on: the day on which they are told, and the one that goes on beside."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from airflow_aml_retrain.demo import story
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import census
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.resources import CensusResources
from tests.demo.under_way import UnderWay

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient


@pytest.fixture(scope="session")
def today() -> date:
    # The DAGs' schedule is Airflow's, and Airflow goes by the real clock.
    return datetime.now(UTC).date()  # noqa: TID251 - see above


@pytest.fixture(scope="session")
def under_way(
    *,
    real_airflow: LiveAirflow,
    azurite: Azurite,
    emulator: Emulator,
    blob_service: "BlobServiceClient",
    today: date,
    tmp_path_factory: pytest.TempPathFactory,
) -> UnderWay:
    """The run for a new web service, begun."""
    dealt = census(today)
    scene = CensusResources.publish(emulator, dealt.published)
    stage = story.Stage(real_airflow, emulator, scene, blob_service, dealt)
    return UnderWay.begin(stage, scene, azurite, tmp_path_factory.mktemp("dated-new"))
