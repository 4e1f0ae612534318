"""
The verdicts of a run as the run's note, which people read in the list of runs.

Law: a task may not write its run's note, and a listener in the scheduler may. What people wrote
there stays. The scheduler's own transaction is only added to: the verdicts are read in another,
so that whatever is wrong with them, scheduling goes on.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun  # noqa: TID251 - the scheduler has a database

_MARK: Final = "Verdict of "
_LONGEST: Final = 1000
"""Characters that Airflow keeps of a note."""


@hookimpl
def on_dag_run_success(dag_run: "DagRun") -> None:
    _note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: "DagRun") -> None:
    _note(dag_run)


def _note(dag_run: "DagRun") -> None:
    verdicts = list(_verdicts(dag_run.dag_id, dag_run.run_id))
    if verdicts:
        said = str(dag_run.note or "").splitlines()
        others = [line for line in said if not line.startswith(_MARK)]
        dag_run.note = "\n".join([*others, *verdicts])[:_LONGEST]


def _verdicts(dag_id: str, run_id: str) -> Iterator[str]:
    """A line for each decision of the run."""
    from airflow.models.taskinstance import TaskInstance  # noqa: TID251 - as above
    from airflow.models.xcom import XComModel  # noqa: TID251 - as above
    from airflow.utils.session import create_session
    from sqlalchemy import and_, select

    from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator

    asked = (
        select(XComModel.task_id, XComModel.map_index, XComModel.value)
        .join(
            TaskInstance,
            and_(
                TaskInstance.dag_id == XComModel.dag_id,
                TaskInstance.run_id == XComModel.run_id,
                TaskInstance.task_id == XComModel.task_id,
                TaskInstance.map_index == XComModel.map_index,
            ),
        )
        .where(
            XComModel.dag_id == dag_id,
            XComModel.run_id == run_id,
            XComModel.key == "return_value",
            TaskInstance.operator == EvaluateModelOperator.__name__,
        )
        .order_by(XComModel.task_id, XComModel.map_index)
    )
    with create_session(scoped=False) as session:
        found = session.execute(asked).all()
    for task_id, map_index, value in found:
        match value:
            case {"headline": str(headline)}:
                who = task_id if map_index < 0 else f"{task_id} [{map_index}]"
                yield f"{_MARK}{who}: {headline}"
