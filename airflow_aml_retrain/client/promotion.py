"""
One change of what an endpoint serves: verified, or undone, or failed with both facts said.

Law: what serves, and the way back to it, are known and written down before anything is touched.
Nothing is taken for done because the service accepted it. Whoever finds a change that somebody
began and did not end settles it first, by looking at what serves.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import HeldRecord
from airflow_aml_retrain.errors import (
    NotConfigured,
    PromotionFailed,
    PromotionRefused,
    RetrainError,
)
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.proof import Probe, Proof, probes_from_json, seen_serving

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """
    How one endpoint's model is changed.

    *resource* is the updatable resource, *archives* ("container/prefix") where models are kept;
    *every* and *within* say in seconds how often and how long the endpoint is looked at before a
    change counts as not having come through. *accept_unproven* lets read-back decide where no
    row tells the models apart; *allow_irreversible* promotes where there is no way back.
    """

    backend: Backend
    store: BlobStore
    resource: str
    archives: str
    every: float = 2.0
    within: float = 600.0
    accept_unproven: bool = True
    allow_irreversible: bool = False
    clock: Callable[[], float] = time.time

    def promote(
        self, held: HeldRecord, candidate: Model, *, against: str, owner: str, before_probes: str
    ) -> Proof:
        """
        Put *candidate* into service in place of the champion at *against*, and see it serve.

        *against* is the location that the decision compared with (one a line if the endpoint
        has several models, empty where it could not be read); *before_probes* are the
        champion's own answers, by which an undo is verified.
        Raises `PromotionRefused` before, `PromotionFailed` after the endpoint was touched.
        """
        self.settle(held)
        if proof := self._already(held, candidate):
            return proof
        held.record.refuse_unless_open_to(candidate)
        before = self._champion(held, against=against, probes=before_probes)
        return self._change(held, candidate, before, owner=owner)

    def put_back(self, held: HeldRecord, *, owner: str) -> Proof:
        """Put what served before back into service; an already begun change is settled first."""
        self.settle(held)
        target = held.record.previous
        if not target or not (target.archive or target.location):
            msg = f"no earlier model of {self.backend.name} is on record to go back to"
            raise PromotionRefused(msg)
        if target.archive:
            target = replace(target, location=self.store.location(*split_path(target.archive)))
        before = self._champion(held, against="", probes="")
        return self._change(held, target, before, owner=owner)

    def settle(self, held: HeldRecord) -> None:
        """End a change that somebody began: completed, undone, or found to be a foreign hand's."""
        pending = held.record.pending
        if not pending:
            return
        log.warning("Settling the change that %s began at %s", pending.owner, pending.since)
        serves = self._serves()
        if serves == pending.before.location:
            held.save(held.record.undone())
        elif serves == pending.candidate.location:
            self._verified_or_undone(held, pending.candidate, pending.before)
        else:
            log.warning("%s serves %s, which is not ours", self.backend.name, serves)
            held.save(held.record.foreign(serves))

    def _already(self, held: HeldRecord, candidate: Model) -> Proof | None:
        """The proof that *candidate* serves by an earlier try of this same promotion."""
        champion = held.record.champion
        if not champion or champion.location != candidate.location:
            return None
        if self._serves() != candidate.location:
            return None
        proof = self._look(candidate)
        return proof if self._convinces(proof) else None

    def _champion(self, held: HeldRecord, *, against: str, probes: str) -> Model:
        """What serves now, with the way back to it; refused if it is not what was judged."""
        serves = self._serves()
        if against and serves not in against.splitlines():
            msg = (
                f"the decision was made against {against}, but {self.backend.name} now serves "
                f"{serves}; evaluate again"
            )
            raise PromotionRefused(msg)
        known = held.record.champion
        if known and known.location == serves:
            model = known if known.probes else replace(known, probes=probes)
        else:
            if known:
                log.warning("%s was changed by a foreign hand: %s", self.backend.name, serves)
            model = Model(location=serves, probes=probes)
        return self._with_way_back(model)

    def _with_way_back(self, model: Model) -> Model:
        if model.archive:
            return model
        published = self.backend.run(self.backend.verbs.published()).models.get(self.resource)
        if published and published.location == model.location:
            return model  # `restore` goes back to exactly this one
        try:
            return self._archived(model)
        except (RetrainError, ValueError) as exc:
            if self.allow_irreversible:
                log.warning("There is no way back to %s: %s", model.location, exc)
                return model
            msg = (
                f"{model.location} could not be archived ({exc}) and is not the published model, "
                f"so a promotion could not be undone; allow_irreversible=True promotes all the same"
            )
            raise PromotionRefused(msg) from exc

    def _archived(self, model: Model) -> Model:
        """*model* with a copy in our own storage, fetched from where the endpoint got it."""
        blob = self.backend.run(self.backend.verbs.serving()).models[self.resource]
        name = blob.relative.rpartition("/")[2]
        container, path = split_path(f"{self.archives.strip('/')}/{name}")
        copied = self.store.copy_from(blob, container, path)
        return replace(model, archive=f"{container}/{path}", sha256=copied.sha256)

    def _change(self, held: HeldRecord, candidate: Model, before: Model, *, owner: str) -> Proof:
        held.save(held.record.begun(candidate, before, owner=owner, at=self._now()))
        try:
            self._put(candidate)
        except RetrainError as exc:
            # Refused or unclear: only looking tells which, and the undo looks.
            self._undo(held, before, f"the service did not take {candidate.location}: {exc}")
        return self._verified_or_undone(held, candidate, before)

    def _verified_or_undone(self, held: HeldRecord, candidate: Model, before: Model) -> Proof:
        try:
            proof = self._look(candidate)
        except RetrainError as exc:
            proof = Proof(None, by_answers=False, why=str(exc))
        if not self._convinces(proof):
            self._undo(held, before, f"{candidate.location} was not seen serving: {proof.why}")
        held.save(held.record.completed(at=self._now()))
        return proof

    def _undo(self, held: HeldRecord, before: Model, why: str) -> None:
        """Bring *before* back and raise `PromotionFailed`, which says whether it is back."""
        log.error("Undoing the promotion on %s: %s", self.backend.name, why)
        held.require()
        location, trouble = before.location, ""
        try:
            if self._serves() != before.location:
                location = self._put(before)
            proof = self._look(replace(before, location=location))
            trouble = "" if proof.holds else proof.why or "nothing tells what serves"
        except RetrainError as exc:
            trouble = str(exc)
        if trouble:
            msg = f"{why}. The undo was NOT verified: {trouble}. A person must look."
            raise PromotionFailed(msg, undone=False)
        back = replace(held.record.undone(), champion=replace(before, location=location))
        held.save(back)
        msg = f"{why}. The champion before it serves again."
        raise PromotionFailed(msg, undone=True)

    def _put(self, model: Model) -> str:
        """Hand *model* to the service, and return the location that its read-back will name."""
        if not model.archive:
            self.backend.run(self.backend.verbs.restore())
            return model.location
        place = split_path(model.archive)
        reference = self.store.reference(*place)
        self.backend.run(self.backend.verbs.publish(reference, self.resource))
        return self.store.location(*place)

    def _look(self, model: Model) -> Proof:
        return self.backend.run(
            seen_serving(
                self.backend.verbs,
                resource=self.resource,
                location=model.location,
                probes=self._probes(model),
                every=self.every,
                within=self.within,
            )
        )

    def _convinces(self, proof: Proof) -> bool:
        return proof.is_proven or (proof.holds and self.accept_unproven)

    def _probes(self, model: Model) -> list[Probe]:
        if not model.probes:
            return []
        return probes_from_json(self.store.read(*split_path(model.probes)))

    def _serves(self) -> str:
        """The location of the model in service, by the endpoint's own read-back."""
        serving = self.backend.run(self.backend.verbs.serving())
        blob = serving.models.get(self.resource)
        if not blob:
            msg = f"{self.backend.name} has no updatable resource {self.resource!a}"
            raise NotConfigured(msg)
        return blob.location

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")
