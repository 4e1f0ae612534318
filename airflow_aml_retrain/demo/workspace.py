"""The census model in a workspace of the emulator: one service trains it, another answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.studio import StudioSettings, connect, studio
from airflow_aml_retrain.demo.census import LABEL
from airflow_aml_retrain.demo.control import Emulator, insecure_hosts
from airflow_aml_retrain.wire.secret import Secret

TRAINING: Final = "Census training"
SCORING: Final = "Census"
PRODUCTION: Final = "production"


@dataclass(frozen=True, slots=True)
class CensusWorkspace:
    """A workspace with both services; *token* is the workspace's own, of the emulator."""

    kind: ClassVar[str] = "web service"
    dag_id: ClassVar[str] = "retrain_on_schedule"
    conn_id: ClassVar[str] = "aml_studio_default"
    conn_type: ClassVar[str] = "aml_studio"

    url: str
    workspace_id: str
    token: str = field(repr=False)

    @classmethod
    def publish(cls, emulator: Emulator, published: bytes) -> Self:
        """Make the workspace; the model in service is trained on the CSV *published*."""
        control = emulator.control
        made = control.workspace(name="Census")
        workspace = cls(emulator.url, str(made["workspace_id"]), str(made["token"]))
        wishes = {"label": LABEL, "training_csv": published.decode(), "nbsp": True}
        control.service(workspace.workspace_id, name=TRAINING, kind="training", **wishes)
        control.service(workspace.workspace_id, name=SCORING, kind="scoring", **wishes)
        workspace.create_endpoint(PRODUCTION)
        return workspace

    @property
    def connection(self) -> dict[str, object]:
        return {"host": self.url, "password": self.token, "extra": self._extra}

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing: the token is in the connection."""
        return {}

    def create_endpoint(self, name: str) -> None:
        with studio(self._settings) as manager:
            service = manager.run(manager.workspace.service(SCORING))
            manager.run(manager.workspace.create_endpoint(service, name))

    def backend(self, service: str, endpoint: str | None = None) -> Backend:
        """To speak to an endpoint of *service*, by default its default one."""
        return connect(self._settings, service, endpoint)

    def probability(self, person: Mapping[str, str]) -> float:
        """What the endpoint in production says of *person*: the chance of a high income."""
        with self.backend(SCORING, PRODUCTION) as backend:
            answered = backend.run(backend.verbs.score([person]))
        return float(answered[0]["Scored Probabilities"])

    def serving(self) -> str:
        """Where the model in production lies."""
        with self.backend(SCORING, PRODUCTION) as backend:
            said = backend.run(backend.verbs.serving())
        return next(iter(said.models.values())).location

    @property
    def _settings(self) -> StudioSettings:
        token = Secret(self.token)
        return StudioSettings(self.url, self.workspace_id, token, insecure_hosts(self.url))

    @property
    def _extra(self) -> str:
        return json.dumps(
            {"workspace_id": self.workspace_id, "insecure_hosts": insecure_hosts(self.url)}
        )
