"""The whole journey in a real Airflow: promoted, kept, invalid, dry; and what each leaves."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.gate.records.record import DecisionRecord
from tests.operators.desk import Desk
from tests.operators.journey import ROWS, journey
from tests.world import World, answers, census_like


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk
    world.emulator.control.clear_faults()


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
    # The first champion is the anchor itself, so there is nothing else to score.
    skipped = {task for task, state in states.items() if state == "skipped"}
    assert skipped <= {"anchor", "score_anchor"}
    assert set(states.values()) <= {"success", "skipped"}
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

    assert states["score_anchor"] == states["evaluate"] == "success"
    assert states["approve"] == states["promote"] == "skipped"
    assert desk.runs[-1].state == "success"
    assert record(desk).verdict == "REJECT"
    assert answers(desk.backend, ROWS) == promoted


def test_where_nothing_was_scored_nothing_is_judged(desk: Desk) -> None:
    dag = journey(desk)
    with dag:

        @task
        def nothing_new() -> None:
            raise AirflowSkipException

        said: Any = nothing_new()
        said >> dag.get_task("prepare")

    states = desk.run(dag)

    assert set(states.values()) == {"skipped"}
    assert desk.runs[-1].state == "success"


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
        (
            '{"checks": [{"metric": "auc", "vs": "champion"}], "data": {"label": "wealth"}}',
            "wealth",
        ),
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
