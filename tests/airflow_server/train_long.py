"""
# Trainings that last until somebody stops them.

*many* retrains three models in one task; *submit* begins one training, which *wait* awaits.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Param

from airflow_aml_retrain.operators.many import RetrainManyOperator
from airflow_aml_retrain.operators.submit import SubmitBatchRetrainOperator
from airflow_aml_retrain.sensors.job import WaitForJobSensor

TRAINER: dict[str, Any] = {"service": "Census training", "conn_id": "train_long_studio"}
STORAGE = "train_long_wasb"
MODELS = ("north", "south", "east")

with DAG(
    "train_long",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"data": Param("", type="string", description="Where the run's data lies")},
):
    RetrainManyOperator(
        task_id="many",
        models=[
            {"model": name, "inputs": {"input1": "{{ params.data }}/many.csv"}} for name in MODELS
        ],
        wasb_conn_id=STORAGE,
        poll_interval=1,
        **TRAINER,
    )

    submit = SubmitBatchRetrainOperator(
        task_id="submit",
        inputs={"input1": "{{ params.data }}/wait.csv"},
        wasb_conn_id=STORAGE,
        **TRAINER,
    )
    reference: Any = submit.output
    WaitForJobSensor(task_id="wait", job=reference, poll_interval=1, **TRAINER)
