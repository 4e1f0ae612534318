"""Scored rows: brought home, and compared with what the endpoint answers one by one."""

import csv
import io
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, open_foreign, split_path
from airflow_aml_retrain.client.rows import as_csv, first_rows
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.jobs import JobId, started, wait
from airflow_aml_retrain.wire.proof import Probe, Proof, scored_columns, seen_serving

_INPUT: Final = "input1"
_SPREADING: Final = 60.0
"""Seconds that a model may take to reach both services."""


def keep_scored(
    backend: Backend, job: JobId, store: BlobStore, place: str, *, output: str | None
) -> None:
    """Copy the table that *job* wrote to *place* ("container/path")."""
    outputs = backend.run(backend.verbs.outputs(job))
    store.copy_from(choose_table(outputs, output), *split_path(place))


def agreement(
    backend: Backend, store: BlobStore, data: str, scored: str, *, rows: int, every: float
) -> Proof:
    """
    Whether the endpoint answers the first *rows* of *data* as its batch job scored them.

    It is looked at every *every* seconds, for as long as a model may take to reach both services.
    """
    asked = first_rows(store, data, rows)
    answered = first_rows(store, scored, rows)
    probes = [
        Probe(row, scored_columns(answer)) for row, answer in zip(asked, answered, strict=False)
    ]
    return backend.run(
        seen_serving(
            backend.verbs, resource="", location="", probes=probes, every=every, within=_SPREADING
        )
    )


def batch_answers(
    backend: Backend,
    store: BlobStore,
    probes: Sequence[Probe],
    place: str,
    *,
    every: float,
    until: float,
) -> list[dict[str, str]]:
    """What the endpoint's batch service answers to *probes*; the rows are kept under *place*."""
    rows = as_csv([probe.row for probe in probes])
    container, path = split_path(f"{place}/{sha256(rows).hexdigest()[:24]}.csv")
    store.write(container, path, rows)
    inputs = {_INPUT: store.reference(container, path)}
    job = backend.run(backend.verbs.submit(inputs, {}), until=until)
    backend.run(started(backend.verbs, job), until=until)
    backend.run(wait(backend.verbs, job, every=every), until=until).require_success()
    table = choose_table(backend.run(backend.verbs.outputs(job), until=until), None)
    with open_foreign(table) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        return [scored_columns(row) for row in csv.DictReader(text)]


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
