"""
Handing models to an endpoint, and knowing the way back.

Law: what is handed over are bytes of the user's own storage whose hash is on record, and they
replace nothing but what they were meant to replace.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

from airflow_aml_retrain.client.archive import Archive
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.errors import (
    PromotionRefused,
    RetrainError,
    ServiceUnavailable,
)
from airflow_aml_retrain.wire.blobs import require_unchanged
from airflow_aml_retrain.wire.champion import ChampionRecord, Model
from airflow_aml_retrain.wire.conversation import pause

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publisher:
    """
    Who changes *resource* of one endpoint.

    *every* is in seconds; *allow_irreversible* accepts that there is no way back.
    """

    backend: Backend
    store: BlobStore
    resource: str
    archive: Archive
    every: float
    allow_irreversible: bool = False
    clock: Callable[[], float] = time.time

    def require(self, model: Model) -> None:
        """Raise `PromotionRefused` unless the archived bytes of *model* are those on record."""
        if model.archive:
            self.archive.require(model)

    def earlier(self, record: ChampionRecord, archive: str | None) -> Model:
        """The model to go back to: that in *archive*, or by *record* the one before."""
        if archive:
            place = split_path(archive)
            if not self.store.exists(*place):
                msg = f"there is no archived model at {archive}"
                raise PromotionRefused(msg)
            return Model(location=self.store.location(*place), archive=archive)
        target = record.previous
        if not target:
            msg = f"no earlier model of {self.backend.name} is on record to go back to"
            raise PromotionRefused(msg)
        if target.archive:
            return replace(target, location=self.store.location(*split_path(target.archive)))
        return target

    def with_way_back(self, model: Model) -> Model:
        """*model*, which serves, archived unless the service itself can go back to it."""
        if model.archive or self._is_published(model):
            return model
        try:
            blob = self.backend.run(self.backend.verbs.serving()).models[self.resource]
            return self.archive.taken(model, blob)
        except ServiceUnavailable:
            raise
        except (RetrainError, KeyError) as exc:
            if self.allow_irreversible:
                log.warning("There is no way back to %s: %s", model.location, exc)
                return model
            msg = (
                f"{model.location} could not be archived ({exc}) and is not the published model, "
                f"so a promotion could not be undone; allow_irreversible=True promotes all the same"
            )
            raise PromotionRefused(msg) from exc

    def put(self, model: Model, *, instead_of: Collection[str]) -> str:
        """
        Hand *model* to the service, and return the operation that goes on then.

        Raises `PromotionRefused` if none of the models at *instead_of* lies there any more.
        """
        if not model.archive:
            self._restore(model, instead_of)
            return ""
        reference = self.store.reference(*split_path(self._place(model)))
        return self.backend.run(
            self.backend.verbs.publish(reference, self.resource, instead_of=instead_of)
        )

    def put_back(self, model: Model, *, instead_of: Collection[str]) -> tuple[Model, str]:
        """`put` for *model* that served before, with the location that read-back will name."""
        if model.archive:
            location = self.store.location(*split_path(self._place(model)))
            model = replace(model, location=location)
        return model, self.put(model, instead_of=instead_of)

    def follow(self, operation: str, location: str, *, until: float) -> None:
        """Wait until the service has ended *operation*, or *until* (epoch seconds)."""
        following = self.backend.verbs.followed(
            operation, resource=self.resource, location=location, every=self.every
        )
        self.backend.run(following, until=until)

    def pass_lag(self) -> None:
        """Wait until what the service may have accepted would be seen."""
        lag = self.backend.verbs.lag
        self.backend.run(pause(lag), until=self.clock() + lag + 60.0)

    def _restore(self, model: Model, instead_of: Collection[str]) -> None:
        """Go back to the published model, if *model* is that one still."""
        if not self._is_published(model):
            msg = f"there is no way back to {model.location}: it is not the published model"
            raise PromotionRefused(msg)
        serving = self.backend.run(self.backend.verbs.serving())
        require_unchanged(serving, self.resource, instead_of, self.backend.name)
        self.backend.run(self.backend.verbs.restore())

    def _is_published(self, model: Model) -> bool:
        """Whether `restore` goes back to exactly this one."""
        published = self.backend.run(self.backend.verbs.published()).models.get(self.resource)
        return published is not None and published.location == model.location

    def _place(self, model: Model) -> str:
        """Where *model* lies for the service to read: where it served from, else its archive."""
        served = self.store.place_of(model.location)
        return served if served and self.archive.holds(served, model) else model.archive
