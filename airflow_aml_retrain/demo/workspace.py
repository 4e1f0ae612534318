"""The census model in a workspace of the emulator: one service trains it, another answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.studio import StudioSettings, connect, studio
from airflow_aml_retrain.demo.census import LABEL
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.wire.secret import Secret

TRAINING: Final = "Census training"
SCORING: Final = "Census"
PRODUCTION: Final = "production"


@dataclass(frozen=True, slots=True)
class CensusWorkspace:
    """A workspace with both services; *token* is the workspace's own, of the emulator."""

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
        """The fields of an Airflow connection of type `aml_studio`."""
        return {"host": self.url, "password": self.token, "extra": self._extra}

    def create_endpoint(self, name: str) -> None:
        with studio(self._settings) as manager:
            service = manager.run(manager.workspace.service(SCORING))
            manager.run(manager.workspace.create_endpoint(service, name))

    def probability(self, person: Mapping[str, str]) -> float:
        """What the endpoint in production says of *person*: the chance of a high income."""
        with self._production() as backend:
            answered = backend.run(backend.verbs.score([person]))
        return float(answered[0]["Scored Probabilities"])

    def serving(self) -> str:
        """Where the model in production lies."""
        with self._production() as backend:
            said = backend.run(backend.verbs.serving())
        return next(iter(said.models.values())).location

    def _production(self) -> Backend:
        return connect(self._settings, SCORING, PRODUCTION)

    @property
    def _settings(self) -> StudioSettings:
        return StudioSettings(self.url, self.workspace_id, Secret(self.token))

    @property
    def _extra(self) -> str:
        return f'{{"workspace_id": "{self.workspace_id}"}}'
