"""The whole journey in a real Airflow: promoted, kept, invalid, dry, and what each leaves behind."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.gate.record import DecisionRecord
from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from tests.operators.desk import Desk
from tests.world import SCORING, TRAINING, World, answers, census_like

POLICY = {"label": "income", "checks": [{"metric": "auc", "vs": "champion", "margin": 0.01}]}
ROWS = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk
    world.emulator.control.clear_faults()


def journey(desk: Desk, **changes: Any) -> DAG:
    with DAG(f"journey_{desk.container}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        retrain_and_promote(
            **{
                "source": f"{desk.container}/landing",
                "label": "income",
                "holdout_key": None,
                "holdout_fraction": 0.4,
                "training_service": TRAINING,
                "service": SCORING,
                "endpoint": desk.production,
                "staging_endpoint": desk.staging,
                "policy": POLICY,
                "storage": desk.container,
                "poll_interval": 0.1,
                "propagation": 2.0,
                "verify_timeout": 5.0,
                **changes,
            }
        )
    return dag


def test_a_better_model_is_promoted_and_the_endpoint_answers_with_it(desk: Desk) -> None:
    desk.land("2026-09.csv", census_like(400))
    before = answers(desk.backend, ROWS)

    states = desk.run(journey(desk))

    decision = desk.xcom("evaluate")
    assert states["promote"] == "success"
    assert decision["verdict"] == "PROMOTE"
    assert answers(desk.backend, ROWS) != before
