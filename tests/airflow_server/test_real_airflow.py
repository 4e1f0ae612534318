"""The test bench itself: Airflow's own processes, driven over REST."""

from pathlib import Path

import pytest

from airflow_aml_retrain.demo.live import LiveAirflow

DAG = """
from airflow.sdk import dag, task


@dag(schedule=None)
def bench():
    @task(retries=1, retry_delay=0.1)
    def slow(ti=None):
        print("attempt", ti.try_number)
        if ti.try_number == 1:
            import threading
            threading.Event().wait(120)
        return {"attempt": ti.try_number}

    slow()


bench()
"""


@pytest.fixture(scope="module")
def bench(real_airflow: LiveAirflow, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("bench") / "bench.py"
    file.write_text(DAG)
    real_airflow.add_dag(file, "bench")
    real_airflow.rest.unpause("bench")
    return "bench"


def test_a_task_whose_worker_is_killed_is_tried_again(
    real_airflow: LiveAirflow, bench: str
) -> None:
    run = real_airflow.rest.trigger(bench)
    task = real_airflow.wait_for_task(bench, run, "slow", "running", timeout=60)

    real_airflow.kill_worker(task)
    state = real_airflow.wait_for_run(bench, run, timeout=60)

    assert state == "success"
    assert real_airflow.rest.xcom(bench, run, "slow") == {"attempt": 2}
    assert "attempt 2" in real_airflow.rest.log(bench, run, "slow", attempt=2)


def test_a_dag_file_that_cannot_be_imported_is_said_at_once(
    real_airflow: LiveAirflow, tmp_path: Path
) -> None:
    file = tmp_path / "broken.py"
    file.write_text("from airflow.sdk import dag\nimport no_such_module\n")

    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        real_airflow.add_dag(file, "broken")
    (real_airflow.home.dags / file.name).unlink()
