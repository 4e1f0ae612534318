"""New web services in a real Airflow: the journey by updates, definitions as files, the twin."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.errors import PromotionFailed
from airflow_aml_retrain.operators.create import CreateTwinOperator
from airflow_aml_retrain.operators.definition import (
    ExportDefinitionOperator,
    ImportDefinitionOperator,
)
from airflow_aml_retrain.operators.update import UpdateDefinitionOperator
from tests.operators.desk import connections
from tests.operators.resource_desk import ResourceDesk
from tests.resources import GROUP, Resources
from tests.world import World, answers, census_like

ROWS = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


@pytest.fixture
def desk(resources: Resources, container: str, airflow_home: Home) -> Iterator[ResourceDesk]:
    with ResourceDesk.with_services(resources, container) as desk:
        yield desk
    resources.emulator.control.clear_faults()


def exported(desk: ResourceDesk) -> tuple[str, dict[str, Any]]:
    """Where the definition of the desk's service lies, and what it says."""
    export = desk.one_task(
        ExportDefinitionOperator, service=desk.backend.name, destination=f"{desk.container}/files"
    )
    desk.run(export)
    place = desk.xcom("one")["definition"]
    return place, json.loads(desk.world.store.read(*split_path(place)))


def put_in(desk: ResourceDesk, definition: dict[str, Any]) -> dict[str, str]:
    """The states of a run that imports *definition* into the desk's service."""
    desk.world.store.write(desk.container, "wanted.json", json.dumps(definition).encode())
    return desk.run(
        desk.one_task(
            ImportDefinitionOperator,
            service=desk.backend.name,
            source=f"{desk.container}/wanted.json",
            records=f"{desk.container}/records",
            archives=desk.container,
            poll_interval=0.1,
        )
    )


def test_a_better_model_is_promoted_by_an_update_and_remembered_without_a_secret(
    desk: ResourceDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.land("2026-09.csv", census_like(400))
    before, serves = answers(desk.backend, ROWS), desk.serves()

    states = desk.run(desk.journey())

    record = ChampionStore(desk.world.store, f"{desk.container}/records").read(desk.backend.uri)
    promoted = desk.xcom("promote")
    kept = desk.world.store.read(*split_path(promoted["definition_before"]))
    said = json.dumps(desk.everything_remembered()) + desk.told(capsys)
    assert set(states.values()) == {"success"}
    assert answers(desk.backend, ROWS) != before
    assert record.champion is not None
    assert desk.serves() == record.champion.location
    assert promoted["proven"]
    assert promoted["also_changed"] == []
    assert serves in kept.decode()
    assert not [secret for secret in desk.secrets() if secret in said]
    assert "sig=" not in said


def test_an_update_that_changes_nothing_fails_the_task_and_the_champion_stays(
    desk: ResourceDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.land("2026-09.csv", census_like(400))
    before = answers(desk.backend, ROWS)
    desk.world.emulator.control.fail_next(
        {"ignore_patch": True}, plane="resources", path=desk.backend.name.rpartition("/")[2]
    )

    states = desk.run(desk.journey())

    assert states["promote"] == "failed"
    assert desk.says(capsys, "was not seen serving.*The champion before it serves again")
    assert answers(desk.backend, ROWS) == before


def test_what_came_of_an_update_is_said_even_where_the_word_of_its_end_is_unheard_of() -> None:
    update = UpdateDefinitionOperator(task_id="one", service="a/b", decision="c/d")

    with pytest.raises(PromotionFailed, match="not verified and not undone") as failed:
        update.execute_promoted(cast("Any", {}), "an event that nobody sends")

    assert not failed.value.undone


def test_production_by_another_name_is_not_staged_on(
    desk: ResourceDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.land("2026-09.csv", census_like(400))
    before = desk.serves()
    itself = desk.backend.name.rpartition("/")[2].upper()

    states = desk.run(desk.journey(staging_service=itself))

    assert states["stage"] == "failed"
    assert desk.says(capsys, "itself, which users call")
    assert desk.serves() == before


def test_a_definition_goes_out_as_a_file_and_comes_back_reviewed(desk: ResourceDesk) -> None:
    _, said = exported(desk)
    said["properties"]["description"] = "Reviewed in git."

    states = put_in(desk, said)

    _, again = exported(desk)
    assert states == {"one": "success"}
    assert again == said
    assert "keys" not in again["properties"]


def test_a_file_beside_the_dag_is_found_there(
    desk: ResourceDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = exported(desk)
    said["properties"]["title"] = "Beside the DAG"
    beside = Path(__file__).with_name(f"{desk.container}.json")
    beside.write_text(json.dumps(said))
    try:
        place = {"records": f"{desk.container}/records", "archives": desk.container}
        states = desk.run(
            desk.one_task(
                ImportDefinitionOperator,
                service=desk.backend.name,
                definition=beside.name,
                poll_interval=0.1,
                **place,
            )
        )
    finally:
        beside.unlink()

    assert states == {"one": "success"}
    assert desk.xcom("one")["changed"] == ["title"]


def test_a_file_that_is_what_the_service_has_sends_nothing(desk: ResourceDesk) -> None:
    _, said = exported(desk)
    log = desk.world.emulator.control.requests()

    states = put_in(desk, said)

    seen = desk.world.emulator.control.requests(since=log[-1]["n"])
    assert states == {"one": "success"}
    assert desk.xcom("one")["changed"] == []
    assert "PATCH" not in {request["method"] for request in seen}


def test_a_file_cannot_change_the_trained_model(
    desk: ResourceDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = exported(desk)
    before = desk.serves()
    written = json.dumps(said).replace(before.rpartition("/")[2], "another.ilearner")

    states = put_in(desk, json.loads(written))

    assert states == {"one": "failed"}
    assert desk.says(capsys, "only a promotion does")
    assert desk.serves() == before


def test_a_twin_is_made_once_and_answers_as_its_service_does(desk: ResourceDesk) -> None:
    twin = f"{desk.backend.name}-twin"
    parameters = {
        "service": desk.backend.name,
        "twin": twin,
        "commitment_plan": desk.world.plan,
        "storage": desk.container,
        "poll_interval": 0.1,
    }

    for _ in range(2):
        assert desk.run(desk.one_task(CreateTwinOperator, **parameters)) == {"one": "success"}

    with desk.world.backend(twin) as made:
        assert answers(made, ROWS) == answers(desk.backend, ROWS)
        assert desk.xcom("one") == made.uri


def test_a_classic_endpoint_is_told_which_operator_it_needs(
    desk: ResourceDesk, world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name, value in connections(world).items():
        monkeypatch.setenv(name, value)
    update = desk.one_task(
        UpdateDefinitionOperator, conn_id="aml_studio_default", service="Census", decision="a/b"
    )

    assert desk.run(update) == {"one": "failed"}
    assert desk.says(capsys, "PatchEndpointOperator for a classic endpoint")


def test_an_endpoint_of_a_new_web_service_is_refused_with_what_to_do(
    desk: ResourceDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    update = desk.one_task(
        UpdateDefinitionOperator, service=f"{GROUP}/x", endpoint="staging", decision="a/b"
    )

    assert desk.run(update) == {"one": "failed"}
    assert desk.says(capsys, "its staging twin is a second web service")
