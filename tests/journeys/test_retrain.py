"""What `retrain_and_promote` promises before anything runs: names that differ, graphs that load."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from airflow.sdk import DAG, TaskGroup, task_group

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.operators.prepare import PrepareDataOperator

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
WHAT: Final[dict[str, Any]] = {
    "source": "census/landing",
    "training_service": "Census training",
    "service": "Census",
    "policy": {},
}


def journey(**changes: Any) -> DAG:
    with DAG("journey", schedule=None, start_date=START) as dag:
        retrain_and_promote(**{**WHAT, **changes})
    dag.validate()
    return dag


@pytest.mark.parametrize(
    "changes",
    [
        {"staging_endpoint": "Production"},
        {"anchor_endpoint": "production"},
        {"anchor_endpoint": "STAGING"},
        {"staging_service": "census"},
        {"staging_service": "census-staging", "anchor_service": "Census-Staging"},
    ],
)
def test_what_users_call_is_neither_staging_nor_anchor(changes: dict[str, str]) -> None:
    with pytest.raises(NotConfigured, match="the latter two must serve nobody"):
        journey(**changes)


def test_what_makes_a_folder_whole_is_asked_of_who_takes_stock() -> None:
    prepare = journey(take_stock=True, marker="_SUCCESS", suffix=".txt").get_task("prepare")

    assert isinstance(prepare, PrepareDataOperator)
    assert (prepare.marker, prepare.suffix) == ("_SUCCESS", ".txt")


@pytest.mark.parametrize("changes", [{"anchor_endpoint": None}, {"staging_service": "twin"}])
def test_a_journey_without_an_endpoint_for_it_makes_no_anchor(changes: dict[str, Any]) -> None:
    tasks = journey(**changes).task_dict

    assert not [task for task in tasks if "anchor" in task]
    assert tasks["evaluate"].upstream_task_ids == {"prepare", "score_champion", "score_challenger"}


def test_an_anchor_that_is_skipped_does_not_stop_the_judgement_and_one_that_fails_does() -> None:
    dag = journey()

    assert dag.get_task("score_anchor").trigger_rule == "all_success"
    assert dag.get_task("evaluate").trigger_rule == "none_failed"
    assert "score_anchor" in dag.get_task("evaluate").upstream_task_ids


def test_a_journey_can_be_mapped_over_endpoints_that_are_named_at_run_time() -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    @task_group
    def one(endpoint: str, policy: str) -> TaskGroup:
        return retrain_and_promote(**{**WHAT, "endpoint": endpoint, "policy": policy})

    with DAG("mapped", schedule=None, start_date=START) as dag:
        one.expand_kwargs([{"endpoint": "north", "policy": "{}"}])
    dag.validate()

    promote = dag.get_task("promote")
    assert promote.get_closest_mapped_task_group() is not None
    assert promote.outlets == []
    assert DagSerialization.to_dict(dag)
