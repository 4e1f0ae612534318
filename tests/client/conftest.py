"""What the tests of the client stand on: servers of their own, and both ways of speaking."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.client.directory import Directory, directory
from tests.client.loopback import Loopback, loopback

if TYPE_CHECKING:
    from airflow_aml_retrain.demo.azurite import Azurite


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture(scope="session")
def authority(azurite: "Azurite", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """An authority over https, with a throw-away certificate."""
    folder = tmp_path_factory.mktemp("authority")
    with directory(azurite.connection_string, folder, tls=True) as served:
        yield served


@pytest.fixture(scope="session")
def machine(azurite: "Azurite", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """The identity endpoint of a machine, over plain http."""
    folder = tmp_path_factory.mktemp("machine")
    with directory(azurite.connection_string, folder, tls=False) as served:
        yield served
