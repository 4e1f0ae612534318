"""The whole journey as a DAG between a desk's endpoints, with times short enough for a test."""

from datetime import UTC, datetime
from typing import Any, Final

from airflow.sdk import DAG

from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from tests.operators.desk import Desk
from tests.world import SCORING, TRAINING

POLICY: Final = {
    "data": {"label": "income"},
    "checks": [{"metric": "auc", "vs": "champion", "margin": 0.01}],
}
ROWS: Final = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


def journey(desk: Desk, **changes: Any) -> DAG:
    dag_id, start = f"journey_{desk.container}", datetime(2026, 1, 1, tzinfo=UTC)
    with DAG(dag_id, schedule=None, start_date=start) as dag:
        retrain_and_promote(
            **{
                "source": f"{desk.container}/landing",
                "label": "income",
                "holdout_fraction": 0.4,
                "training_service": TRAINING,
                "service": SCORING,
                "endpoint": desk.production,
                "staging_endpoint": desk.staging,
                "anchor_endpoint": desk.anchor,
                "policy": POLICY,
                "storage": desk.container,
                "poll_interval": 0.1,
                "propagation": 2.0,
                "verify_timeout": 5.0,
                **changes,
            }
        )
    return dag
