"""
What all tests stand on: one Azurite, one emulator, one Airflow home for a session.

Airflow reads its settings when it is first imported, so they are set before any test module is;
the database behind them is made only when a test asks for `airflow_home`.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

from airflow_aml_retrain.demo import emulation
from airflow_aml_retrain.demo.airflow import Home, free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.machine import Machine
from airflow_aml_retrain.demo.processes import Supervisor
from tests.scheduling import Scheduling, in_order

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient
    from xdist.remote import Producer

    from tests.resources import Resources
    from tests.world import World

_HOME: Final = pytest.StashKey[Home]()

# Without Hypothesis' stop-watches: the cores are shared, and speed is not what is promised.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Tests kill workers and triggerers and do not wait five minutes until that is noticed.
_IMPATIENT: Final = {
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    # Not shorter: on a busy machine a task that is well would be taken for dead.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="airflow-aml-retrain-"))
    home = Home(folder / "airflow", folder / "dags", port=free_port())
    home.dags.mkdir()
    config.stash[_HOME] = home
    os.environ.update(home.environment())


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_HOME].folder.parent, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order((item.nodeid, item) for item in items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> Scheduling:
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def airflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated and otherwise empty database of Airflow, to be copied."""
    folder = tmp_path_factory.mktemp("pristine")
    home = Home(folder, folder / "dags", port=free_port())
    home.make()
    return home.database


@pytest.fixture(scope="session")
def airflow_home(pytestconfig: pytest.Config, airflow_database: Path) -> Home:
    """The Airflow home of this very process, with a database: for `dag.test()` and the like."""
    home = pytestconfig.stash[_HOME]
    home.make(database=airflow_database)
    return home


@pytest.fixture(scope="session")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """Holds the processes of the session, and stops them at its end."""
    with Supervisor(tmp_path_factory.mktemp("logs")) as supervisor:
        yield supervisor


@pytest.fixture(scope="session")
def azurite(supervisor: Supervisor) -> Azurite:
    return Azurite.start(supervisor)


@pytest.fixture(scope="session")
def blob_service(azurite: Azurite) -> "Iterator[BlobServiceClient]":
    """A client of Azurite with the account's own key."""
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield service


@pytest.fixture
def container(blob_service: "BlobServiceClient") -> str:
    """The name of a fresh, empty container."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    blob_service.create_container(name)
    return name


@pytest.fixture(scope="session")
def emulator(
    azurite: Azurite, supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Emulator:
    """The emulator as a process of its own, over Azurite; a change is seen (almost) at once."""
    state = tmp_path_factory.mktemp("emulator")
    port = free_port()
    return emulation.start(supervisor, azurite, state, port, propagation=0.0, operation_time=0.3)


@pytest.fixture(scope="session")
def real_airflow(
    airflow_database: Path,
    emulator: Emulator,
    supervisor: Supervisor,
    tmp_path_factory: pytest.TempPathFactory,
) -> LiveAirflow:
    """
    All components of Airflow as processes of their own, for the whole session.

    They sign in to the emulator's Azure as this machine.
    """
    folder = tmp_path_factory.mktemp("real-airflow")
    more = {**_IMPATIENT, **Machine.of(emulator).environment}
    home = Home(folder / "home", folder / "dags", port=free_port(), more=more)
    home.dags.mkdir()
    home.make(database=airflow_database)
    return LiveAirflow.start(home, supervisor)


@pytest.fixture(scope="session")
def world(emulator: Emulator, blob_service: "BlobServiceClient", azurite: Azurite) -> "World":
    """A workspace of the emulator with a training and a scoring service."""
    from tests.world import World

    return World.make(emulator, blob_service, azurite.connection_string)


@pytest.fixture(scope="session")
def resources(
    emulator: Emulator, blob_service: "BlobServiceClient", azurite: Azurite
) -> "Resources":
    """A resource group of the emulator with a training web service of the new kind."""
    from tests.resources import Resources

    return Resources.make(emulator, blob_service, azurite.connection_string)
