"""
Models in storage of the user's own.

Law: the model that is judged, the model that is promoted and the model that is gone back to are
the same bytes. An archived model is named by where it came from, its hash is on record, and it
is compared with that hash before it is put into service.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import slug
from airflow_aml_retrain.errors import BadInput, PromotionRefused
from airflow_aml_retrain.wire.blobs import ModelBlob, choose_model
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.jobs import JobId

_BLOCK: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Archive:
    """The models that lie under *place* ("container/prefix")."""

    store: BlobStore
    place: str

    def of_job(self, trainer: Backend, job: JobId, *, output: str | None = None) -> Model:
        """
        Archive the model that *job* made.

        *output* names the job's output; by default it is the one `.ilearner` among them. Raises
        `BadInput` for a model of 0 bytes.
        """
        blob = choose_model(trainer.run(trainer.verbs.outputs(job)), output)
        name = f"models/{slug(trainer.uri)}/{job.replace('/', '-')}.ilearner"
        model = Model(location=blob.location, job=trainer.reference(job))
        return self._copied(model, blob, name)

    def taken(self, model: Model, blob: ModelBlob) -> Model:
        """Archive *model*, which somebody else put into service, from *blob* where it lies."""
        if blob.location != model.location:
            msg = f"{model.location} was replaced by {blob.location} meanwhile"
            raise BadInput(msg)
        mark = sha256(model.location.encode()).hexdigest()[:16]
        name = f"models/found/{mark}-{blob.relative.rpartition('/')[2]}"
        # It goes on serving from where it lies: only the way back is the archive's.
        return replace(self._copied(model, blob, name), location=model.location)

    def require(self, model: Model) -> None:
        """Raise `PromotionRefused` unless the archived bytes are those on record."""
        if not model.sha256:
            return
        digest = self._hash(model.archive)
        if digest != model.sha256:
            msg = (
                f"the model at {model.archive} is not the one that was judged: its hash is "
                f"{digest}, not {model.sha256}"
            )
            raise PromotionRefused(msg)

    def holds(self, place: str, model: Model) -> bool:
        """Whether *model*, whose hash is on record, lies at *place* ("container/path")."""
        if not model.sha256 or not self.store.exists(*split_path(place)):
            return False
        return self._hash(place) == model.sha256

    def _hash(self, place: str) -> str:
        digest = sha256()
        with self.store.open(*split_path(place)) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def _copied(self, model: Model, blob: ModelBlob, name: str) -> Model:
        container, path = split_path(f"{self.place.strip('/')}/{name}")
        copied = self.store.copy_from(blob, container, path)
        if not copied.size:
            msg = f"the model is empty (0 bytes at {blob.location})"
            raise BadInput(msg)
        location = self.store.location(container, path)
        return replace(
            model, location=location, archive=f"{container}/{path}", sha256=copied.sha256
        )
