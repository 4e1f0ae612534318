"""How a run ended for one that was given data to learn from, asked of Airflow itself."""

from http import HTTPStatus
from typing import Final

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_aml_retrain.client.consumption import Ended, Share
from airflow_aml_retrain.errors import ServiceUnavailable

_TROUBLE: Final = frozenset({"failed", "upstream_failed"})


def ended(share: Share) -> Ended | None:
    """
    How the run of *share* ended for the tasks that it was for; None if it goes on. Blocks.

    Raises `ServiceUnavailable` where Airflow does not say. A run can succeed although a journey
    in it failed: one of many models, or one with a task behind it that runs whatever became of it.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    try:
        state = RuntimeTaskInstance.get_dagrun_state(share.dag, share.run)
        if state == "success" and _has_failed(share):
            return Ended.FAILED
    except AirflowRuntimeError as exc:
        status = (exc.error.detail or {}).get("status_code")
        if status == HTTPStatus.NOT_FOUND:
            return Ended.DELETED if share.dag else None
        raise _unsaid(share, exc) from exc
    except OSError as exc:
        raise _unsaid(share, exc) from exc
    return {"success": Ended.SUCCESS, "failed": Ended.FAILED}.get(state)


def _has_failed(share: Share) -> bool:
    """Whether a task of the journey failed, as far as it is known which those are."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    index = share.index if share.index >= 0 else None
    states = RuntimeTaskInstance.get_task_states(share.dag, map_index=index, run_ids=[share.run])
    prefix = f"{share.group}." if share.group else ""
    return any(
        state in _TROUBLE and task.startswith(prefix)
        for task, state in states.get(share.run, {}).items()
    )


def _unsaid(share: Share, exc: Exception) -> ServiceUnavailable:
    msg = f"Airflow does not say how {share.dag}/{share.run} ended ({type(exc).__name__}: {exc})"
    return ServiceUnavailable(msg)
