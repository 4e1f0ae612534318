"""
The story that the demo tells, on the test bench: a real Airflow, the emulator, real data.

By schedule: the first month is promoted, the second is not, and both runs are green. By the
button: a person's run decides and promotes nothing, and survives a killed worker.
"""

import json
import re
from datetime import date
from io import StringIO
from typing import Final

import pytest
from azure.storage.blob import BlobServiceClient
from rich.console import Console

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo import story
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import census
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.dated import dated
from airflow_aml_retrain.demo.history import RECORDS
from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.outcome import EVALUATE, PROMOTE, Outcome
from airflow_aml_retrain.demo.screen import Screen
from airflow_aml_retrain.demo.workspace import PRODUCTION, SCORING, CensusWorkspace
from airflow_aml_retrain.wire.conversation import Credential
from tests.demo.under_way import DAGS, UnderWay

DAG_ID: Final = CensusWorkspace.dag_id


def production(workspace: CensusWorkspace) -> Backend:
    return workspace.backend(SCORING, PRODUCTION)


@pytest.fixture(scope="module")
def workspace(emulator: Emulator, today: date) -> CensusWorkspace:
    return CensusWorkspace.publish(emulator, census(today).published)


@pytest.fixture(scope="module")
def stage(
    *,
    real_airflow: LiveAirflow,
    azurite: Azurite,
    emulator: Emulator,
    workspace: CensusWorkspace,
    today: date,
    blob_service: BlobServiceClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> story.Stage:
    dealt = census(today)
    dags = dated(DAGS, tmp_path_factory.mktemp("dated"), dealt.good.cut_off)
    story.connect(real_airflow.rest, workspace, azurite)
    real_airflow.add_dag(dags / f"{DAG_ID}.py", DAG_ID)
    real_airflow.add_dag(dags / "rollback_endpoint.py", "unfreeze_endpoint")
    return story.Stage(real_airflow, emulator, workspace, blob_service, dealt)


@pytest.fixture(scope="module")
def told(
    stage: story.Stage, under_way: UnderWay, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[Outcome, Outcome], str]:
    """Both outcomes, and what a person saw; the other story goes on beside this one."""
    screen = Screen(Console(file=StringIO(), width=100))
    story.land(screen, stage)
    outcomes = story.live_through(screen, stage)
    story.end(screen, outcomes, tmp_path_factory.mktemp("reports"))
    # What comes now makes trouble, which is meant for this story alone.
    under_way.ended()
    assert isinstance(screen.console.file, StringIO)
    return outcomes, screen.console.file.getvalue()


@pytest.mark.timeout(420)
def test_the_scheduler_promotes_the_good_month_and_keeps_the_champion_after_the_corrupted_one(
    told: tuple[tuple[Outcome, Outcome], str],
) -> None:
    (good, corrupted), _ = told

    assert good.departures("PROMOTE") == []
    assert corrupted.departures("REJECT") == []
    assert good.after == corrupted.before == corrupted.after


def test_airflow_warns_of_nothing_in_the_example_dags(stage: story.Stage) -> None:
    assert stage.airflow.rest.dag_warnings() == []


@pytest.mark.timeout(420)
def test_a_person_sees_both_decisions_side_by_side(
    told: tuple[tuple[Outcome, Outcome], str],
) -> None:
    (good, _), seen = told

    table = seen.partition("What was decided")[2]
    assert "PROMOTE" in table
    assert "REJECT" in table
    assert f"{good.before.score:.3f} → {good.after.score:.3f}" in table
    assert "the champion stays" in table


@pytest.mark.timeout(420)
def test_the_button_survives_a_killed_worker_trains_once_and_promotes_nothing_in_a_dry_run(
    stage: story.Stage, told: tuple[tuple[Outcome, Outcome], str]
) -> None:
    control, airflow = stage.emulator.control, stage.airflow
    before, ran = stage.endpoint(), {job["job_id"] for job in control.jobs()}
    control.fail_next({"delay": 15}, method="POST", path="/jobs")
    cut_off = f"{stage.census.good.cut_off}T00:00:00Z"

    run = airflow.rest.trigger(DAG_ID, data_cutoff=cut_off, dry_run=True)
    submit = airflow.wait_for_task(DAG_ID, run, "submit", "running", timeout=90)
    airflow.kill_worker(submit)
    state = airflow.wait_for_run(DAG_ID, run, timeout=240)

    assert state == "success"
    # It learned from the same rows as the champion and is the same, which proves nothing.
    assert airflow.rest.xcom(DAG_ID, run, EVALUATE)["verdict"] == "INCONCLUSIVE"
    note = airflow.rest.run(DAG_ID, run)["note"]
    assert re.fullmatch(rf"Verdict of {EVALUATE}: INCONCLUSIVE: The challenger's .*", note)
    assert airflow.rest.states(DAG_ID, run)[PROMOTE] == "skipped"
    assert stage.endpoint() == before
    trained = [
        job
        for job in control.jobs()
        if job["job_id"] not in ran and job["kind"] == "training" and job["started"]
    ]
    assert len(trained) == 1


@pytest.mark.timeout(420)
def test_a_person_rolls_back_which_freezes_promotions_until_a_person_releases_them(
    stage: story.Stage,
    workspace: CensusWorkspace,
    told: tuple[tuple[Outcome, Outcome], str],
) -> None:
    (good, _), _ = told
    airflow, champions = stage.airflow, ChampionStore(BlobStore(stage.blobs), RECORDS)
    airflow.rest.unpause("rollback_endpoint")
    airflow.rest.unpause("unfreeze_endpoint")

    back = airflow.rest.trigger("rollback_endpoint", why="complaints")
    assert airflow.wait_for_run("rollback_endpoint", back, timeout=120) == "success"

    endpoint = production(workspace).uri
    frozen = champions.read(endpoint).freeze
    assert stage.endpoint().score == good.before.score
    assert frozen is not None
    assert (frozen.by, frozen.why) == ("admin", "complaints")

    release = airflow.rest.trigger("unfreeze_endpoint")
    assert airflow.wait_for_run("unfreeze_endpoint", release, timeout=120) == "success"
    assert champions.read(endpoint).freeze is None


@pytest.mark.timeout(420)
def test_what_airflow_shows_of_a_promotion_holds_no_secret_and_names_the_decision(
    stage: story.Stage,
    workspace: CensusWorkspace,
    told: tuple[tuple[Outcome, Outcome], str],
) -> None:
    rest, azurite_key = stage.airflow.rest, stage.blobs.credential.account_key
    run = rest.runs(DAG_ID)[0]["dag_run_id"]
    key = production(workspace).keyring.secret(Credential.SERVICE_KEY)
    assert key is not None
    secrets = [workspace.token, azurite_key, key.reveal()]

    tasks, logs = rest.tasks(DAG_ID, run), rest.logs(DAG_ID, run)
    events = rest.asset_events(source_dag_id=DAG_ID, source_run_id=run)
    shown = json.dumps([tasks, rest.xcoms(DAG_ID, run), logs, events])

    decision = rest.xcom(DAG_ID, run, EVALUATE)["decision"]
    assert [event["extra"]["decision"] for event in events] == [decision]
    assert [secret for secret in secrets if secret in shown] == []
    assert "sig=" not in shown


def test_the_test_button_asks_the_service(stage: story.Stage, workspace: CensusWorkspace) -> None:
    good = stage.airflow.rest.test_connection(
        connection_id="trial", conn_type="aml_studio", **workspace.connection
    )
    bad = stage.airflow.rest.test_connection(
        connection_id="trial",
        conn_type="aml_studio",
        **{**workspace.connection, "password": "wrong"},
    )

    assert good["status"], good
    assert "Census" in good["message"]
    assert not bad["status"]
    assert "401" in bad["message"] or "refused" in bad["message"]
