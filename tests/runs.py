"""Runs as Airflow tells a task of them that asks."""

from types import SimpleNamespace

import pytest
from airflow.sdk.api.datamodels._generated import DagRunState
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import DagRunStateResult, ErrorResponse, GetDagRunState

DELETED = "deleted"


def told_of_runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The states of runs, by "dag/run"; those that are not named still run."""
    states: dict[str, str] = {}

    def send(msg: GetDagRunState) -> DagRunStateResult:
        state = states.get(f"{msg.dag_id}/{msg.run_id}", "running")
        if state == DELETED:
            detail = {"status_code": 404, "message": "not found"}
            raise AirflowRuntimeError(
                ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail)
            )
        return DagRunStateResult(state=DagRunState(state))

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
    return states
