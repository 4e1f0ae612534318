"""
The report of a task's decision, read from storage for who may read the task.

Law: whoever asks is known to Airflow and may read the DAG's task instances and XComs, or is
refused as Airflow's own API refuses. What is shown is a report among the decisions of the very run
that was asked for, and never another blob, whatever an XCom says. A page holds no script, and may
run none.
"""

import json
import logging
import re
from typing import Final, NamedTuple

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.xcom import XComModel  # noqa: TID251 - the web server has the database
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from sqlalchemy import select

from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.errors import BadInput, RetrainError
from airflow_aml_retrain.hooks.storage import blob_store
from airflow_aml_retrain.links.task import REPORT
from airflow_aml_retrain.operators.run import run_folder

log: Final = logging.getLogger(__name__)

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MAY_READ: Final = [
    Depends(requires_access_dag("GET", entity))
    for entity in (DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
]

# No step begins with a dot, and none holds what a URL or a path could mean otherwise.
_STEP: Final = re.compile(r"[\w-][\w .=@+-]*")

router: Final = APIRouter(dependencies=_MAY_READ)


class _Left(NamedTuple):
    """What a task left: where its report lies, and the connection to read it by."""

    place: str
    wasb_conn_id: str


def create_app() -> FastAPI:
    """The page and nothing else: no documentation, which would be open to anybody."""
    app = FastAPI(title="airflow-aml-retrain", openapi_url=None)
    app.include_router(router)
    return app


@router.get("/report/{dag_id}/{run_id}/{task_id}")
@router.get("/report/{dag_id}/{run_id}/{task_id}/{map_index}")
def report(
    dag_id: str, run_id: str, task_id: str, session: SessionDep, map_index: int = -1
) -> Response:
    """The report as a page; 404 where there is none, 502 where storage does not give it."""
    asked = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
    left = _left(session.scalar(select(XComModel.value).filter_by(key=REPORT, **asked)))
    if left is None:
        return _said(404, f"Task {task_id} of this run has left no report (yet).")
    if not is_report_of(left.place, dag_id, run_id):
        return _said(404, f"What task {task_id} left is no report of this run: {left.place}")
    return _read(left)


def is_report_of(place: str, dag_id: str, run_id: str) -> bool:
    """Whether *place* is among the reports of this run; who may read a DAG may read its own."""
    head, folder, tail = place.partition(f"/decisions/{run_folder(dag_id, run_id)}/")
    steps = [*head.split("/"), *tail.split("/")]
    return bool(folder) and tail.endswith(".html") and all(map(_STEP.fullmatch, steps))


def _read(left: _Left) -> Response:
    try:
        store = blob_store(left.wasb_conn_id)
        content = store.read(*split_path(left.place))
    except AirflowNotFoundException:
        return _said(502, f"There is no connection {left.wasb_conn_id} to read the report by.")
    except BadInput:
        return _said(404, f"The report is not there any more: {left.place}")
    except RetrainError as exc:
        log.warning("The report %s could not be read: %s", left.place, exc)
        return _said(502, f"The report could not be read: {exc}")
    return HTMLResponse(content, headers=_HEADERS)


def _left(value: object) -> _Left | None:
    match _plain(value):
        case {"report": str(place), "wasb_conn_id": str(wasb_conn_id)}:
            return _Left(place, wasb_conn_id)
        case _:
            return None


def _plain(value: object) -> object:
    """An XCom as its task left it: Airflow keeps it as JSON, or as text that is JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _said(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence, status, headers=_HEADERS)
