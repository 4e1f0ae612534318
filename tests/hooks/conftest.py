"""What the tests of the hooks stand on: a workspace of the emulator, and connections to it."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from airflow_aml_retrain.demo.control import Emulator, Json

Connect = Callable[..., str]

TRAINING_CSV: Final = "age,income\n" + "".join(
    f"{20 + n},{'>50K' if n > 20 else '<=50K'}\n" for n in range(40)
)


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Make a connection as an environment variable, and return its id."""

    def make(conn_type: str, *, conn_id: str = "aml", **fields: Any) -> str:
        said = json.dumps({"conn_type": conn_type, **fields})
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", said)
        return conn_id

    return make


@pytest.fixture(scope="session")
def studio(emulator: Emulator) -> Json:
    """A workspace with one scoring service; its id, token, and what is known of the service."""
    workspace = emulator.control.workspace(name="Hooks")
    service = emulator.control.service(
        workspace["workspace_id"],
        name="Census",
        kind="scoring",
        task="classification",
        label="income",
        training_csv=TRAINING_CSV,
    )
    return {**workspace, "url": emulator.url, "service": service}


@pytest.fixture
def aml_studio(connection: Connect, studio: Json) -> str:
    """The id of a connection to the workspace."""
    return connection(
        "aml_studio",
        host=studio["url"],
        password=studio["token"],
        extra={"workspace_id": studio["workspace_id"]},
    )


@pytest.fixture
def aml_service(connection: Connect, studio: Json) -> str:
    """The id of a connection to the service's default endpoint."""
    return connection(
        "aml_service",
        host=f"{studio['service']['api_location']}/jobs?api-version=2.0",
        password=studio["service"]["primary_key"],
    )
