"""
# Three models in one task, as soon as there is enough to learn from.

*enough* waits until rows enough have landed; *many* retrains three models.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_aml_retrain.operators.many import RetrainManyOperator
from airflow_aml_retrain.sensors.data import NewDataSensor

STORAGE = "train_when_enough_wasb"
MODELS = ("north", "south", "east")

with DAG(
    "train_when_enough",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"container": Param("", type="string", description="Where the run's data lies")},
):
    enough = NewDataSensor(
        task_id="enough",
        source="{{ params.container }}/landing/",
        arrivals="{{ params.container }}/arrivals",
        minimum_rows=100,
        poll_interval=1,
        wasb_conn_id=STORAGE,
    )
    many = RetrainManyOperator(
        task_id="many",
        models=[
            {"model": name, "inputs": {"input1": "{{ params.container }}/landing/first.csv"}}
            for name in MODELS
        ],
        service="Census training",
        conn_id="train_when_enough_studio",
        wasb_conn_id=STORAGE,
        poll_interval=1,
        retries=1,
        retry_delay=timedelta(seconds=0),
    )
    enough >> many
