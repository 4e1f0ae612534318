"""
What makes an Airflow elsewhere ready for the examples: nothing here is on the loopback by rule.

That it furnishes a whole cluster, and once only, is told in `tests/cluster`.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.demo import furnish
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.control import Emulator, insecure_hosts
from airflow_aml_retrain.demo.dated import begins
from airflow_aml_retrain.demo.machine import Machine
from airflow_aml_retrain.demo.processes import DemoFailed
from airflow_aml_retrain.demo.resources import CensusResources
from airflow_aml_retrain.demo.workspace import CensusWorkspace

DAGS = Path(__file__).parents[2] / "dags"


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
