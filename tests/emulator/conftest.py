"""An emulator of these tests' own, whose clock they hold; a PATCH takes 30 s of that clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from tests.emulator.resources import OPERATION, Azure, bearer
from tests.emulator.studio import HandClock, Lent, Studio

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from airflow_aml_retrain.demo.azurite import Azurite

PROPAGATION = 30.0


@pytest.fixture(scope="session")
def hand_clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def lent() -> Iterator[Lent]:
    """Two workers for all emulators of these tests: each would take seconds to load its own."""
    workers = Lent(2)
    yield workers
    workers.dismiss()


@pytest.fixture(scope="session")
def served(
    # The workers first: they load while Azurite starts.
    lent: Lent,
    azurite: "Azurite",
    hand_clock: HandClock,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    settings = EmulatorSettings(
        storage=azurite.connection_string,
        state=tmp_path_factory.mktemp("studio"),
        propagation=PROPAGATION,
        # Whoever starts a job finds it running, however quickly it was done.
        polls_until_done=1,
        operation_time=OPERATION,
        page_size=2,
    )
    with Served(settings, clock=hand_clock, trainer=lent) as served:
        yield served


@pytest.fixture
def studio(
    served: Served,
    azurite: "Azurite",
    blob_service: "BlobServiceClient",
    container: str,
    hand_clock: HandClock,
) -> Iterator[Studio]:
    studio = Studio(served.url, azurite.connection_string, container, blob_service, hand_clock)
    yield studio
    hand_clock.ahead = 0.0
    studio.control("DELETE", "faults")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def azure(studio: Studio) -> Azure:
    return Azure(studio, bearer(studio))
