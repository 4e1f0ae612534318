"""
A retrained model on its staging endpoint, and a copy of it in the archive.

Law: the model that is judged, the model that is promoted and the model that is gone back to are
the same bytes: those in the archive, named by their job, with their hash on record.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import slug
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.blobs import ModelBlob, choose_model
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.conversation import Conversation, pause
from airflow_aml_retrain.wire.jobs import JobId
from airflow_aml_retrain.wire.verbs import Row, Verbs


def archived(
    trainer: Backend, job: JobId, store: BlobStore, place: str, *, output: str | None = None
) -> Model:
    """
    Copy the model that *job* made into the archive at *place* ("container/prefix").

    *output* names the job's output; by default it is the one `.ilearner` among them. Raises
    `BadInput` for a model of 0 bytes.
    """
    blob = choose_model(trainer.run(trainer.verbs.outputs(job)), output)
    container, path = split_path(
        f"{place.strip('/')}/models/{slug(trainer.uri)}/{job.replace('/', '-')}.ilearner"
    )
    copied = store.copy_from(blob, container, path)
    if not copied.size:
        msg = f"the model that job {job} made is empty (0 bytes at {blob.location})"
        raise BadInput(msg)
    return Model(
        location=store.location(container, path),
        job=trainer.reference(job),
        archive=f"{container}/{path}",
        sha256=copied.sha256,
    )


@dataclass(frozen=True, slots=True)
class Staged:
    """Which resource of the staging endpoint was replaced, and whether its answers changed."""

    resource: str
    changed: bool


def stage(
    verbs: Verbs,
    model: ModelBlob,
    resource: str,
    *,
    rows: Sequence[Row],
    every: float,
    within: float,
) -> Conversation[Staged]:
    """
    Put *model* on a staging endpoint and wait until it answers *rows* with it.

    That is seen when its answers have changed and stay so. Two models can answer all rows
    alike, so after *within* seconds of waiting, the time in which the service promises to
    serve a new model, it is taken to serve.
    """
    before = yield from verbs.score(rows)
    yield from verbs.publish(model, resource)
    waited, last = 0.0, before
    while waited < within:
        yield from pause(every)
        waited += every
        answers = yield from verbs.score(rows)
        if answers == last != before:
            return Staged(resource, changed=True)
        last = answers
    return Staged(resource, changed=last != before)
