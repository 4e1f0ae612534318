"""A desk to run DAGs on: connections, a pair of endpoints, data that lands, and what runs left."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.wire.conversation import Credential
from tests.world import World


@dataclass
class Desk:
    """Endpoints of the world's scoring service: of production, for staging and for the anchor."""

    world: Any
    container: str
    backend: Backend
    staging: str
    anchor: str
    runs: list[Any] = field(default_factory=list)

    @classmethod
    @contextmanager
    def laid(cls, world: World, container: str, **names: str) -> "Iterator[Desk]":
        """Connections and endpoints for one test; *names* are names that they must have."""
        production = world.new_endpoint(name=names.get("production"))
        staging, anchor = (
            world.new_endpoint(who, name=names.get(who)) for who in ("staging", "anchor")
        )
        staging.close()
        anchor.close()
        before = dict(os.environ)
        os.environ.update(connections(world))
        try:
            yield cls(world, container, production, _last(staging), _last(anchor))
        finally:
            os.environ.clear()
            os.environ.update(before)
            production.close()

    @property
    def production(self) -> str:
        return _last(self.backend)

    def land(self, name: str, csv: str) -> None:
        self.world.store.write(self.container, f"landing/{name}", csv.encode())

    def run(self, dag: DAG, **conf: Any) -> dict[str, str]:
        """Run *dag* to its end in this process; the state of each task."""
        _register(dag)
        self.runs.append(dag.test(run_conf=conf or None))
        return self.states()

    def states(self) -> dict[str, str]:
        return {task.task_id: str(task.state) for task in self.runs[-1].get_task_instances()}

    def told(self, capsys: pytest.CaptureFixture[str]) -> str:
        """All that was logged while the last DAG ran, its tasks' errors among it."""
        return capsys.readouterr().out

    def says(self, capsys: pytest.CaptureFixture[str], pattern: str) -> bool:
        return re.search(pattern, self.told(capsys)) is not None

    def connection(self, **changes: str) -> str:
        """The workspace's connection with *changes*, as Airflow reads it from its environment."""
        said = json.loads(connections(self.world)["AIRFLOW_CONN_AML_STUDIO_DEFAULT"])
        return json.dumps({**said, **changes})

    def secrets(self) -> list[str]:
        """What must be found nowhere: the token, the endpoint's key, the storage key."""
        key = self.backend.keyring.secret(Credential.SERVICE_KEY)
        account = dict(part.partition("=")[::2] for part in self.world.connection_string.split(";"))
        token = self.world.settings.token
        return [*(secret.reveal() for secret in (token, key) if secret), account["AccountKey"]]

    def everything_remembered(self) -> list[object]:
        """Every XCom and every rendered template of the last run."""
        from airflow.models.renderedtifields import RenderedTaskInstanceFields
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        run_id = self.runs[-1].run_id
        with create_session() as session:
            rendered = session.scalars(
                select(RenderedTaskInstanceFields.rendered_fields).where(
                    RenderedTaskInstanceFields.run_id == run_id
                )
            )
            xcoms = session.scalars(select(XComModel.value).where(XComModel.run_id == run_id))
            return [*rendered, *xcoms]

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        run = self.runs[-1]
        with create_session() as session:
            found = session.scalars(
                XComModel.get_many(run_id=run.run_id, task_ids=task_id, key=key)
            ).first()
            return XComModel.deserialize_value(found) if found else None


def _last(backend: Backend) -> str:
    """The endpoint's own name."""
    return backend.name.rpartition("/")[2]


def _register(dag: DAG) -> None:
    """Let Airflow's database know a DAG that lies in no file."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(os.devnull, bundle_name="dags-folder")
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)


def connections(world: World) -> dict[str, str]:
    """The connections of the world, as Airflow reads them from its environment."""
    studio = {
        "conn_type": "aml_studio",
        "host": world.emulator.url,
        "password": world.settings.token.reveal(),
        "extra": {"workspace_id": world.settings.workspace_id},
    }
    storage = {"conn_type": "wasb", "extra": {"connection_string": world.connection_string}}
    return {
        "AIRFLOW_CONN_AML_STUDIO_DEFAULT": json.dumps(studio),
        "AIRFLOW_CONN_WASB_DEFAULT": json.dumps(storage),
    }
