"""
What makes an Airflow elsewhere ready for the examples: all that they name is there, once.

That it furnishes a whole cluster, whose hosts are not the loopback, is told in `tests/cluster`.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.fernet import Fernet

from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.demo import batch, furnish
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.control import Emulator, insecure_hosts
from airflow_aml_retrain.demo.dated import begins
from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.machine import Machine
from airflow_aml_retrain.demo.processes import DemoFailed
from airflow_aml_retrain.demo.resources import CensusResources
from airflow_aml_retrain.demo.rest import Json
from airflow_aml_retrain.demo.story import CONTAINER
from airflow_aml_retrain.demo.workspace import CensusWorkspace
from airflow_aml_retrain.errors import RetrainError
from airflow_aml_retrain.journeys.table import models_in
from tests.demo.needs import DAGS, Needs, Spoken, examples, needs_of

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

ROLLBACK: Final = "rollback_endpoint"
README: Final = DAGS.parent / "README.md"


@dataclass(frozen=True)
class Furnished:
    """An Airflow that was furnished, what was *said* then, and where all of it is."""

    airflow: LiveAirflow
    emulator: Emulator
    azurite: Azurite
    blobs: "BlobServiceClient"
    said: str

    def again(self) -> str:
        return _furnish(self.airflow, self.emulator, self.azurite)

    def missing(self, needs: Needs) -> list[str]:
        """What of *needs* is not there, asked for as a task does."""
        from airflow_aml_retrain.hooks.storage import blob_store

        store = blob_store("wasb_default")
        sources = set(needs.sources)
        gone = [place for place in sorted(needs.tables) if not store.exists(*split_path(place))]
        for place in needs.tables - set(gone):
            for row in models_in(store.read(*split_path(place)).decode()).rows:
                sources |= {place for place in (row["source"], row["holdout_source"]) if place}
        gone += [place for place in sorted(sources) if not _has_data(store, place)]
        return gone + [str(each) for each in sorted(needs.endpoints, key=str) if not _speaks(each)]

    def everything(self) -> dict[str, object]:
        """Connections with their secrets, blobs with their versions, and jobs."""
        return {
            "connections": connections(self.airflow),
            "blobs": sorted(
                (container.name, blob.name, blob.etag)
                for container in self.blobs.list_containers()
                for blob in self.blobs.get_container_client(container.name).list_blobs()
            ),
            "jobs": self.emulator.control.jobs(),
        }


def connections(airflow: LiveAirflow) -> dict[str, Json]:
    """All that Airflow keeps of its connections, decrypted."""
    fernet = Fernet(airflow.home.fernet_key)

    def plain(cell: str | None) -> str:
        return fernet.decrypt(cell.encode()).decode() if cell else ""

    with sqlite3.connect(f"file:{airflow.home.database}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT conn_id, conn_type, host, password, extra FROM connection")
        return {
            conn_id: {
                "conn_type": kind,
                "host": host or "",
                "password": plain(password),
                "extra": plain(extra),
            }
            for conn_id, kind, host, password, extra in rows
        }


def _has_data(store: BlobStore, place: str) -> bool:
    return any(blob.name.endswith(".csv") for blob in store.list(*split_path(place)))


def _speaks(endpoint: Spoken) -> bool:
    from airflow_aml_retrain.hooks.retrain import backend_for

    try:
        with backend_for(*endpoint):
            return True
    except RetrainError:
        return False


def _furnish(airflow: LiveAirflow, emulator: Emulator, azurite: Azurite) -> str:
    places = {
        "--airflow": airflow.home.url,
        "--emulator": emulator.url,
        "--storage": f"{azurite.host}:{azurite.port}",
        "--dags": str(DAGS),
    }
    said = StringIO()
    with redirect_stdout(said), pytest.MonkeyPatch.context() as told:
        told.setenv(furnish.PASSWORD, airflow.home.password)
        told.setenv(furnish.IDENTITY, Machine.of(emulator).header)
        status = furnish.main([word for pair in places.items() for word in pair])
    assert status == 0, said.getvalue()
    return said.getvalue()


@pytest.fixture(scope="module")
def furnished(
    real_airflow: LiveAirflow,
    emulator: Emulator,
    azurite: Azurite,
    blob_service: "BlobServiceClient",
) -> Iterator[Furnished]:
    """The session's own Airflow, of which the stories before and after this want nothing."""
    for conn_id in connections(real_airflow):
        real_airflow.rest.call("DELETE", f"connections/{conn_id}")
    said = _furnish(real_airflow, emulator, azurite)
    with pytest.MonkeyPatch.context() as told:
        # What a task is told: Airflow's connections, and who it is.
        for name, value in Machine.of(emulator).environment.items():
            told.setenv(name, value)
        for conn_id, connection in connections(real_airflow).items():
            told.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        yield Furnished(real_airflow, emulator, azurite, blob_service, said)
    blob_service.delete_container(CONTAINER)


@pytest.mark.parametrize("file", sorted(DAGS.glob("*.py")), ids=lambda file: file.stem)
def test_all_that_an_example_names_is_there_or_said_to_be_a_persons_to_make(
    furnished: Furnished, file: Path
) -> None:
    needs = [needs_of(dag) for dag in examples(file)]

    named = {conn_id for each in needs for conn_id in each.connections}
    absent = named - set(connections(furnished.airflow))
    assert named
    assert [missing for each in needs for missing in furnished.missing(each)] == []
    assert absent <= set(furnish.FOREIGN)
    assert [conn_id for conn_id in absent if conn_id not in furnished.said] == []
    assert [conn_id for conn_id in absent if conn_id not in README.read_text()] == []


def test_what_is_there_already_stays_as_it_is(furnished: Furnished) -> None:
    before = furnished.everything()

    said = furnished.again()

    assert "0 new of" in said
    assert said.count("is there already") == 3
    assert furnished.everything() == before


@pytest.mark.timeout(240)
def test_who_goes_back_at_once_comes_to_the_model_before(furnished: Furnished) -> None:
    airflow = furnished.airflow
    airflow.add_dag(DAGS / f"{ROLLBACK}.py", ROLLBACK)
    airflow.rest.unpause(ROLLBACK)

    run = airflow.rest.trigger(ROLLBACK)

    assert airflow.wait_for_run(ROLLBACK, run, timeout=120) == "success"


def test_the_daily_batches_land_one_at_a_time_until_all_have(
    furnished: Furnished, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--storage", f"{furnished.azurite.host}:{furnished.azurite.port}"]
    daily = furnished.blobs.get_container_client(CONTAINER)
    told: list[str] = []
    while not told or "All" not in told[-1]:
        assert batch.main(place) == 0
        told += capsys.readouterr().out.splitlines()

    landed = [blob.name for blob in daily.list_blobs(name_starts_with="census/daily/")]
    assert told[0] == "data/census/daily/4.csv has landed"
    assert landed == [f"census/daily/{number}.csv" for number in range(1, 10)]


def extra(connection: dict[str, object]) -> dict[str, Any]:
    return dict(json.loads(str(connection["extra"])))


def test_an_emulator_on_another_machine_is_named_in_the_connections() -> None:
    url = "http://emulator:8086"
    workspace = CensusWorkspace(url, "w", "token")
    resources = CensusResources(Machine(url, "header"), "s", "/path", url, "key")

    for scene in (workspace, resources):
        named = extra(scene.connection)["insecure_hosts"]
        assert named == ["emulator"]
        HostRule.naming([url], named).require(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8086", "http://localhost", "https://emulator"])
def test_a_host_that_needs_no_leave_is_not_named(url: str) -> None:
    assert insecure_hosts(url) == ()


def test_the_machine_is_known_by_the_header_that_it_was_given_first(emulator: Emulator) -> None:
    known = Machine.of(emulator)

    assert Machine.of(emulator, known.header) == known
    with pytest.raises(DemoFailed, match="by another identity header than the one given"):
        Machine.of(emulator, "another")


def test_the_data_is_of_the_months_with_which_the_schedule_begins() -> None:
    assert begins(DAGS / "retrain_on_schedule.py") == date(2026, 10, 1)


def test_a_file_without_a_dag_of_ours_is_named(tmp_path: Path) -> None:
    file = tmp_path / "empty.py"
    file.touch()

    with pytest.raises(DemoFailed, match=r"empty\.py has no DAG that begins like"):
        begins(file)


def test_storage_elsewhere_is_reached_by_its_host() -> None:
    assert Azurite(10000, "azurite").blob_url == "http://azurite:10000/devstoreaccount1/"


def test_what_goes_wrong_is_said_to_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    status = furnish.main(
        [
            *("--airflow", "http://127.0.0.1:1", "--emulator", "http://127.0.0.1:1"),
            *("--storage", "nonsense", "--dags", str(DAGS)),
        ]
    )

    assert status == 1
    assert "--storage 'nonsense': expected HOST:PORT" in capsys.readouterr().out
