"""What one `EvaluateModelOperator` promises when the training job evaluated its model itself."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator
from airflow_aml_retrain.operators.patch import PatchEndpointOperator
from tests.operators.desk import Desk
from tests.world import SCORING, TRAINING, World, answers, census_like

ROWS = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk


def by_evaluation(desk: Desk, **policy: Any) -> DAG:
    job = desk.world.trained("good", census_like(300), desk.container)
    with desk.world.backend(TRAINING) as trainer:
        reference = trainer.reference(job)
    dag_id, start = f"evaluation_{desk.container}", datetime(2026, 1, 1, tzinfo=UTC)
    place = {"records": f"{desk.container}/records", "archives": f"{desk.container}/archives"}
    where: dict[str, Any] = {"service": SCORING, "endpoint": desk.production, **place}
    with DAG(dag_id, schedule=None, start_date=start) as dag:
        evaluate = EvaluateModelOperator(
            task_id="evaluate",
            policy=policy,
            evaluation=reference,
            trainer_service=TRAINING,
            **where,
        )
        decided: Any = evaluate.output
        PatchEndpointOperator(
            task_id="promote", decision=decided["decision"], verify_timeout=5, **where
        )
    return dag


def test_a_job_s_own_evaluation_can_promote_by_absolute_bounds_unproven(desk: Desk) -> None:
    before = answers(desk.backend, ROWS)

    states = desk.run(by_evaluation(desk, checks=[{"metric": "auc", "at_least": 0.8}]))

    assert states == {"evaluate": "success", "promote": "success"}
    assert desk.xcom("promote")["proven"] is False
    assert answers(desk.backend, ROWS) != before


def test_a_comparison_without_the_champion_s_numbers_is_invalid(desk: Desk) -> None:
    states = desk.run(by_evaluation(desk, checks=[{"metric": "auc", "vs": "champion"}]))

    assert states == {"evaluate": "failed", "promote": "upstream_failed"}
    assert desk.xcom("evaluate")["verdict"] == "INVALID"
