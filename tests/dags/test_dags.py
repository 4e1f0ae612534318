"""Every example DAG loads, reads as a story, and can be started by a person."""

from pathlib import Path
from typing import Any, Final

import pytest
from airflow.sdk import DAG

DAGS: Final = Path(__file__).parents[2] / "dags"
IDS: Final = {
    "retrain_many_models",
    "retrain_new_web_service",
    "retrain_on_messages",
    "retrain_on_new_data",
    "retrain_on_schedule",
    "rollback_endpoint",
    "unfreeze_endpoint",
}


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(DAGS), bundle_name="dags-folder")
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_the_examples_are_all_there(dags: dict[str, DAG]) -> None:
    assert set(dags) == IDS


@pytest.mark.parametrize("dag_id", sorted(IDS))
def test_every_example_says_what_it_does(dags: dict[str, DAG], dag_id: str) -> None:
    dag = dags[dag_id]

    assert dag.description
    assert dag.doc_md
    assert dag.tags


@pytest.mark.parametrize("dag_id", sorted(IDS))
def test_every_example_has_a_form_whose_defaults_are_valid(
    dags: dict[str, DAG], dag_id: str
) -> None:
    params = dags[dag_id].params

    assert params
    params.validate()


@pytest.mark.parametrize("dag_id", sorted(IDS - {"rollback_endpoint", "unfreeze_endpoint"}))
def test_the_graph_reads_as_the_story(dags: dict[str, DAG], dag_id: str) -> None:
    dag = dags[dag_id]

    below = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
    assert {"submit"} <= below["prepare"]
    assert below["submit"] == {"wait"}
    assert below["wait"] == {"stage", "anchor"}
    assert {"score_champion", "score_challenger"} <= below["stage"]
    assert below["anchor"] == {"score_anchor"}
    assert below["score_anchor"] == {"evaluate"}
    assert below["score_challenger"] == {"evaluate", "release"}
    assert below["evaluate"] == {"approve"}
    assert below["approve"] == {"promote"}
    assert below["promote"] == ({"summary"} if dag_id == "retrain_many_models" else set())
    assert dag.get_task("release").is_teardown


def test_what_is_needed_is_made_before_the_journey(dags: dict[str, DAG]) -> None:
    classic, new = dags["retrain_on_schedule"], dags["retrain_new_web_service"]

    assert classic.get_task("create_endpoints").downstream_task_ids == {"prepare"}
    assert new.get_task("export").downstream_task_ids == {"prepare"}
    assert new.get_task("create_twins").downstream_task_ids == {"prepare"}


@pytest.mark.parametrize("dag_id", ["retrain_on_messages", "retrain_on_new_data"])
def test_what_arrives_wakes_one_run_at_a_time(dags: dict[str, Any], dag_id: str) -> None:
    dag = dags[dag_id]

    assert dag.timetable.asset_condition
    assert dag.max_active_runs == 1
    assert dag.get_task("prepare").arrivals == "aml-retrain/arrivals"
    assert dag.get_task("prepare").take_stock is (dag_id == "retrain_on_messages")


def test_the_watcher_and_the_run_keep_one_ledger(dags: dict[str, Any]) -> None:
    prepare = dags["retrain_on_new_data"].get_task("prepare")
    [asset] = dags["retrain_on_new_data"].timetable.asset_condition.objects
    [watcher] = asset.watchers
    said = watcher.trigger.serialize() if hasattr(watcher.trigger, "serialize") else watcher.trigger

    kwargs = said["kwargs"] if isinstance(said, dict) else said[1]
    assert (kwargs["source"], kwargs["arrivals"]) == (prepare.source, prepare.arrivals)


def test_the_schedule_catches_up_on_one_month_at_a_time(dags: dict[str, DAG]) -> None:
    dag = dags["retrain_on_schedule"]

    assert dag.catchup
    assert dag.max_active_runs == 1
