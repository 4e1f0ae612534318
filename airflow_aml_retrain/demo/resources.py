"""The census model as new web services of a subscription, in one resource group."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

from airflow_aml_retrain.client.backend import Channel
from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.demo.census import LABEL
from airflow_aml_retrain.demo.control import Emulator, insecure_hosts
from airflow_aml_retrain.demo.machine import Machine
from airflow_aml_retrain.wire.arm import ArmVerbs, DefinitionVerbs
from airflow_aml_retrain.wire.conversation import Credential
from airflow_aml_retrain.wire.secret import Secret

GROUP: Final = "models"
TRAINING: Final = "census-training"
SCORING: Final = "census"


@dataclass(frozen=True, slots=True)
class CensusResources:
    """
    Both web services; who calls the one in production knows its *api_url* and its *key*.

    *path* is its resource id, *machine* may read its definition.
    """

    kind: ClassVar[str] = "new web service (Azure Resource Manager)"
    dag_id: ClassVar[str] = "retrain_new_web_service"
    conn_id: ClassVar[str] = "azure_default"
    conn_type: ClassVar[str] = "azure"

    machine: Machine
    subscription: str
    path: str
    api_url: str
    key: str = field(repr=False)

    @classmethod
    def publish(cls, emulator: Emulator, published: bytes) -> Self:
        """Publish both; the model in service is trained on the CSV *published*."""
        control, machine = emulator.control, Machine.of(emulator)
        wishes: dict[str, Any] = {
            "resource_group": GROUP,
            "label": LABEL,
            "training_csv": published.decode(),
            "nbsp": True,
        }
        control.web_service(name=TRAINING, kind="training", **wishes)
        made = control.web_service(name=SCORING, kind="scoring", **wishes)
        return cls(
            machine,
            str(made["subscription_id"]),
            str(made["id"]),
            str(made["api_location"]),
            str(made["primary_key"]),
        )

    @property
    def connection(self) -> dict[str, object]:
        """No secret: the machine signs in."""
        extra = {
            "subscriptionId": self.subscription,
            "resource_manager_url": self.machine.url,
            "insecure_hosts": insecure_hosts(self.machine.url),
        }
        return {"extra": json.dumps(extra)}

    @property
    def environment(self) -> Mapping[str, str]:
        return self.machine.environment

    def probability(self, person: Mapping[str, str]) -> float:
        """What the service in production says of *person*: the chance of a high income."""
        with self._speaking() as production:
            answered = production.run(self._verbs.score([person]))
        return float(answered[0]["Scored Probabilities"])

    def serving(self) -> str:
        """Where its definition says that the model lies."""
        with self._speaking() as production:
            said = production.run(self._verbs.serving())
        return next(iter(said.models.values())).location

    @property
    def _verbs(self) -> ArmVerbs:
        return ArmVerbs(self.api_url, DefinitionVerbs(f"{self.machine.url}{self.path}"))

    def _speaking(self) -> Channel:
        secrets = {
            Credential.SERVICE_KEY: Secret(self.key),
            Credential.AZURE_AD: self.machine.token(),
        }
        url = self.machine.url
        hosts = HostRule.naming([url], insecure_hosts(url))
        return Channel(keyring=Keyring(secrets), hosts=hosts)
