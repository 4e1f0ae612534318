"""A person's word: the model before it back, promotions frozen, and released again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.operators.rollback import (
    RollbackEndpointOperator,
    UnfreezeEndpointOperator,
)
from airflow_aml_retrain.wire.champion import Model
from tests.operators.desk import Desk
from tests.world import SCORING, World, answers, census_like

ROWS = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk


def one_task(desk: Desk, operator: type, **parameters: Any) -> DAG:
    dag_id = f"{operator.__name__}_{desk.container}"
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        operator(
            task_id="by_hand",
            service=SCORING,
            endpoint=desk.production,
            records=f"{desk.container}/records",
            **parameters,
        )
    return dag


def promoted(desk: Desk) -> ChampionStore:
    """The desk's endpoint after a promotion, and where its record lies."""
    from airflow_aml_retrain.client.promotion import Promotion

    backend, store = desk.backend, desk.world.store
    resource = next(iter(backend.run(backend.verbs.serving()).models))
    candidate: Model = desk.world.candidate("good", census_like(300), desk.container)
    champions = ChampionStore(store, f"{desk.container}/records")
    promotion = Promotion(
        backend=backend, store=store, resource=resource, archives=desk.container, every=0.1
    )
    serves = backend.run(backend.verbs.serving()).models[resource].location
    with champions.held(backend.uri) as held:
        promotion.promote(held, candidate, against=serves, owner="a test", before_probes="")
    return champions


def test_a_rollback_serves_the_earlier_model_and_freezes_until_released(desk: Desk) -> None:
    published = answers(desk.backend, ROWS)
    champions = promoted(desk)
    rollback = one_task(desk, RollbackEndpointOperator, why="complaints", poll_interval=0.1)

    states = desk.run(rollback)

    freeze = champions.read(desk.backend.uri).freeze
    assert states == {"by_hand": "success"}
    assert answers(desk.backend, ROWS) == published
    assert freeze is not None
    assert (freeze.by, freeze.why) == ("dag_test", "complaints")

    desk.run(one_task(desk, UnfreezeEndpointOperator))

    assert champions.read(desk.backend.uri).freeze is None


def test_without_an_earlier_model_a_rollback_fails_and_freezes_all_the_same(desk: Desk) -> None:
    before = answers(desk.backend, ROWS)

    states = desk.run(one_task(desk, RollbackEndpointOperator))

    champions = ChampionStore(desk.world.store, f"{desk.container}/records")
    assert states == {"by_hand": "failed"}
    assert answers(desk.backend, ROWS) == before
    assert champions.read(desk.backend.uri).freeze is not None
