"""Every example DAG loads, reads as a story, and can be started by a person."""

from pathlib import Path
from typing import Final

import pytest
from airflow.sdk import DAG

DAGS: Final = Path(__file__).parents[2] / "dags"
IDS: Final = {"retrain_on_schedule", "rollback_endpoint", "unfreeze_endpoint"}


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


def test_the_graph_reads_as_the_story(dags: dict[str, DAG]) -> None:
    dag = dags["retrain_on_schedule"]

    below = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
    assert below["create_endpoints"] == {"prepare"}
    assert {"submit"} <= below["prepare"]
    assert below["submit"] == {"wait"}
    assert {"score_champion", "score_challenger"} <= below["stage"]
    assert below["score_challenger"] == {"evaluate", "release"}
    assert below["evaluate"] == {"promote"}
    assert below["promote"] == set()
    assert dag.get_task("release").is_teardown


def test_the_schedule_catches_up_on_one_month_at_a_time(dags: dict[str, DAG]) -> None:
    dag = dags["retrain_on_schedule"]

    assert dag.catchup
    assert dag.max_active_runs == 1
