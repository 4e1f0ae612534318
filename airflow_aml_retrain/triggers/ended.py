"""How a run ended that was given data to learn from, asked of Airflow itself."""

from http import HTTPStatus

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_aml_retrain.client.consumption import Ended, Share


def ended(share: Share) -> Ended | None:
    """How the run of *share* ended; None if it goes on, or cannot be asked about. Blocks."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    try:
        state = RuntimeTaskInstance.get_dagrun_state(share.dag, share.run)
    except AirflowRuntimeError as exc:
        status = (exc.error.detail or {}).get("status_code")
        return Ended.DELETED if status == HTTPStatus.NOT_FOUND and share.dag else None
    except OSError:
        return None
    return {"success": Ended.SUCCESS, "failed": Ended.FAILED}.get(state)
