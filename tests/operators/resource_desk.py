"""The desk with new web services on it: a production service and its staging twin."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG

from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.wire.conversation import Credential
from tests.operators.desk import Desk
from tests.operators.journey import POLICY
from tests.resources import TRAINING, Resources


@dataclass
class ResourceDesk(Desk):
    """One web service, its staging twin (both "group/name"), and data that lands."""

    @classmethod
    @contextmanager
    def with_services(cls, resources: Resources, container: str) -> "Iterator[ResourceDesk]":
        """Connections and web services for one test."""
        before = dict(os.environ)
        os.environ.update({**resources.connections(), **resources.identity})
        try:
            with resources.new_service() as service, resources.new_service("staging") as twin:
                yield cls(resources, container, service, twin.name, "")
        finally:
            os.environ.clear()
            os.environ.update(before)

    def secrets(self) -> list[str]:
        """What must be found nowhere: both keys, the token, the identity, the storage key."""
        keyring = self.backend.keyring
        self.backend.run(self.backend.verbs.score([{"age": "1", "hours": "1", "sector": "self"}]))
        held = (keyring.secret(each) for each in (Credential.SERVICE_KEY, Credential.AZURE_AD))
        account = dict(part.partition("=")[::2] for part in self.world.connection_string.split(";"))
        header = os.environ["IDENTITY_HEADER"]
        return [*(secret.reveal() for secret in held if secret), header, account["AccountKey"]]

    def serves(self) -> str:
        serving = self.backend.run(self.backend.verbs.serving())
        return next(iter(serving.models.values())).location

    def one_task(self, operator: type, **parameters: Any) -> DAG:
        dag_id = f"{operator.__name__}_{self.container}"
        with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
            operator(task_id="one", **parameters)
        return dag

    def journey(self, **changes: Any) -> DAG:
        dag_id, start = f"update_{self.container}", datetime(2026, 1, 1, tzinfo=UTC)
        with DAG(dag_id, schedule=None, start_date=start) as dag:
            retrain_and_promote(
                **{
                    "source": f"{self.container}/landing",
                    "label": "income",
                    "holdout_fraction": 0.4,
                    "training_service": TRAINING,
                    "service": self.backend.name,
                    "staging_service": self.staging,
                    "conn_id": "azure_default",
                    "policy": POLICY,
                    "storage": self.container,
                    "poll_interval": 0.1,
                    "propagation": 2.0,
                    "verify_timeout": 5.0,
                    **changes,
                }
            )
        return dag
