"""The emulator's control API, as the demo and the tests speak to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests  # noqa: TID253 - no DAG file imports the demo

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
