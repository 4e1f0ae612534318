"""What the demo and the tests ask of a running Airflow, over its public REST API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests  # noqa: TID253 - no DAG file imports the demo

from airflow_aml_retrain.demo.processes import DemoFailed

_PATIENCE = 60.0

# The API's answers are JSON that Airflow's own documentation describes; here they are only read.
Json = dict[str, Any]


class Refused(DemoFailed):
    """Airflow answered with an error: its *status*, and in the message what it said."""

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Rest:
    """One Airflow at *url*, spoken to as *user*."""

    url: str
    user: str
    password: str = field(repr=False)
    _token: str = field(default="", repr=False)

    def call(self, method: str, path: str, body: object = None, **query: str) -> Json:
        """Ask ``/api/v2/PATH`` and return the JSON that came, {} when none did."""
        answer = self._send(method, path, body, query)
        if answer.status_code == 401:
            self._token = ""
            answer = self._send(method, path, body, query)
        if not answer.ok:
            msg = f"{method} {path}: Airflow answered {answer.status_code}: {answer.text[:1000]}"
            raise Refused(msg, answer.status_code)
        return dict(answer.json()) if answer.content else {}

    def is_healthy(self) -> bool:
        """Whether api-server, scheduler, triggerer and dag-processor all say so."""
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        said = _said(f"{self.url}/api/v2/monitor/health")
        return all((said.get(part) or {}).get("status") == "healthy" for part in parts)

    def heartbeat(self, component: str) -> str:
        """When the last scheduler, triggerer or dag-processor said that it lives, as ISO text."""
        part = component.replace("-", "_")
        return str(self.call("GET", "monitor/health")[part][f"latest_{part}_heartbeat"])

    def has_connection(self, conn_id: str) -> bool:
        try:
            return bool(self.call("GET", f"connections/{conn_id}"))
        except Refused as exc:
            if exc.status == 404:
                return False
            raise

    def add_connection(self, conn_id: str, conn_type: str, **fields: object) -> None:
        """Make a connection, in place of the one of that name if there is one."""
        connection = {"connection_id": conn_id, "conn_type": conn_type, **fields}
        create = {"action": "create", "action_on_existence": "overwrite", "entities": [connection]}
        errors = self.call("PATCH", "connections", {"actions": [create]})["create"]["errors"]
        if errors:
            msg = f"connection {conn_id}: Airflow answered {errors}"
            raise Refused(msg)

    def has_dag(self, dag_id: str) -> bool:
        answer = self._send("GET", f"dags/{dag_id}", None, {})
        return answer.ok

    def import_errors(self) -> list[Json]:
        return list(self.call("GET", "importErrors")["import_errors"])

    def dag_warnings(self) -> list[Json]:
        return list(self.call("GET", "dagWarnings")["dag_warnings"])

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": False}, update_mask="is_paused")

    def trigger(self, dag_id: str, **conf: object) -> str:
        """Start a run by hand, with no logical date, as the UI's button does; its run id."""
        body = {"logical_date": None, "conf": conf}
        return str(self.call("POST", f"dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str) -> list[Json]:
        """The runs, the earliest first."""
        return list(self.call("GET", f"dags/{dag_id}/dagRuns", order_by="run_after")["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> Json:
        return self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        # As many as Airflow gives at once: by default they are 50.
        return list(self.call("GET", path, limit="100")["task_instances"])

    def states(self, dag_id: str, run_id: str) -> Mapping[str, str | None]:
        """The state of each task of a run, by task id (None: not yet scheduled)."""
        return {task["task_id"]: task["state"] for task in self.tasks(dag_id, run_id)}

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.call("GET", path, deserialize="true")["value"]

    def xcoms(self, dag_id: str, run_id: str) -> list[Json]:
        """Every XCom of a run, with its value."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/~/xcomEntries"
        entries = self.call("GET", path, limit="1000")["xcom_entries"]
        return [
            self.call(
                "GET",
                f"{path.replace('~', entry['task_id'])}/{entry['key']}",
                map_index=str(entry["map_index"]),
            )
            for entry in entries
        ]

    def asset_events(self, **source: str) -> list[Json]:
        """
        What happened to assets, with what was said of it, the last first.

        *source* narrows it to what came of one DAG (``source_dag_id``), run or task.
        """
        asked = {"order_by": "-timestamp", "limit": "100", **source}
        return list(self.call("GET", "assets/events", **asked)["asset_events"])

    def test_connection(self, **connection: object) -> Json:
        """Press the Test button of a connection's form; its status and its message."""
        return self.call("POST", "connections/test", connection)

    def log(
        self, dag_id: str, run_id: str, task_id: str, attempt: int = 1, *, map_index: int = -1
    ) -> str:
        """Everything that one attempt at a task logged, as lines of text."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        said = self.call("GET", path, full_content="true", map_index=str(map_index))
        return "\n".join(_line(entry) for entry in said["content"])

    def logs(self, dag_id: str, run_id: str) -> list[str]:
        """`log` of every task of a run that was tried; what is skipped unseen logs nothing."""
        tried = [task for task in self.tasks(dag_id, run_id) if task["try_number"]]
        return [
            self.log(dag_id, run_id, task["task_id"], map_index=task["map_index"]) for task in tried
        ]

    def _send(
        self, method: str, path: str, body: object, query: Mapping[str, str]
    ) -> requests.Response:
        if not self._token:
            self._token = self._log_in()
        return requests.request(
            method,
            f"{self.url}/api/v2/{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
            timeout=_PATIENCE,
        )

    def _log_in(self) -> str:
        answer = requests.post(
            f"{self.url}/auth/token",
            json={"username": self.user, "password": self.password},
            timeout=_PATIENCE,
        )
        if not answer.ok:
            msg = f"Airflow did not let {self.user} in: {answer.status_code} {answer.text[:300]}"
            raise Refused(msg, answer.status_code)
        return str(answer.json()["access_token"])


def serves_tasks(execution_url: str) -> bool:
    """Whether the API that tasks speak to, Airflow's other one, says that it is well."""
    return _said(f"{execution_url}/health").get("status") == "healthy"


def _said(url: str) -> Json:
    """The JSON that *url* gives to anybody; {} when none came, or an error did."""
    try:
        answer = requests.get(url, timeout=5)
        return dict(answer.json()) if answer.ok else {}
    except requests.RequestException:
        return {}


def _line(entry: object) -> str:
    match entry:
        case {"event": event, **rest}:
            error = rest.get("error_detail")
            return f"{event} {error}" if error else str(event)
        case _:
            return str(entry)
