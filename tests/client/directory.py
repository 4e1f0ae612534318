"""The other side of a sign-in: an emulator in a thread that only gives out tokens."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from airflow_aml_retrain.emulator.models import Recipe, Trained
from airflow_aml_retrain.emulator.serving import Served
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from airflow_aml_retrain.emulator.tls import Certificate
from airflow_aml_retrain.emulator.work import Failure, Order

SCOPE: Final = "https://management.azure.com/.default"
LIST: Final = (
    "/subscriptions/s/providers/Microsoft.MachineLearning/webServices?api-version=2017-01-01"
)


class Idle:
    """A trainer with nothing to do: no process is started for one."""

    def submit(self, order: Order, done: Callable[[Failure | None], None]) -> Future[object]:
        raise NotImplementedError

    def learn(self, data: bytes, recipe: Recipe) -> Trained:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing was opened."""


@dataclass(frozen=True)
class Directory:
    """The emulator at *url*, whose authority is in the file *ca* (empty: plain http)."""

    url: str
    ca: str = ""

    def principal(self, **wishes: str) -> dict[str, str]:
        """Register a principal: its tenant_id, client_id, client_secret, identity_header."""
        return dict(self.control("POST", "principals", wishes))

    def fault(self, times: int = 1, plane: str = "identity", **do: object) -> None:
        self.control("POST", "faults", {"plane": plane, "times": times, "do": do})

    def asked(self) -> int:
        """How often somebody asked for a token."""
        seen = self.control("GET", "requests")
        return sum(each["path"].endswith("/token") for each in seen)

    def accepts(self, token: str) -> bool:
        """Tell whether the Resource Manager takes *token*."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(self.url + LIST, headers=headers, timeout=30, verify=self._trust)
        return answer.status_code == 200

    def control(self, method: str, path: str, body: object = None) -> Any:
        url = f"{self.url}/_emulator/{path}"
        answer = requests.request(method, url, json=body, timeout=30, verify=self._trust)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @property
    def _trust(self) -> str | bool:
        return self.ca or True


@contextmanager
def directory(storage: str, folder: Path, *, tls: bool) -> Iterator[Directory]:
    certificate = Certificate.kept_in(folder / "tls") if tls else None
    settings = EmulatorSettings(storage=storage, state=folder)
    with Served(settings, trainer=Idle(), certificate=certificate) as served:
        yield Directory(served.url, str(certificate.authority) if certificate else "")
