"""The emulator's control API, as the demo and the tests speak to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests  # noqa: TID253 - no DAG file imports the demo

from airflow_aml_retrain.client.hosts import is_loopback

_PATIENCE: Final = 60.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Control:
    """The control plane of the emulator at *url*."""

    url: str

    def workspace(self, **wishes: object) -> Json:
        """Make a workspace; its ``workspace_id``, ``token`` and ``name``."""
        return dict(self._ask("POST", "workspaces", wishes))

    def service(self, workspace_id: str, *, name: str, kind: str, **wishes: object) -> Json:
        """
        Publish a web service of *kind* "training" or "scoring".

        Its ``web_service_id``, ``default_endpoint``, ``endpoint_id``, ``api_location`` and
        ``primary_key``.
        """
        path = f"workspaces/{workspace_id}/services"
        return dict(self._ask("POST", path, {"name": name, "kind": kind, **wishes}))

    def web_service(self, *, resource_group: str, name: str, kind: str, **wishes: object) -> Json:
        """
        Publish a new web service of *kind* "training" or "scoring".

        Its ``id``, ``subscription_id``, ``api_location``, ``primary_key``, ``resource_name`` and
        ``commitment_plan``.
        """
        wished = {"resource_group": resource_group, "name": name, "kind": kind, **wishes}
        return dict(self._ask("POST", "webservices", wished))

    def principal(self, **wishes: object) -> Json:
        """
        Register somebody who may sign in to the Resource Manager.

        The ``tenant_id``, ``client_id``, ``client_secret`` and, for a managed identity, the
        ``identity_header``.
        """
        return dict(self._ask("POST", "principals", wishes))

    def fail_next(self, do: Mapping[str, object], *, times: int = 1, **where: str) -> None:
        """Make the next answers misbehave; *where* is ``plane``, ``method``, ``path``."""
        self._ask("POST", "faults", {"do": dict(do), "times": times, **where})

    def faults(self) -> list[Json]:
        """The faults that did not happen yet."""
        return list(self._ask("GET", "faults"))

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def requests(self, since: int = 0) -> list[Json]:
        """Every request seen after number *since*: n, method, path, status, plane."""
        return list(self._ask("GET", "requests", since=since))

    def jobs(self) -> list[Json]:
        """Every job there ever was, with how often it was started."""
        return list(self._ask("GET", "jobs"))

    def is_healthy(self) -> bool:
        try:
            return bool(self._ask("GET", "health")["status"] == "ok")
        except requests.RequestException:
            return False

    def _ask(self, method: str, path: str, body: object = None, **query: object) -> Any:
        answer = requests.request(
            method,
            f"{self.url}/_emulator/{path}",
            json=body,
            params={name: str(value) for name, value in query.items()},
            timeout=_PATIENCE,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator, known by its URL."""

    url: str

    @property
    def control(self) -> Control:
        return Control(self.url)


def insecure_hosts(url: str) -> tuple[str, ...]:
    """What a connection must name in its `insecure_hosts`, so that *url* is spoken to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return () if parts.scheme == "https" or is_loopback(host) else (host,)
