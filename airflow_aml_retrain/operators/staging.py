"""The role *staging*: a retrained model where it can be judged."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.links.task import show_endpoint
from airflow_aml_retrain.operators.promotion import LOOK, resource_of
from airflow_aml_retrain.operators.run import given, owner_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.client.champion import ChampionStore
    from airflow_aml_retrain.client.staging import Placed
    from airflow_aml_retrain.operators.patch import PatchEndpointOperator
    from airflow_aml_retrain.wire.champion import Model
    from airflow_aml_retrain.wire.verbs import Row

log: Final = logging.getLogger(__name__)

_SAMPLE: Final = 50
SLOW_ANSWERS: Final = 600.0
"""Seconds that the answers may take on top of the propagation."""


def stage(operator: "PatchEndpointOperator", context: "Context") -> dict[str, Any]:
    """Archive the job's model, claim the staging endpoint and see it answer with the model."""
    trial = Trial.open(operator, context)
    model, placed = trial.begin()
    return trial.finish(model, placed)


@dataclass(frozen=True, slots=True)
class Trial:
    """A retrained model of one task on one staging endpoint, which is claimed meanwhile."""

    operator: "PatchEndpointOperator"
    owner: str
    now: float
    backend: "Backend"
    store: "BlobStore"

    @classmethod
    def open(cls, operator: "PatchEndpointOperator", context: "Context") -> "Trial":
        from airflow_aml_retrain.client.definitions import require_readable
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store

        if not operator.job or not operator.sample:
            msg = "role 'staging' needs job (what was trained) and sample (rows to see it by)"
            raise NotConfigured(msg)
        store = blob_store(operator.wasb_conn_id)
        backend = backend_for(operator.conn_id, operator.service, given(operator.endpoint))
        operator.require(backend)
        require_readable(backend, store)
        _require_nobody_calls(operator, backend)
        show_endpoint(context, backend)
        now = timezone.utcnow().timestamp()
        return cls(operator, owner_of(context), now, backend, store)

    def begin(self) -> "tuple[Model, Placed]":
        """Archive the model and hand it to the staging endpoint."""
        from airflow_aml_retrain.client.blobs import split_path
        from airflow_aml_retrain.client.champion import ChampionStore
        from airflow_aml_retrain.client.staging import place

        require_no_champion(ChampionStore(self.store, self.operator.records), self.backend)
        model = self._archived()
        conversation = place(
            self.backend.verbs,
            self.store.reference(*split_path(model.archive)),
            resource_of(self.backend, self.operator.resource),
            rows=self._rows(),
        )
        # Should the task end while it waits without a worker, the claim is soon free again.
        with self._claimed(self.operator.operation_timeout + SLOW_ANSWERS):
            return model, self.backend.run(conversation)

    def finish(self, model: "Model", placed: "Placed") -> dict[str, Any]:
        """See the staging endpoint answer with what `begin` handed to it."""
        from airflow_aml_retrain.client.staging import see_answering

        within = self.operator.propagation
        conversation = see_answering(
            self.backend.verbs,
            placed,
            model.location,
            rows=self._rows(),
            every=min(self.operator.poll_interval, LOOK),
            within=within,
        )
        until = self.now + self.operator.operation_timeout + within + SLOW_ANSWERS
        with self._claimed(self.operator.claim_timeout):
            staged = self.backend.run(conversation, until=until)
        log.info("%s answers with %s", self.backend.name, model.job)
        if not staged.changed:
            log.warning("Its answers did not change within %s s", within)
        return {"model": asdict(model), "endpoint": self.backend.uri, "changed": staged.changed}

    def _claimed(self, seconds: float) -> "AbstractContextManager[None]":
        """No teardown runs for a setup that failed: then the claim is given back here."""
        from airflow_aml_retrain.client.claims import Claims

        return Claims(self.store, self.operator.records).taken(
            self.backend.uri,
            holder=self.owner,
            now=self.now,
            seconds=seconds,
        )

    def _archived(self) -> "Model":
        from airflow_aml_retrain.client.archive import Archive
        from airflow_aml_retrain.hooks.retrain import backend_for

        operator = self.operator
        trainer = backend_for(
            given(operator.trainer_conn_id) or operator.conn_id,
            operator.trainer_service,
            given(operator.trainer_endpoint),
        )
        job = trainer.job(operator.job or "")
        return Archive(self.store, operator.archives).of_job(
            trainer, job, output=given(operator.model_output)
        )

    def _rows(self) -> "Sequence[Row]":
        return sampled(self.store, self.operator.sample or "")


def require_no_champion(champions: "ChampionStore", backend: "Backend") -> None:
    """A model that nobody has judged must never reach an endpoint that serves users."""
    record = champions.read(backend.uri)
    if record.champion or record.pending or record.freeze:
        msg = (
            f"{backend.name} is a production endpoint: a champion of it is on record; "
            "name another endpoint, which serves nobody"
        )
        raise AirflowFailException(msg)


def sampled(store: "BlobStore", place: str) -> "Sequence[Row]":
    """The rows by which a change of an endpoint's model is seen."""
    from airflow_aml_retrain.client.rows import first_rows

    return first_rows(store, place, _SAMPLE)


def _require_nobody_calls(operator: "PatchEndpointOperator", backend: "Backend") -> None:
    """One web service has many names: staging must not be production by another one."""
    from airflow_aml_retrain.hooks.retrain import backend_for

    if not given(operator.production_service):
        return
    with backend_for(
        operator.conn_id, operator.production_service, given(operator.production_endpoint)
    ) as production:
        if production.uri == backend.uri:
            msg = f"staging is {production.name} itself, which users call; name another to stage on"
            raise AirflowFailException(msg)
