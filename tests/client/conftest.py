"""What the tests of the client stand on: a server of their own, and both ways of speaking."""

from collections.abc import Iterator

import pytest

from tests.client.loopback import Loopback, loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server
