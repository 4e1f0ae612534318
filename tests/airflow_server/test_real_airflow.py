"""The test bench itself: Airflow's own processes, driven over REST."""

from pathlib import Path

import pytest

from airflow_aml_retrain.demo.live import LiveAirflow


def test_a_dag_file_that_cannot_be_imported_is_said_at_once(
    real_airflow: LiveAirflow, tmp_path: Path
) -> None:
    file = tmp_path / "broken.py"
    file.write_text("from airflow.sdk import dag\nimport no_such_module\n")

    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        real_airflow.add_dag(file, "broken")
    (real_airflow.home.dags / file.name).unlink()
