"""
The retraining on a cluster, which loses a worker and a triggerer on the way.

All of `docker-compose.yaml` runs, its commands as processes: CeleryExecutor over Redis and
PostgreSQL, two workers, two triggerers. The worker that submits the training is lost when the
training has begun and before the worker knows; a triggerer is lost while scores are awaited in it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pytest

from airflow_aml_retrain.demo.azurite import KEY, Azurite
from airflow_aml_retrain.demo.outcome import EVALUATE, PROMOTE
from airflow_aml_retrain.demo.processes import Supervisor
from airflow_aml_retrain.demo.rest import Json
from airflow_aml_retrain.demo.workspace import CensusWorkspace
from tests.cluster.cluster import Cluster

DAG_ID: Final = CensusWorkspace.dag_id
# The job is started, and who asked is told to ask again later.
STARTED_UNSEEN: Final = {"status": 503, "after": True, "headers": {"Retry-After": "30"}}

pytestmark = pytest.mark.timeout(420)


@dataclass(frozen=True)
class Told:
    """
    One run, the containers *lost* during it, and what their health checks said then.

    *before* it there were trainings already, by which the cluster was furnished.
    """

    cluster: Cluster
    run: str
    state: str
    lost: dict[str, str]
    before: int
    health: dict[str, bool] = field(default_factory=dict)

    def task(self, task_id: str) -> Json:
        tasks = self.cluster.rest.tasks(DAG_ID, self.run)
        return next(task for task in tasks if task["task_id"] == task_id)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    # Not in the session's supervisor: what idles takes a tenth of a processor from other tests. And
    # not over its Azurite, where other stories want to see the same data land.
    with Supervisor(tmp_path_factory.mktemp("logs"), patience=1.0) as supervisor:
        azurite = Azurite.start(supervisor)
        yield Cluster.start(supervisor, azurite, tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def told(cluster: Cluster) -> Told:
    control, rest = cluster.emulator.control, cluster.rest
    before = len(trainings(cluster))
    cluster.wait("the DAG", lambda: rest.has_dag(DAG_ID) or None)
    control.fail_next(STARTED_UNSEEN, method="POST", path="/start")
    rest.unpause(DAG_ID)
    runs = cluster.wait("a run", lambda: rest.runs(DAG_ID) or None)
    run = str(runs[0]["dag_run_id"])
    lost: dict[str, str] = {}
    health: dict[str, bool] = {}

    cluster.wait("the training to begin", lambda: trainings(cluster)[before:] or None)
    submit = cluster.wait_for_task(DAG_ID, run, "submit", lambda task: task["hostname"])
    lost["worker"] = str(submit["hostname"])
    cluster.lose(lost["worker"])
    # Here, where nothing goes on but the time after which a lost worker is noticed.
    health |= {name: cluster.is_well(name) for name in ("worker-1", "worker-2")}

    score = cluster.wait_for_task(DAG_ID, run, "score_challenger", waits_in)
    lost["triggerer"] = waits_in(score)
    cluster.lose(lost["triggerer"])

    state = cluster.wait_for_run(DAG_ID, run)
    # Not before: a triggerer is mute while it reads its first connection.
    health |= {name: cluster.is_well(name) for name in ("triggerer-1", "triggerer-2")}
    return Told(cluster, run, state, lost, before, health)


def trainings(cluster: Cluster) -> list[Json]:
    """Every training job that was ever started, the earliest first."""
    jobs = cluster.emulator.control.jobs()
    started = [job for job in jobs if job["kind"] == "training" and job["started"]]
    return sorted(started, key=lambda job: float(job["started_at"]))


def waits_in(task: Json) -> str:
    """The triggerer in which a task waits; empty while none does."""
    is_waiting = task["state"] == "deferred" and task["triggerer_job"]
    return str(task["triggerer_job"]["hostname"]) if is_waiting else ""


def test_the_run_ends_promoted(told: Told) -> None:
    rest = told.cluster.rest

    assert told.state == "success"
    assert rest.xcom(DAG_ID, told.run, EVALUATE)["verdict"] == "PROMOTE"
    assert rest.states(DAG_ID, told.run)[PROMOTE] == "success"


def test_exactly_one_training_was_started(told: Told) -> None:
    # The run of the next month, which is due too, begins when this one has ended.
    ended = datetime.fromisoformat(told.cluster.rest.run(DAG_ID, told.run)["end_date"]).timestamp()
    begun = trainings(told.cluster)[told.before :]
    started = [job for job in begun if job["started_at"] < ended]

    assert [job["started"] for job in started] == [1]


def test_what_the_lost_ones_did_is_done_by_the_others(told: Told) -> None:
    submit, score = told.task("submit"), told.task("score_challenger")

    assert submit["try_number"] == 2
    assert submit["hostname"] != told.lost["worker"]
    assert score["try_number"] == 1
    assert score["state"] == "success"


def test_the_health_checks_tell_who_is_lost(told: Told) -> None:
    lost = set(told.lost.values())

    assert told.health == {name: name not in lost for name in told.health}
    assert lost < set(told.health)


def test_the_log_of_a_lost_worker_is_still_read(told: Told) -> None:
    assert told.cluster.rest.log(DAG_ID, told.run, "submit", attempt=1)


def test_who_is_furnished_already_is_left_as_it_is(told: Told) -> None:
    cluster = told.cluster
    connection = cluster.rest.call("GET", f"connections/{CensusWorkspace.conn_id}")

    said = cluster.run("furnish")

    assert "0 new of" in said
    assert said.count("is there already") == 3
    assert cluster.rest.call("GET", f"connections/{CensusWorkspace.conn_id}") == connection


def test_nothing_that_airflow_shows_holds_a_secret(told: Told) -> None:
    rest = told.cluster.rest
    shown = json.dumps(
        [rest.xcoms(DAG_ID, told.run), rest.logs(DAG_ID, told.run), rest.asset_events()]
    )

    secrets = [KEY, *told.cluster.secrets]
    assert [secret for secret in secrets if secret in shown] == []
    assert "sig=" not in shown
