"""Runs as Airflow tells a task of them that asks."""

from types import SimpleNamespace
from typing import Final

import pytest
from airflow.sdk.api.datamodels._generated import DagRunState
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import (
    DagRunStateResult,
    ErrorResponse,
    GetDagRunState,
    GetTaskStates,
    TaskStatesResult,
)

DELETED: Final = "deleted"
UNSAID: Final = "unsaid"

_STATUS: Final = {DELETED: 404, UNSAID: 503}


class States(dict[str, str]):
    """
    Of runs, by "dag/run", and of tasks, by "dag/run/task" or "dag/run/task_2".

    Runs that are not named still run. *asked* is how often Airflow was asked.
    """

    asked = 0


def told_of_runs(monkeypatch: pytest.MonkeyPatch) -> States:
    states = States()

    def send(msg: GetDagRunState | GetTaskStates) -> DagRunStateResult | TaskStatesResult:
        states.asked += 1
        if isinstance(msg, GetTaskStates):
            return TaskStatesResult(task_states={run: tasks(msg, run) for run in msg.run_ids or ()})
        state = states.get(f"{msg.dag_id}/{msg.run_id}", "running")
        if status := _STATUS.get(state):
            detail = {"status_code": status, "message": state}
            raise AirflowRuntimeError(
                ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail)
            )
        return DagRunStateResult(state=DagRunState(state))

    def tasks(msg: GetTaskStates, run: str) -> dict[str, str]:
        prefix = f"{msg.dag_id}/{run}/"
        suffix = "" if msg.map_index is None else f"_{msg.map_index}"
        return {
            name.removeprefix(prefix): state
            for name, state in states.items()
            if name.startswith(prefix) and name.endswith(suffix)
        }

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
    return states
