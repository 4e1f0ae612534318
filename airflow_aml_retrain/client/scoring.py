"""Scored rows: brought home, and compared with what the endpoint answers one by one."""

from collections.abc import Mapping
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.rows import first_rows
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.jobs import JobId
from airflow_aml_retrain.wire.proof import Probe, Proof, scored_columns, seen_serving

_SPREADING: Final = 60.0
"""Seconds that a model may take to reach both services."""


def keep_scored(
    backend: Backend, job: JobId, store: BlobStore, place: str, *, output: str | None
) -> None:
    """Copy the table that *job* wrote to *place* ("container/path")."""
    outputs = backend.run(backend.verbs.outputs(job))
    store.copy_from(choose_table(outputs, output), *split_path(place))


def agreement(backend: Backend, store: BlobStore, data: str, scored: str, *, rows: int) -> Proof:
    """Whether the endpoint answers the first *rows* of *data* as its batch job scored them."""
    asked = first_rows(store, data, rows)
    answered = first_rows(store, scored, rows)
    probes = [
        Probe(row, scored_columns(answer)) for row, answer in zip(asked, answered, strict=False)
    ]
    return backend.run(
        seen_serving(
            backend.verbs, resource="", location="", probes=probes, every=2.0, within=_SPREADING
        )
    )


def choose_table(outputs: Mapping[str, ModelBlob], name: str | None) -> ModelBlob:
    """The table among a job's *outputs*: the one called *name*, or the only one."""
    tables = {
        key: blob
        for key, blob in outputs.items()
        if not blob.is_model and (name is None or key == name)
    }
    if len(tables) != 1:
        wanted = "the only output that is a table" if name is None else f"an output {name!a}"
        msg = f"expected {wanted} of the scoring job, got {sorted(outputs)}"
        raise BadInput(msg)
    return next(iter(tables.values()))
