"""The whole journey in a real Airflow: promoted, kept, invalid, dry; and what each leaves."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.client.blobs import split_path
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
    dag_id, start = f"journey_{desk.container}", datetime(2026, 1, 1, tzinfo=UTC)
    with DAG(dag_id, schedule=None, start_date=start) as dag:
        retrain_and_promote(
            **{
                "source": f"{desk.container}/landing",
                "label": "income",
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


def record(desk: Desk) -> DecisionRecord:
    place = desk.xcom("evaluate")["decision"]
    return DecisionRecord.from_json(desk.world.store.read(*split_path(place)))


def test_a_better_model_is_promoted_seen_serving_and_remembered_without_a_secret(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.land("2026-09.csv", census_like(400))
    before = answers(desk.backend, ROWS)

    states = desk.run(journey(desk))

    champion = ChampionStore(desk.world.store, f"{desk.container}/records").read(desk.backend.uri)
    said = json.dumps(desk.everything_remembered()) + desk.told(capsys)
    assert set(states.values()) == {"success"}
    assert record(desk).verdict == "PROMOTE"
    assert answers(desk.backend, ROWS) != before
    assert champion.champion is not None
    assert champion.champion.decision == desk.xcom("evaluate")["decision"]
    assert not [secret for secret in desk.secrets() if secret in said]
    assert "sig=" not in said


def test_a_worse_model_is_kept_out_and_the_run_is_green(desk: Desk) -> None:
    desk.land("2026-09.csv", census_like(400))
    desk.run(journey(desk))
    promoted = answers(desk.backend, ROWS)
    desk.land("2026-10.csv", census_like(3000, upside_down=True, seed=400))
    audited = census_like(300, seed=9000).encode()
    desk.world.store.write(desk.container, "audited/2026-09.csv", audited)
    trusted = {"holdout_source": f"{desk.container}/audited", "holdout_fraction": None}

    states = desk.run(journey(desk, **trusted))

    assert states["evaluate"] == "success"
    assert states["promote"] == "skipped"
    assert desk.runs[-1].state == "success"
    assert record(desk).verdict == "REJECT"
    assert answers(desk.backend, ROWS) == promoted


def test_a_dry_run_decides_and_promotes_nothing(desk: Desk) -> None:
    desk.land("2026-09.csv", census_like(400))
    before = answers(desk.backend, ROWS)

    states = desk.run(journey(desk, dry_run="True"))

    assert record(desk).verdict == "PROMOTE"
    assert states["promote"] == "skipped"
    assert answers(desk.backend, ROWS) == before


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("{}", "no rules"),
        ('{"checks": [{"metric": "auc", "vs": "champion"}], "label": "wealth"}', "wealth"),
    ],
    ids=["no rules", "a label that is not there"],
)
def test_what_cannot_be_judged_fails_at_once_is_written_down_and_promotes_nothing(
    desk: Desk, policy: str, why: str
) -> None:
    desk.land("2026-09.csv", census_like(400))
    before = answers(desk.backend, ROWS)

    states = desk.run(journey(desk, policy=policy))

    assert states["evaluate"] == "failed"
    assert states["promote"] == "upstream_failed"
    assert states["release"] == "success"
    assert record(desk).verdict == "INVALID"
    assert why in record(desk).headline
    assert answers(desk.backend, ROWS) == before
