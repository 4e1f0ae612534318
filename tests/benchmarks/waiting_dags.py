"""
The DAGs of `bench_many`: the same jobs, awaited by many tasks or by one.

In the first two a task makes the jobs, and each of them is started by the task that waits for it.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task
from foreign import ForeignOperator  # type: ignore[import-not-found] # a plugin: see `foreign`

from airflow_aml_retrain.operators.many import RetrainManyOperator
from airflow_aml_retrain.sensors.job import WaitForJobSensor

TRAINING = "Census training"
EVERY = 5.0

about: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "params": {"jobs": Param(100, type="integer"), "data": Param("", type="string")},
    "max_active_tasks": 200,
}


@task
def jobs() -> list[str]:
    """Make the jobs of this run; their references."""
    from airflow_aml_retrain.hooks.retrain import backend_for
    from airflow_aml_retrain.hooks.storage import blob_store

    params = get_current_context()["params"]
    container, _, path = params["data"].partition("/")
    blob = blob_store("wasb_default").reference(container, path)
    with backend_for("aml_studio_default", TRAINING) as backend:
        return [
            backend.reference(backend.run(backend.verbs.submit({"input1": blob}, {})))
            for _ in range(params["jobs"])
        ]


@task
def models() -> list[dict[str, Any]]:
    params = get_current_context()["params"]
    inputs = {"input1": params["data"]}
    return [{"model": f"model {number}", "inputs": inputs} for number in range(params["jobs"])]


with DAG("foreign", schedule=None, **about):
    ForeignOperator.partial(task_id="wait", conn_id="foreign", poll_interval=EVERY).expand(
        job=jobs()
    )

with DAG("mapped", schedule=None, **about):
    WaitForJobSensor.partial(
        task_id="wait", start=True, service=TRAINING, poll_interval=EVERY
    ).expand(job=jobs())

with DAG("fan_in", schedule=None, **about):
    asked: Any = models()
    RetrainManyOperator(
        task_id="wait",
        models=asked,
        service=TRAINING,
        max_active_jobs=1000,
        poll_interval=EVERY,
    )
