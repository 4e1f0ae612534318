"""
The story of a new web service, on the test bench: a month that is promoted, by an update.

Airflow's processes sign in as this machine, by the emulator's identity endpoint; no secret stands
in the connection.
"""

import json

import pytest

from airflow_aml_retrain.demo.outcome import EVALUATE, PROMOTE
from airflow_aml_retrain.demo.resources import CensusResources
from airflow_aml_retrain.wire.arm import DefinitionVerbs
from airflow_aml_retrain.wire.transfer import imported
from tests.demo.under_way import DAG_ID, UnderWay

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def done(under_way: UnderWay) -> UnderWay:
    assert under_way.ended() == "success"
    return under_way


def test_the_scheduler_promotes_a_better_model_of_a_new_web_service_and_sees_it_serve(
    done: UnderWay,
) -> None:
    rest, after = done.stage.airflow.rest, done.stage.endpoint()
    promoted = rest.xcom(DAG_ID, done.run, PROMOTE)

    assert rest.xcom(DAG_ID, done.run, EVALUATE)["verdict"] == "PROMOTE"
    assert promoted["proven"]
    assert after.model == promoted["champion"]["location"] != done.before.model
    assert after.score != done.before.score


@pytest.mark.parametrize("task", ["stage", PROMOTE])
def test_an_update_is_followed_without_a_worker(done: UnderWay, task: str) -> None:
    logged = done.stage.airflow.rest.log(DAG_ID, done.run, task)

    paths = [request["path"] for request in done.stage.emulator.control.requests()]
    assert "Trigger fired event" in logged.partition("Pausing task as DEFERRED")[2]
    assert [path for path in paths if "/operationsStatus/" in path]


def test_the_definition_before_is_exported_as_a_file(done: UnderWay) -> None:
    [model] = imported(done.exported()).serving().models.values()

    assert model.location == done.before.model


def test_airflow_warns_of_nothing_in_the_example(done: UnderWay) -> None:
    warned = [warning["dag_id"] for warning in done.stage.airflow.rest.dag_warnings()]

    assert DAG_ID not in warned


def test_what_airflow_shows_of_an_update_holds_no_secret(done: UnderWay) -> None:
    rest, run = done.stage.airflow.rest, done.run
    tasks, logs = rest.tasks(DAG_ID, run), rest.logs(DAG_ID, run)
    [event] = rest.asset_events(source_dag_id=DAG_ID)

    shown = json.dumps([tasks, rest.xcoms(DAG_ID, run), logs, event, done.exported().decode()])
    azurite_key = done.stage.blobs.credential.account_key
    # All tokens of the emulator begin alike, and a SAS is signed like this.
    marks = [done.scene.machine.token().reveal().partition(".")[0], "sig="]
    secrets = [*_keys(done.scene), done.scene.machine.header, azurite_key, *marks]
    assert "as its answers prove" in shown  # so the logs are there to be searched
    assert [secret for secret in secrets if secret in shown] == []


def _keys(scene: CensusResources) -> list[str]:
    """Those of all three services, as the Resource Manager tells them."""
    folder, _, _ = scene.path.rpartition("/")
    urls = [f"{scene.machine.url}{folder}/{name}" for name in _SERVICES]
    with scene._speaking() as arm:
        keys = [arm.run(DefinitionVerbs(url).keys()) for url in urls]
    return [key.reveal() for each in keys for key in (each.primary, each.secondary)]


_SERVICES = ("census", "census-training", "census-staging", "census-anchor")
