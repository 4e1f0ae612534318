"""The role *staging* of `PatchEndpointOperator`: a retrained model where it can be judged."""

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.links.pages import endpoint_page
from airflow_aml_retrain.links.task import EndpointLink, persist
from airflow_aml_retrain.operators.promotion import resource_of
from airflow_aml_retrain.operators.run import owner_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.operators.patch import PatchEndpointOperator
    from airflow_aml_retrain.wire.champion import Model

log: Final = logging.getLogger(__name__)

_SAMPLE: Final = 50


def stage(operator: "PatchEndpointOperator", context: "Context") -> dict[str, Any]:
    """Archive the job's model, claim the staging endpoint and see it answer with the model."""
    from airflow_aml_retrain.client.blobs import split_path
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
    resource = resource_of(backend, operator.resource)
    _claim(operator, context, store, backend)
    staged = backend.run(
        staging(
            backend.verbs,
            store.reference(*split_path(model.archive)),
            resource,
            rows=first_rows(store, operator.sample, _SAMPLE),
            every=operator.poll_interval,
            within=operator.propagation,
        )
    )
    log.info("%s answers with %s", backend.name, model.job)
    if not staged.changed:
        log.warning("Its answers did not change within %s s", operator.propagation)
    return {"model": asdict(model), "endpoint": backend.uri, "changed": staged.changed}


def _archived(operator: "PatchEndpointOperator", store: "BlobStore") -> "Model":
    from airflow_aml_retrain.client.staging import archived
    from airflow_aml_retrain.hooks.retrain import backend_for

    trainer = backend_for(
        operator.trainer_conn_id or operator.conn_id,
        operator.trainer_service,
        operator.trainer_endpoint,
    )
    job = trainer.job(operator.job or "")
    return archived(trainer, job, store, operator.archives, output=operator.model_output)


def _claim(
    operator: "PatchEndpointOperator", context: "Context", store: "BlobStore", backend: "Backend"
) -> None:
    from airflow.sdk import timezone

    from airflow_aml_retrain.client.claims import Claims

    Claims(store, operator.records).take(
        backend.uri,
        holder=owner_of(context),
        now=timezone.utcnow().timestamp(),
        seconds=operator.claim_timeout,
    )
