"""
A small world to act in: a workspace of the emulator with a training and a scoring service.

The services and two trained models are made once for a session; every test has an endpoint and
a container of its own, so that no test sees what another did.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from airflow_aml_retrain.client.archive import Archive
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.studio import StudioSettings, connect, studio
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.history import trained
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.jobs import JobId
from airflow_aml_retrain.wire.secret import Secret

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

TRAINING: Final = "Census training"
SCORING: Final = "Census"
HEADER: Final = "age,hours,sector,income"


def census_like(rows: int, *, upside_down: bool = False, seed: int = 0) -> str:
    """A CSV whose label depends on its columns; *upside_down* turns every label round."""
    lines = [HEADER]
    for number in range(seed, seed + rows):
        age, hours = 20 + (number * 37) % 50, 10 + (number * 53) % 60
        sector = ("private", "public", "self")[number % 3]
        rich = (age + hours > 75) is not upside_down
        lines.append(f"{age},{hours},{sector},{'>50K' if rich else '<=50K'}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Foundry:
    """Where models are trained: by what *trainer* connects to. *models* are jobs that have."""

    store: BlobStore
    trainer: Callable[[], Backend]
    models: dict[str, JobId] = field(default_factory=dict)

    def trained(self, name: str, csv: str, container: str) -> JobId:
        """The job called *name*, trained on *csv*; run once for a session."""
        if name not in self.models:
            self.store.write(container, f"{name}.csv", csv.encode())
            with self.trainer() as trainer:
                self.models[name] = trained(trainer, self.store, f"{container}/{name}.csv")
        return self.models[name]

    def candidate(self, name: str, csv: str, container: str, **known: str) -> Model:
        """The model of `trained`, archived in *container*."""
        job = self.trained(name, csv, container)
        with self.trainer() as trainer:
            model = Archive(self.store, container).of_job(trainer, job)
        return replace(model, **known)


@dataclass(frozen=True)
class World:
    """A workspace with its two services."""

    emulator: Emulator
    settings: StudioSettings
    blob_service: "BlobServiceClient"
    connection_string: str

    @classmethod
    def make(
        cls, emulator: Emulator, blob_service: "BlobServiceClient", connection_string: str
    ) -> "World":
        workspace = emulator.control.workspace(name="World")
        for name, kind in ((TRAINING, "training"), (SCORING, "scoring")):
            emulator.control.service(
                workspace["workspace_id"],
                name=name,
                kind=kind,
                task="classification",
                label="income",
                training_csv=census_like(60, upside_down=True),
                nbsp=True,
            )
        token = Secret(workspace["token"])
        return cls(
            emulator,
            StudioSettings(emulator.url, workspace["workspace_id"], token),
            blob_service,
            connection_string,
        )

    @property
    def store(self) -> BlobStore:
        return BlobStore(self.blob_service)

    def backend(self, service: str = SCORING, endpoint: str | None = None) -> Backend:
        return connect(self.settings, service, endpoint)

    def new_endpoint(self, prefix: str = "production", name: str | None = None) -> Backend:
        """A fresh endpoint of the scoring service, which serves what was published."""
        name = name or f"{prefix}{uuid.uuid4().hex[:8]}"
        with studio(self.settings) as manager:
            service = manager.run(manager.workspace.service(SCORING))
            manager.run(manager.workspace.create_endpoint(service, name))
        return self.backend(endpoint=name)

    def trained(self, name: str, csv: str, container: str) -> JobId:
        return self.foundry.trained(name, csv, container)

    def candidate(self, name: str, csv: str, container: str, **known: str) -> Model:
        return self.foundry.candidate(name, csv, container, **known)

    @cached_property
    def foundry(self) -> Foundry:
        return Foundry(self.store, lambda: self.backend(TRAINING))


def answers(backend: Backend, rows: Iterable[Mapping[str, str]]) -> list[str]:
    """What an endpoint says to *rows*, by its request-response service."""
    scored = backend.run(backend.verbs.score(list(rows)))
    return [row["Scored Probabilities"] for row in scored]
