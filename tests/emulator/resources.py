"""The Resource Manager plane as a client sees it: a token, a subscription, definitions."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import requests

from tests.emulator.studio import Json, Studio, census

STABLE: Final = "2017-01-01"
PREVIEW: Final = "2016-05-01-preview"
OPERATION: Final = 10.0
"""Seconds that an operation takes, of a clock that the tests hold."""


def bearer(studio: Studio) -> str:
    """A token from the emulator's own identity endpoint."""
    principal = studio.control("POST", "principals", {}).json()
    answer = requests.get(
        f"{studio.url}/identity/token",
        params={"api-version": "2019-08-01", "resource": "https://management.azure.com/"},
        headers={"X-IDENTITY-HEADER": principal["identity_header"]},
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


@dataclass(frozen=True)
class Azure:
    """A subscription of its own in the emulator of *studio*."""

    studio: Studio
    token: str = field(repr=False)
    subscription: str = field(default_factory=lambda: str(uuid4()))

    def ask(
        self, method: str, path: str, body: object = None, *, version: str = STABLE, **query: str
    ) -> requests.Response:
        return requests.request(
            method,
            self.studio.url + path if path.startswith("/") else path,
            params={"api-version": version, **query} if version else query,
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )

    def path(self, name: str, group: str = "models") -> str:
        where = f"/subscriptions/{self.subscription}/resourceGroups/{group}"
        return f"{where}/providers/Microsoft.MachineLearning/webServices/{name}"

    def plan(self, name: str = "plan", group: str = "models") -> str:
        """The id of a commitment plan, once it is made."""
        path = self.path(name, group).replace("/webServices/", "/commitmentPlans/")
        body = {"location": "southcentralus", "sku": {"name": "S1", "tier": "Standard"}}
        self.ask("PUT", path, body, version=PREVIEW).raise_for_status()
        return path

    def publish(self, name: str, kind: str = "scoring", **wishes: object) -> Json:
        wish = {
            "subscription_id": self.subscription,
            "resource_group": "models",
            "name": name,
            "kind": kind,
            "label": "income",
            "training_csv": census(300),
            **wishes,
        }
        answer = self.studio.control("POST", "webservices", wish)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def read(self, path: str, version: str = STABLE) -> Json:
        answer = self.ask("GET", path, version=version)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def properties(self, path: str) -> Json:
        return dict(self.read(path)["properties"])

    def ended(self, answer: requests.Response) -> Json:
        """The last poll of the operation that *answer* began, after its time."""
        assert answer.ok, answer.text
        self.studio.clock.ahead += OPERATION
        polled = self.ask("GET", answer.headers["Azure-AsyncOperation"], version="")
        assert polled.status_code == 200, polled.text
        return dict(polled.json())

    def patch(self, path: str, **properties: object) -> requests.Response:
        return self.ask("PATCH", path, {"properties": {"packageType": "Graph", **properties}})

    def with_model(self, path: str, uri: str, **location: str) -> Json:
        """The assets at *path* with the trained model at *uri*."""
        assets: Json = self.properties(path)["assets"]
        assets["asset1"]["locationInfo"] = {"uri": uri, "credentials": "", **location}
        return assets

    def retrained(self, name: str = "m.ilearner") -> str:
        """The uri of another model, in the service's own account."""
        blob = self.studio.train(census(300, turned=True))["output1"]
        data = self.studio.get(blob)
        return self.put(name, data)

    def put(self, name: str, data: str | bytes) -> str:
        place = self.studio.put(name, data)
        return f"{self.studio.blobs.url.rstrip('/')}/{place['RelativeLocation']}"

    def score(self, made: Json, row: Mapping[str, Any]) -> requests.Response:
        url = f"{made['api_location']}/execute?api-version=2.0&format=swagger"
        body = {"Inputs": {"input1": [row]}}
        return self.studio.data("POST", url, made["primary_key"], body)


def definition(recorded: Json, plan: str) -> Json:
    """A recorded body of a PUT, for a plan of ours."""
    body = deepcopy(recorded)
    body["properties"]["commitmentPlan"]["id"] = plan
    return body


def path_of(url: str) -> str:
    return urlsplit(url).path
