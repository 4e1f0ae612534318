"""The emulator as a process of the demo."""

import sys
from pathlib import Path
from typing import Final

from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.processes import Supervisor, inherited_environment

_PATIENCE: Final = 60.0


def start(
    supervisor: Supervisor,
    azurite: Azurite,
    state: Path,
    port: int,
    *,
    propagation: float = 2.0,
    operation_time: float = 1.0,
    job_time: float = 0.0,
    jobs_at_a_time: int = 40,
) -> Emulator:
    """
    Start the emulator on *port*; it keeps what it knows in *state*, its models in *azurite*.

    *propagation* is for how many seconds a PATCH is not seen yet, *operation_time* how many the
    update of a definition takes, *job_time* how many a job takes at least; an endpoint runs
    *jobs_at_a_time*.
    """
    supervisor.start(
        "emulator",
        [
            *(sys.executable, "-m", "airflow_aml_retrain.emulator"),
            *("--port", str(port)),
            *("--state", state),
            *("--storage", azurite.connection_string),
            *("--propagation", str(propagation)),
            *("--operation-time", str(operation_time)),
            *("--job-time", str(job_time)),
            *("--jobs-at-a-time", str(jobs_at_a_time)),
        ],
        # Trees grown by several threads wait for each other on a machine as busy as ours.
        environment={**inherited_environment(), "OMP_NUM_THREADS": "1"},
    )
    emulator = Emulator(f"http://127.0.0.1:{port}")
    supervisor.wait_for(
        "the emulator to answer",
        lambda: emulator.control.is_healthy() or None,
        timeout=_PATIENCE,
    )
    return emulator
