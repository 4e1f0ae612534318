"""
A past for the census model: retrained once and promoted, so that there is a model to go back to.

Law: it came about as every promotion does, by a job that trained, an archived model and a champion
record, and it is older than all that the examples will train.
"""

from dataclasses import replace
from typing import Final

from airflow_aml_retrain.client.archive import Archive
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.client.promotion import Promotion
from airflow_aml_retrain.demo.workspace import PRODUCTION, SCORING, TRAINING, CensusWorkspace
from airflow_aml_retrain.wire.blobs import choose_resource
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.jobs import JobId, started, wait

ARCHIVES: Final = "aml-retrain/archives"
RECORDS: Final = "aml-retrain/records"

_OWNER: Final = "furnish"
_LOOK: Final = 0.2


def trained(trainer: Backend, store: BlobStore, place: str) -> JobId:
    """The job that *trainer* has run over the CSV at *place* ("container/path")."""
    blob = store.reference(*split_path(place))
    job = trainer.run(trainer.verbs.submit({"input1": blob}, {}))
    trainer.run(started(trainer.verbs, job))
    trainer.run(wait(trainer.verbs, job, every=_LOOK)).require_success()
    return job


def promoted_once(workspace: CensusWorkspace, store: BlobStore, place: str, cut_off: str) -> None:
    """Put a model into production that learned from the CSV at *place*, data up to *cut_off*."""
    with workspace.backend(TRAINING) as trainer:
        job = trained(trainer, store, place)
        model = Archive(store, ARCHIVES).of_job(trainer, job)
    candidate = replace(model, data_cutoff=cut_off, run_after=cut_off)
    with workspace.backend(SCORING, PRODUCTION) as production:
        _promote(production, store, candidate, instead_of=workspace.serving())


def _promote(production: Backend, store: BlobStore, candidate: Model, *, instead_of: str) -> None:
    resource = choose_resource(production.run(production.verbs.resources()), None)
    promotion = Promotion(
        backend=production, store=store, resource=resource, archives=ARCHIVES, every=_LOOK
    )
    with ChampionStore(store, RECORDS).held(production.uri, owner=_OWNER) as held:
        promotion.promote(held, candidate, against=instead_of, owner=_OWNER, before_probes="")
