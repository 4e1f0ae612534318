"""
Whether a task still wants what it began, asked of Airflow itself.

Airflow tells a process to end for many reasons, and only one of them is a person who stopped the
task: before anything is cancelled, the task's own state is asked for.
"""

from typing import Any

from airflow.sdk import TaskInstanceState
from airflow.sdk.exceptions import AirflowRuntimeError


def state_of(task: Any) -> str | None:
    """What Airflow says now of the task instance *task*; blocks."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=task.dag_id,
        task_ids=[task.task_id],
        run_ids=[task.run_id],
        map_index=task.map_index,
    )
    return next(iter(states.get(task.run_id, {}).values()), None)


async def is_awaited_elsewhere(task: Any) -> bool:
    """
    Whether *task*, that a trigger waited for, still waits, and only this triggerer lost it.

    Airflow 3.3.2 also calls `on_kill` on triggers that were assigned to another triggerer
    (apache/airflow #73454); a task that a person stopped is no longer deferred. None waits for
    nothing: so it is outside a triggerer.
    """
    from asgiref.sync import sync_to_async

    if task is None:
        return False
    return await sync_to_async(state_of)(task) == TaskInstanceState.DEFERRED


def is_stopped_by_person(task: Any) -> bool:
    """
    Whether a task that is told to end while it runs has been failed or cleared by a person.

    A worker that is drained, or has lost touch with Airflow, is told to end as well, and its
    task is tried again. Who cannot ask leaves things for that try.
    """
    try:
        return state_of(task) != TaskInstanceState.RUNNING
    except (AirflowRuntimeError, OSError):
        return False
