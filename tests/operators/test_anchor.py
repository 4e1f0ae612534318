"""What `StageAnchorOperator` promises: the anchor is there to be scored, or it is said why not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.operators.anchor import StageAnchorOperator
from airflow_aml_retrain.operators.batch import read_back
from airflow_aml_retrain.wire.champion import ChampionRecord, Model
from tests.operators.desk import Desk
from tests.operators.journey import ROWS
from tests.operators.resource_desk import ResourceDesk
from tests.resources import Resources
from tests.world import SCORING, Foundry, World, answers, census_like

CHAMPION = Model(location="https://account/archives/champion.ilearner")


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk


@pytest.fixture
def resource_desk(
    resources: Resources, container: str, airflow_home: Home
) -> Iterator[ResourceDesk]:
    with ResourceDesk.with_services(resources, container) as desk:
        yield desk


def approved(desk: Desk) -> Model:
    """A model that a person approved once, archived."""
    foundry: Foundry = desk.world.foundry
    return foundry.candidate("good", census_like(300), desk.container)


def remember(desk: Desk, *, anchor: Model, champion: Model = CHAMPION) -> None:
    path = ChampionStore(desk.world.store, f"{desk.container}/records").path(desk.backend.uri)
    record = ChampionRecord(endpoint=desk.backend.uri, champion=champion, anchor=anchor)
    desk.world.store.write(*path, record.to_json())


def anchoring(desk: Desk, **changes: Any) -> DAG:
    desk.land("sample.csv", census_like(40))
    where = {
        "service": SCORING,
        "endpoint": desk.anchor,
        "production_service": SCORING,
        "production_endpoint": desk.production,
    }
    with DAG(
        f"anchor_{desk.container}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)
    ) as dag:
        StageAnchorOperator(
            **{
                "task_id": "anchor",
                "sample": f"{desk.container}/landing/sample.csv",
                "records": f"{desk.container}/records",
                "archives": desk.container,
                "propagation": 2.0,
                "poll_interval": 0.1,
                **where,
                **changes,
            }
        )
    return dag


def at_anchor(desk: Desk) -> list[str]:
    with desk.world.backend(endpoint=desk.anchor) as endpoint:
        return answers(endpoint, ROWS)


def test_before_the_first_promotion_there_is_no_anchor(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.run(anchoring(desk)) == {"anchor": "skipped"}
    assert desk.says(capsys, "has no anchor yet: nothing has been promoted")


def test_an_anchor_that_is_the_champion_needs_no_endpoint(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Model(location=read_back(desk.backend))
    remember(desk, champion=served, anchor=replace(served, promoted_at="then"))

    assert desk.run(anchoring(desk)) == {"anchor": "skipped"}
    assert desk.says(capsys, "the champion of .* is the anchor itself")


def test_an_anchor_that_a_foreign_hand_replaced_in_production_is_there_to_be_scored(
    desk: Desk,
) -> None:
    anchor, before = approved(desk), at_anchor(desk)
    remember(desk, champion=anchor, anchor=anchor)

    assert desk.run(anchoring(desk)) == {"anchor": "success"}
    assert at_anchor(desk) != before


def test_the_endpoint_is_changed_when_the_anchor_changes_and_only_then(desk: Desk) -> None:
    anchor, before = approved(desk), at_anchor(desk)
    remember(desk, anchor=anchor)

    assert desk.run(anchoring(desk)) == {"anchor": "success"}
    first = desk.xcom("anchor")
    assert desk.run(anchoring(desk)) == {"anchor": "success"}

    assert at_anchor(desk) != before
    assert (first["location"], first["changed"]) == (anchor.location, True)
    assert desk.xcom("anchor") == {**first, "changed": False}


def test_an_anchor_whose_bytes_are_not_those_on_record_is_refused(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor, before = approved(desk), at_anchor(desk)
    remember(desk, anchor=anchor)
    desk.world.store.write(*split_path(anchor.archive), b"another model")

    assert desk.run(anchoring(desk)) == {"anchor": "failed"}
    assert desk.says(capsys, "the anchor cannot be served any more.*not the one that was judged")
    assert at_anchor(desk) == before


def test_the_anchor_is_never_put_where_users_call(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    before = answers(desk.backend, ROWS)
    remember(desk, anchor=approved(desk))

    assert desk.run(anchoring(desk, endpoint=desk.production)) == {"anchor": "failed"}
    assert desk.says(capsys, "itself, which users call; name another")
    assert answers(desk.backend, ROWS) == before


def test_an_endpoint_that_is_missing_is_said_before_it_is_needed(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.run(anchoring(desk, endpoint="nowhere")) == {"anchor": "failed"}
    assert desk.says(capsys, "there is no endpoint named 'nowhere'; the existing ones are")


def test_a_new_web_service_has_its_anchor_on_a_twin(resource_desk: ResourceDesk) -> None:
    desk = resource_desk
    remember(desk, anchor=approved(desk))
    twin = {"service": desk.staging, "endpoint": None, "conn_id": "azure_default"}
    production = {"production_service": desk.backend.name, "production_endpoint": None}
    with desk.world.backend(desk.staging) as anchor:
        before = answers(anchor, ROWS)

        states = desk.run(anchoring(desk, **twin, **production))

        assert states == {"anchor": "success"}
        assert desk.xcom("anchor")["changed"]
        assert answers(anchor, ROWS) != before
