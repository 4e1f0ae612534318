"""The test bench itself: Airflow's own processes, driven over REST."""

from pathlib import Path

import pytest

from airflow_aml_retrain.demo.live import LiveAirflow
from airflow_aml_retrain.demo.rest import serves_tasks


def test_a_dag_file_that_cannot_be_imported_is_said_at_once(
    real_airflow: LiveAirflow, tmp_path: Path
) -> None:
    file = tmp_path / "broken.py"
    file.write_text("from airflow.sdk import dag\nimport no_such_module\n")

    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        real_airflow.add_dag(file, "broken")
    (real_airflow.home.dags / file.name).unlink()


def test_a_task_and_a_user_never_wait_for_the_same_process(real_airflow: LiveAirflow) -> None:
    # That they would wait for each other (`Home` says why) is a matter of milliseconds, too
    # seldom to be waited for here.
    assert serves_tasks(real_airflow.home.execution_url)
    assert not serves_tasks(f"{real_airflow.home.url}/execution")
