"""A workspace like the one of `tests/recorded/classic`: an exchange finds in it what it needs."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests
from azure.storage.blob import generate_container_sas

from tests.emulator.studio import VERSION, Json, Service, Studio

FOLDER: Final = Path(__file__).parent.parent / "recorded" / "classic"
EXCHANGES: Final = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
"""Every recorded exchange, by the name of its file."""

WORKSPACE: Final = "471400d1577e4e5d8b1f2a9c3d4e5f60"
TRAINING: Final = "7be5f10a2c3d4e5f8091a2b3c4d5e6f7"
CENSUS: Final = "0cecb787a9e04f1b8c2d3e4f5a6b7c8d"
TOKEN: Final = "WORKSPACE_TOKEN"
"""Workspace, services and token have the very names of the recordings; the others cannot."""

ENDPOINT: Final = "ac1be256f0c94b0f9d6c1f0e2b3a4d5c"
JOB: Final = "539d0bc2fde945b6ac986b851d0000f0"
NAME: Final = "Census Model\u00a0[trained model]"
RENAMED: Final = ("trained model", "evaluation result")

_AGES: Final = range(18, 80)
DATA: Final = "age,income\n" + "".join(f"{n},{'>50K' if n > 45 else '<=50K'}\n" for n in _AGES)

Names = dict[str, str]
"""What stands for what: a text of the recordings, and the same thing here."""


class Stage:
    """Each method makes ready for some exchanges, and says what is called what in them."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        wish = {"workspace_id": WORKSPACE, "token": TOKEN}
        studio.control("POST", "workspaces", wish).raise_for_status()
        self.training = self._service("training", "Census Model", TRAINING)
        self.census = self._service("scoring", "Census Model [predictive exp.]", CENSUS)
        studio.put("train.csv", DATA)
        self.model = self._run(self.training, "output2")["Results"]["output1"]
        for service in (self.training, self.census):
            path = f"/{service.id}/endpoints/default"
            studio.manage("PATCH", service, path, {"ThrottleLevel": "Low"}).raise_for_status()

    def secrets(self) -> Names:
        """The tokens that the recorded requests name blobs with: of the input, of the model."""
        submit, patch = (
            EXCHANGES[name]["request"]["body"]
            for name in ("bes_submit", "management_endpoint_patch")
        )
        model = patch["Resources"][0]["Location"]
        return {
            submit["Inputs"]["input1"]["SasBlobToken"]: self._input_token(),
            model["SasBlobToken"]: self.model["SasBlobToken"],
            model["RelativeLocation"]: self.model["RelativeLocation"],
        }

    # Jobs.

    def as_it_is(self) -> Names:
        return self._names(self.training)

    def created(self) -> Names:
        """A job that was not started."""
        return self._names(self.training, self._submit(self.training, "output2"))

    def running(self) -> Names:
        """A started job: this emulator shows it as running to the first who asks."""
        names = self.created()
        self._start(self.training, names[JOB])
        return names

    def finished(self) -> Names:
        names = self.running()
        self.studio.ended(self.training.api, self.training.key, names[JOB])
        return names

    def finished_renamed(self) -> Names:
        """A finished job of a service whose author gave names to its outputs."""
        service = self.studio.publish("training", DATA, outputs=RENAMED)
        names = self._names(service, self._run(service, RENAMED[1])["job"])
        return names | {WORKSPACE: service.workspace}

    def failed(self) -> Names:
        told = EXCHANGES["bes_status_failed"]["response"]["body"]["Details"]
        self.studio.fault({"fail_job": told})
        return self.finished()

    def cancelled(self) -> Names:
        names = self.created()
        url = f"{self.training.api}/jobs/{names[JOB]}{VERSION}"
        self.studio.data("DELETE", url, self.training.key).raise_for_status()
        return names

    # Scores.

    def scoring(self) -> Names:
        return self._names(self.census)

    def throttled(self) -> Names:
        """That four other calls are under way is only said to be so."""
        error = EXCHANGES["rrs_throttled"]["response"]["body"]["error"]
        [detail] = error["details"]
        do = {"status": 503, "code": error["code"], "detail": detail["code"]}
        self.studio.fault({**do, "message": detail["message"]}, plane="execute")
        return self.scoring()

    # Endpoints.

    def no_endpoint(self) -> Names:
        self.studio.manage("DELETE", self.census, f"/{CENSUS}/endpoints/retrain")
        return self._names(self.census)

    def endpoint(self) -> Names:
        """An endpoint with the model that its service was published with."""
        names = self.no_endpoint()
        self.studio.endpoint(self.census, ThrottleLevel="Low")
        return names

    def retrained(self) -> Names:
        """An endpoint with another model."""
        names = self.endpoint()
        self.studio.patch(self.census, "retrain", self.model).raise_for_status()
        return names

    # How it is made.

    def _names(self, service: Service, job: str = JOB) -> Names:
        return {
            ENDPOINT: service.api.rpartition("/")[2],
            JOB: job,
            "Bearer API_KEY": f"Bearer {service.key}",
            "https://ussouthcentral.services.azureml.net": self.studio.url,
            "https://studio.azureml.net": self.studio.url,
            "https://ACCOUNT.blob.core.windows.net/": self.model["BaseLocation"],
            '"container/': f'"{self.studio.container}/',
        }

    def _service(self, kind: str, name: str, number: str, **more: object) -> Service:
        body = {"name": name, "kind": kind, "web_service_id": number, "label": "income", **more}
        path = f"workspaces/{WORKSPACE}/services"
        wish = {"training_csv": DATA, "resource_name": NAME, **body}
        made = self.studio.control("POST", path, wish).json()
        return Service(WORKSPACE, TOKEN, number, made["api_location"], made["primary_key"], NAME)

    def _submit(self, service: Service, evaluation: str) -> str:
        place = self.studio.place
        body = {"Input": place("train.csv"), "Outputs": {evaluation: place("eval.csv")}}
        return self.studio.submit(service.api, service.key, body)

    def _start(self, service: Service, job: str) -> requests.Response:
        started = self.studio.start(service.api, service.key, job)
        started.raise_for_status()
        return started

    def _run(self, service: Service, evaluation: str) -> Json:
        job = self._submit(service, evaluation)
        self._start(service, job)
        return {"job": job, **self.studio.ended(service.api, service.key, job)}

    def _input_token(self) -> str:
        blobs: Any = self.studio.blobs
        token = generate_container_sas(
            blobs.account_name,
            self.studio.container,
            account_key=blobs.credential.account_key,
            permission="r",
            expiry=datetime.fromtimestamp(self.studio.clock() + 3600, UTC),
        )
        return f"?{token}"
