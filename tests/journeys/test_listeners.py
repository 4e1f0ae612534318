"""A journey beside those who listen to tasks, as OpenLineage does: it loads, and they are told."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

import pytest
from airflow.listeners import hookimpl
from airflow.listeners.listener import get_listener_manager as of_airflow
from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.listener import get_listener_manager as of_tasks

from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.sensors.job import WaitForJobSensor

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
FAR: Final = 4e9


@hookimpl
def on_task_instance_success() -> None:
    """Listen, and do nothing about it."""


@pytest.fixture
def listener() -> Iterator[None]:
    listening = SimpleNamespace(on_task_instance_success=on_task_instance_success)
    managers = of_airflow(), of_tasks()
    for manager in managers:
        manager.pm.register(listening)
    yield
    for manager in managers:
        manager.pm.unregister(listening)


def ends_from_trigger(**changes: Any) -> bool:
    sensor = WaitForJobSensor(task_id="wait", job="https://service/jobs/1", **changes)
    with pytest.raises(TaskDeferred) as deferred:
        sensor._defer(FAR)
    return bool(deferred.value.trigger.end_from_trigger)


def test_a_journey_loads_beside_a_listener(airflow_home: Home, listener: None) -> None:
    from airflow.dag_processing.dagbag import DagBag

    with DAG("listened", schedule=None, start_date=START) as dag:
        retrain_and_promote(source="a/b", training_service="t", service="s", policy={})

    DagBag(os.devnull, bundle_name="dags-folder").bag_dag(dag)


def test_success_ends_a_task_in_the_triggerer_where_nobody_listens() -> None:
    assert ends_from_trigger()
    assert not ends_from_trigger(end_from_trigger=False)


def test_success_goes_by_the_worker_where_somebody_listens(listener: None) -> None:
    assert not ends_from_trigger()
