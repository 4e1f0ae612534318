"""The emulator as a client sees it: plain HTTP, and a clock that can be put forward."""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import requests
from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.emulator.workers import Workers

Json = dict[str, Any]

VERSION = "?api-version=2.0"
_PATIENCE = 60.0


def census(rows: int, *, seed: int = 0, turned: bool = False) -> str:
    """A CSV on which income follows from age and work; with *turned* the other way round."""
    chance = random.Random(seed)  # noqa: S311 - data, not a secret
    lines = ["age,workclass,hours,income"]
    for _ in range(rows):
        age, work = chance.randint(18, 80), chance.choice(["Private", "State", "Self", "?"])
        hours = chance.choice(["20", "40", "60", ""])
        rich = (age > 45) != (work == "State")
        lines.append(f"{age},{work},{hours},{'>50K' if rich != turned else '<=50K'}")
    return "\n".join(lines) + "\n"


@dataclass
class HandClock:
    """The real time, put forward by *ahead* seconds."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Lent(Workers):
    """Workers that stay when an emulator that they work for ends."""

    def close(self) -> None:
        """Nothing ends here."""

    def dismiss(self) -> None:
        super().close()


@dataclass(frozen=True)
class Service:
    """A published service and its default endpoint."""

    workspace: str
    token: str = field(repr=False)
    id: str = field(repr=True)
    api: str
    key: str = field(repr=False)
    resource: str

    def blob(self, reference: Json) -> str:
        return str(reference["BaseLocation"] + reference["RelativeLocation"])


@dataclass(frozen=True)
class Studio:
    """An emulator at *url* over the account of *storage*."""

    url: str
    storage: str
    container: str
    blobs: BlobServiceClient
    clock: HandClock

    # The three planes, with any answer.

    def data(
        self, method: str, url: str, key: str, body: object = None, **more: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return requests.request(method, url, json=body, headers=headers, timeout=30, **more)

    def manage(
        self, method: str, service: Service, path: str = "", body: object = None, key: str = ""
    ) -> requests.Response:
        url = f"{self.url}/workspaces/{service.workspace}/webservices{path}"
        return self.data(method, url, key or service.token, body)

    def control(self, method: str, path: str, body: object = None) -> requests.Response:
        return requests.request(method, f"{self.url}/_emulator/{path}", json=body, timeout=60)

    def fault(self, do: Json, **where: object) -> None:
        self.control("POST", "faults", {"do": do, **where}).raise_for_status()

    # Things to work with.

    def publish(self, kind: str, csv: str = "", **wishes: object) -> Service:
        """A service of *kind* in a workspace of its own."""
        workspace = self.control("POST", "workspaces", {}).json()
        body = {"name": "Census", "kind": kind, "label": "income", **wishes}
        path = f"workspaces/{workspace['workspace_id']}/services"
        answer = self.control("POST", path, {"training_csv": csv or census(300), **body})
        assert answer.status_code == 200, answer.text
        made = answer.json()
        return Service(
            workspace["workspace_id"],
            workspace["token"],
            made["web_service_id"],
            made["api_location"],
            made["primary_key"],
            made["resource_name"],
        )

    def endpoint(self, service: Service, name: str = "retrain", **body: object) -> Json:
        answer = self.manage("PUT", service, f"/{service.id}/endpoints/{name}", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def put(self, name: str, data: str | bytes) -> Json:
        """A blob, as a submit names it."""
        blob = self.blobs.get_blob_client(self.container, name)
        blob.upload_blob(data, overwrite=True)
        return self.place(name)

    def place(self, name: str) -> Json:
        return {"ConnectionString": self.storage, "RelativeLocation": f"{self.container}/{name}"}

    def get(self, result: Mapping[str, str]) -> bytes:
        url = result["BaseLocation"] + result["RelativeLocation"] + result["SasBlobToken"]
        answer = requests.get(url, timeout=30)
        answer.raise_for_status()
        return answer.content

    # Jobs.

    def submit(self, api: str, key: str, body: object) -> str:
        answer = self.data("POST", f"{api}/jobs{VERSION}", key, body)
        assert answer.status_code == 200, answer.text
        return str(answer.json())

    def start(self, api: str, key: str, job: str) -> requests.Response:
        return self.data("POST", f"{api}/jobs/{job}/start{VERSION}", key)

    def poll(self, api: str, key: str, job: str) -> Json:
        return dict(self.data("GET", f"{api}/jobs/{job}{VERSION}", key).json())

    def run(self, api: str, key: str, body: object) -> Json:
        """Submit, start, and poll until the end."""
        job = self.submit(api, key, body)
        self.start(api, key, job).raise_for_status()
        return self.ended(api, key, job)

    def ended(self, api: str, key: str, job: str) -> Json:
        until, tick = time.monotonic() + _PATIENCE, threading.Event()
        while time.monotonic() < until:
            status = self.poll(api, key, job)
            if status["StatusCode"] in {"Finished", "Failed", "Cancelled"}:
                return status
            tick.wait(0.02)
        raise AssertionError(status)

    def train(self, csv: str, **outputs: Json) -> Json:
        """The results of a training job over *csv*."""
        service = self.publish("training")
        body = {"Inputs": {"input1": self.put("train.csv", csv)}, "Outputs": outputs}
        status = self.run(service.api, service.key, body)
        assert status["StatusCode"] == "Finished", status
        return dict(status["Results"])

    # Answers.

    def score(self, endpoint: Json, *rows: Json, query: str = "&format=swagger") -> Any:
        body = {"Inputs": {"input1": list(rows)}, "GlobalParameters": {}}
        url = f"{endpoint['ApiLocation']}/execute{VERSION}{query}"
        return self.data("POST", url, endpoint["PrimaryKey"], body)

    def patch(self, service: Service, name: str, location: Json, resource: str = "") -> Any:
        body = {"Resources": [{"Name": resource or service.resource, "Location": location}]}
        return self.manage("PATCH", service, f"/{service.id}/endpoints/{name}", body)


def details(answer: requests.Response) -> tuple[int, str, list[str]]:
    """Status, code and detail codes of an error answer."""
    error = answer.json()["error"]
    assert isinstance(error["message"], str)
    return answer.status_code, error["code"], [detail["code"] for detail in error["details"]]


def token(result: Json) -> dict[str, str]:
    """The parts of a SAS."""
    assert result["SasBlobToken"].startswith("?")
    return {name: values[0] for name, values in parse_qs(result["SasBlobToken"][1:]).items()}
