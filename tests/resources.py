"""
A small world of new web services: a resource group of the emulator, and who may touch it.

The training service and the trained models are made once for a session; every test publishes a
web service of its own, so that no test sees what another did.
"""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.identity import IdentitySettings
from airflow_aml_retrain.client.resource_manager import ArmSettings, connect
from airflow_aml_retrain.demo.control import Emulator
from tests.world import Foundry, census_like

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

GROUP: Final = "models"
TRAINING: Final = f"{GROUP}/training"


@dataclass(frozen=True)
class Resources:
    """The new web services of *subscription*; *identity* is the environment that signs us in."""

    emulator: Emulator
    subscription: str
    plan: str
    identity: dict[str, str]
    blob_service: "BlobServiceClient"
    connection_string: str

    @classmethod
    def make(
        cls, emulator: Emulator, blob_service: "BlobServiceClient", connection_string: str
    ) -> "Resources":
        principal = emulator.control.principal()
        trained = _publish(emulator, "training", kind="training")
        identity = {
            "IDENTITY_ENDPOINT": f"{emulator.url}/identity/token",
            "IDENTITY_HEADER": principal["identity_header"],
        }
        return cls(
            emulator,
            trained["subscription_id"],
            trained["commitment_plan"],
            identity,
            blob_service,
            connection_string,
        )

    @property
    def store(self) -> BlobStore:
        return BlobStore(self.blob_service)

    @property
    def settings(self) -> ArmSettings:
        return ArmSettings(
            url=self.emulator.url, subscription=self.subscription, identity=IdentitySettings()
        )

    @cached_property
    def foundry(self) -> Foundry:
        return Foundry(self.store, lambda: self.backend(TRAINING))

    def backend(self, service: str) -> Backend:
        return connect(self.settings, service)

    def new_service(self, prefix: str = "census", **wishes: object) -> Backend:
        """A fresh scoring web service, with a model that has it all upside down."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        _publish(self.emulator, name, kind="scoring", **wishes)
        return self.backend(f"{GROUP}/{name}")

    @contextmanager
    def signed_in(self) -> Iterator[None]:
        """This process has the identity that the emulator knows."""
        before = {name: os.environ.get(name) for name in self.identity}
        os.environ.update(self.identity)
        try:
            yield
        finally:
            for name, value in before.items():
                _restore(name, value)

    def connections(self) -> dict[str, str]:
        """The connections, as Airflow reads them from its environment."""
        azure = {
            "conn_type": "azure",
            "extra": {
                "resource_manager_url": self.emulator.url,
                "subscriptionId": self.subscription,
            },
        }
        storage = {"conn_type": "wasb", "extra": {"connection_string": self.connection_string}}
        return {
            "AIRFLOW_CONN_AZURE_DEFAULT": json.dumps(azure),
            "AIRFLOW_CONN_WASB_DEFAULT": json.dumps(storage),
        }


def _publish(emulator: Emulator, name: str, *, kind: str, **wishes: object) -> dict[str, Any]:
    return emulator.control.web_service(
        resource_group=GROUP,
        name=name,
        kind=kind,
        task="classification",
        label="income",
        training_csv=census_like(60, upside_down=True),
        nbsp=True,
        **wishes,
    )


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
