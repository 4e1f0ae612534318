"""The role *staging* of `PatchEndpointOperator`: a retrained model where it can be judged."""

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.links.pages import endpoint_page
from airflow_aml_retrain.links.task import EndpointLink, persist
from airflow_aml_retrain.operators.promotion import resource_of
from airflow_aml_retrain.operators.run import given, owner_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.operators.patch import PatchEndpointOperator
    from airflow_aml_retrain.wire.champion import Model

log: Final = logging.getLogger(__name__)

_SAMPLE: Final = 50
_SLOW_ANSWERS: Final = 600.0
"""Seconds that the answers may take on top of the propagation."""


def stage(operator: "PatchEndpointOperator", context: "Context") -> dict[str, Any]:
    """Archive the job's model, claim the staging endpoint and see it answer with the model."""
    from airflow_aml_retrain.client.blobs import split_path
    from airflow_aml_retrain.client.claims import Claims
    from airflow_aml_retrain.client.rows import first_rows
    from airflow_aml_retrain.client.staging import stage as staging
    from airflow_aml_retrain.hooks.retrain import backend_for
    from airflow_aml_retrain.hooks.storage import blob_store

    if not operator.job or not operator.sample:
        msg = "role 'staging' needs job (what was trained) and sample (rows to see it by)"
        raise NotConfigured(msg)
    store = blob_store(operator.wasb_conn_id)
    model = _archived(operator, store)
    backend = backend_for(operator.conn_id, operator.service, operator.endpoint)
    persist(context, EndpointLink, endpoint_page(backend.api_url, backend.uri))
    _require_no_champion(operator, store, backend)
    now = timezone.utcnow().timestamp()
    conversation = staging(
        backend.verbs,
        store.reference(*split_path(model.archive)),
        resource_of(backend, operator.resource),
        rows=first_rows(store, operator.sample, _SAMPLE),
        every=operator.poll_interval,
        within=operator.propagation,
    )
    # No teardown runs for a setup that failed: then the claim is given back here.
    with Claims(store, operator.records).taken(
        backend.uri, holder=owner_of(context), now=now, seconds=operator.claim_timeout
    ):
        staged = backend.run(conversation, until=now + operator.propagation + _SLOW_ANSWERS)
    log.info("%s answers with %s", backend.name, model.job)
    if not staged.changed:
        log.warning("Its answers did not change within %s s", operator.propagation)
    return {"model": asdict(model), "endpoint": backend.uri, "changed": staged.changed}


def _require_no_champion(
    operator: "PatchEndpointOperator", store: "BlobStore", backend: "Backend"
) -> None:
    """A model that nobody has judged must never reach an endpoint that serves users."""
    from airflow_aml_retrain.client.champion import ChampionStore

    record = ChampionStore(store, operator.records).read(backend.uri)
    if record.champion or record.pending or record.freeze:
        msg = (
            f"{backend.name} is a production endpoint: a champion of it is on record; stage on "
            "another endpoint"
        )
        raise AirflowFailException(msg)


def _archived(operator: "PatchEndpointOperator", store: "BlobStore") -> "Model":
    from airflow_aml_retrain.client.archive import Archive
    from airflow_aml_retrain.hooks.retrain import backend_for

    trainer = backend_for(
        given(operator.trainer_conn_id) or operator.conn_id,
        operator.trainer_service,
        given(operator.trainer_endpoint),
    )
    job = trainer.job(operator.job or "")
    return Archive(store, operator.archives).of_job(
        trainer, job, output=given(operator.model_output)
    )
