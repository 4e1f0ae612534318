"""A person's word: the model before it back, promotions frozen, and released again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.client.evidence import keep
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.operators.rollback import (
    RollbackEndpointOperator,
    UnfreezeEndpointOperator,
)
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.proof import Probe, probes_to_json
from tests.operators.desk import Desk
from tests.world import SCORING, World, answers, census_like

ROWS = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk


def serves(desk: Desk) -> str:
    serving = desk.backend.run(desk.backend.verbs.serving())
    return next(iter(serving.models.values())).location


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


def stuck(desk: Desk) -> ChampionStore:
    """The desk's endpoint with a change on record that a run left, and nobody can settle."""
    champions, store = promoted(desk), desk.world.store
    probes = [Probe(ROWS[0], {"Scored Labels": "what no model answers"})]
    unseen = keep(store, f"{desk.container}/probes", probes_to_json(probes))
    with champions.held(desk.backend.uri) as held:
        record = held.record
        assert record.champion
        assert record.previous
        candidate = replace(record.previous, location="https://elsewhere/never.ilearner")
        before = replace(record.champion, probes=unseen)
        held.save(record.begun(candidate, before, owner="a dead run", at="2026-10-01T00:00:00Z"))
    return champions


def test_a_change_that_nobody_can_settle_is_ended_by_the_word_of_a_person(desk: Desk) -> None:
    champions = stuck(desk)
    rollback = {"poll_interval": 0.1, "verify_timeout": 0.5}
    assert desk.run(one_task(desk, RollbackEndpointOperator, **rollback)) == {"by_hand": "failed"}
    pending = champions.read(desk.backend.uri).pending

    states = desk.run(
        one_task(desk, UnfreezeEndpointOperator, accept_pending=True, why="looked", by="ada")
    )

    record = champions.read(desk.backend.uri)
    assert states == {"by_hand": "success"}
    assert (record.pending, record.freeze) == (None, None)
    assert record.acceptance is not None
    assert (record.acceptance.by, record.acceptance.why) == ("ada", "looked")
    assert record.acceptance.ended == pending
    assert record.champion is not None
    assert record.acceptance.serves == record.champion.location == serves(desk)
    assert desk.run(one_task(desk, RollbackEndpointOperator, **rollback)) == {"by_hand": "success"}


def test_a_release_without_that_word_leaves_a_pending_change_pending(desk: Desk) -> None:
    champions = stuck(desk)

    desk.run(one_task(desk, UnfreezeEndpointOperator))

    assert champions.read(desk.backend.uri).pending is not None


def test_a_person_rolls_back_over_a_change_that_nobody_can_settle(desk: Desk) -> None:
    published = answers(desk.backend, ROWS)
    champions = stuck(desk)
    rollback = one_task(
        desk, RollbackEndpointOperator, accept_pending="True", why="complaints", poll_interval=0.1
    )

    states = desk.run(rollback)

    record = champions.read(desk.backend.uri)
    assert states == {"by_hand": "success"}
    assert answers(desk.backend, ROWS) == published
    assert record.acceptance is not None
    assert (record.acceptance.by, record.acceptance.why) == ("dag_test", "complaints")
    assert record.pending is None


def test_without_an_earlier_model_a_rollback_fails_and_freezes_all_the_same(desk: Desk) -> None:
    before = answers(desk.backend, ROWS)

    states = desk.run(one_task(desk, RollbackEndpointOperator))

    champions = ChampionStore(desk.world.store, f"{desk.container}/records")
    assert states == {"by_hand": "failed"}
    assert answers(desk.backend, ROWS) == before
    assert champions.read(desk.backend.uri).freeze is not None
