"""
One change of what an endpoint serves: verified, or undone, or failed with both facts said.

Law: what serves, and the way back to it, are known and written down before anything is touched.
Nothing is taken for done because the service accepted it. Whoever finds a change that somebody
began and did not end settles it first, by looking at what serves. A foreign hand is never
overwritten unseen: what is neither the candidate nor what served before is left alone, and said.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from airflow_aml_retrain.client.archive import Archive
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import HeldRecord
from airflow_aml_retrain.client.scoring import batch_answers
from airflow_aml_retrain.errors import (
    NotConfigured,
    PromotionFailed,
    PromotionRefused,
    RetrainError,
    ServiceUnavailable,
)
from airflow_aml_retrain.wire.champion import Freeze, Model
from airflow_aml_retrain.wire.proof import Probe, Proof, probes_from_json, seen_serving

log: Final = logging.getLogger(__name__)

_SLOW_ANSWERS: Final = 120.0
"""Seconds that the answers of one look at an endpoint may take on top of its pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """
    How one endpoint's model is changed.

    *resource* is the updatable resource, *archives* ("container/prefix") where models are kept;
    *every* and *within* say in seconds how often and how long the endpoint is looked at before a
    change counts as not having come through. *verify_batch* proves the batch service as well.
    *accept_unproven* lets read-back decide where no row tells the models apart;
    *allow_irreversible* promotes where there is no way back.
    """

    backend: Backend
    store: BlobStore
    resource: str
    archives: str
    every: float = 2.0
    within: float = 600.0
    verify_batch: bool = False
    accept_unproven: bool = True
    allow_irreversible: bool = False
    clock: Callable[[], float] = time.time

    def promote(
        self, held: HeldRecord, candidate: Model, *, against: str, owner: str, before_probes: str
    ) -> Proof:
        """
        Put *candidate* into service in place of the champion at *against*, and see it serve.

        *against* is the location that the decision compared with (one a line if the endpoint
        has several models); *before_probes* are the champion's own answers, by which an undo is
        verified. Raises `PromotionRefused` before, `PromotionFailed` after the endpoint was
        touched.
        """
        self.settle(held)
        if proof := self._already(held, candidate):
            return proof
        held.record.refuse_unless_open_to(candidate)
        serves = self._serves()
        if serves not in against.splitlines():
            msg = (
                f"the decision was made against {against or 'nobody knows what'}, but "
                f"{self.backend.name} now serves {serves}; evaluate again"
            )
            raise PromotionRefused(msg)
        before = self._with_way_back(self._known(held, serves, probes=before_probes))
        return self._change(held, candidate, before, owner=owner)

    def put_back(self, held: HeldRecord, freeze: Freeze, *, archive: str | None = None) -> Proof:
        """
        Put what served before (or the model at *archive*) back, promotions frozen meanwhile.

        A retry, known by the owner of *freeze*, ends what the first try began, and does not go
        one model further back.
        """
        earlier = held.record.freeze
        if earlier and earlier.owner != freeze.owner:
            msg = (
                f"{self.backend.name} was rolled back already, at {earlier.at} by {earlier.by} "
                f"({earlier.why}); release its promotions before another rollback"
            )
            raise PromotionRefused(msg)
        if not earlier:
            held.save(replace(held.record, freeze=freeze))
        self.settle(held)
        target = (earlier and earlier.target) or self._earlier(held, archive)
        held.save(replace(held.record, freeze=replace(freeze, target=target)))
        serves = self._serves()
        if serves == target.location and (proof := self._look(target)).holds:
            return proof
        before = self._with_way_back(self._known(held, serves, probes=""))
        return self._change(held, target, before, owner=freeze.owner)

    def settle(self, held: HeldRecord) -> None:
        """End a change that somebody began: completed, undone, or found to be a foreign hand's."""
        pending = held.record.pending
        if not pending:
            return
        log.warning("Settling the change that %s began at %s", pending.owner, pending.since)
        serves = self._serves()
        try:
            if serves == pending.candidate.location:
                self._verified_or_undone(held, pending.candidate, pending.before)
            elif serves in self._locations(pending.before):
                self._back(held, replace(pending.before, location=serves))
            else:
                log.warning("%s serves %s, which is not ours", self.backend.name, serves)
                held.save(held.record.foreign(serves))
        except PromotionFailed as exc:
            if not exc.undone:
                raise
            log.warning("It is settled: %s", exc)

    def _already(self, held: HeldRecord, candidate: Model) -> Proof | None:
        """The proof that *candidate* serves by an earlier try of this same promotion."""
        champion = held.record.champion
        if not champion or champion.location != candidate.location:
            return None
        if self._serves() != candidate.location:
            return None
        proof = self._look(candidate)
        return proof if self._convinces(proof) else None

    def _earlier(self, held: HeldRecord, archive: str | None) -> Model:
        """The model to go back to."""
        if archive:
            place = split_path(archive)
            if not self.store.exists(*place):
                msg = f"there is no archived model at {archive}"
                raise PromotionRefused(msg)
            return Model(location=self.store.location(*place), archive=archive)
        target = held.record.previous
        if not target:
            msg = f"no earlier model of {self.backend.name} is on record to go back to"
            raise PromotionRefused(msg)
        if target.archive:
            return replace(target, location=self.store.location(*split_path(target.archive)))
        return target

    def _known(self, held: HeldRecord, serves: str, *, probes: str) -> Model:
        """What is known of the model at *serves*, which serves now."""
        known = held.record.champion
        if known and known.location == serves:
            return known if known.probes else replace(known, probes=probes)
        if known:
            log.warning("%s was changed by a foreign hand: %s", self.backend.name, serves)
        return Model(location=serves, probes=probes)

    def _with_way_back(self, model: Model) -> Model:
        if model.archive or self._is_published(model):
            return model
        try:
            blob = self.backend.run(self.backend.verbs.serving()).models[self.resource]
            return self._archive.taken(model, blob)
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

    def _is_published(self, model: Model) -> bool:
        """Whether `restore` goes back to exactly this one."""
        published = self.backend.run(self.backend.verbs.published()).models.get(self.resource)
        return published is not None and published.location == model.location

    def _change(self, held: HeldRecord, candidate: Model, before: Model, *, owner: str) -> Proof:
        if candidate.archive:
            self._archive.require(candidate)
        held.save(held.record.begun(candidate, before, owner=owner, at=self._now()))
        try:
            self._put(held, candidate)
        except RetrainError as exc:
            # Refused or unclear: only looking tells which, and the undo looks.
            why = f"the service did not take {candidate.location}: {exc}"
            raise self._undone(held, candidate, before, why) from exc
        return self._verified_or_undone(held, candidate, before)

    def _verified_or_undone(self, held: HeldRecord, candidate: Model, before: Model) -> Proof:
        try:
            proof = self._look(candidate)
        except RetrainError as exc:
            proof = Proof(None, by_answers=False, why=str(exc))
        if not self._convinces(proof):
            why = f"{candidate.location} was not seen serving: {proof.why or 'nothing tells'}"
            raise self._undone(held, candidate, before, why)
        held.save(held.record.completed(at=self._now()))
        return proof

    def _undone(
        self, held: HeldRecord, candidate: Model, before: Model, why: str
    ) -> PromotionFailed:
        """Bring *before* back; the error to raise then, which says whether it is back."""
        log.error("Undoing the change of %s: %s", self.backend.name, why)
        try:
            serves = self._serves()
            if serves == candidate.location:
                serves = self._brought_back(held, before)
            if serves not in self._locations(before):
                held.save(held.record.foreign(serves))
                msg = f"{why}. Meanwhile somebody else put {serves} there, which is left alone."
                return PromotionFailed(msg, undone=False)
            self._back(held, replace(before, location=serves))
        except RetrainError as exc:
            msg = f"{why}. The undo was NOT verified: {exc}. A person must look."
            return PromotionFailed(msg, undone=False)
        return PromotionFailed(f"{why}. The champion before it serves again.", undone=True)

    def _brought_back(self, held: HeldRecord, before: Model) -> str:
        if not before.archive and not self._is_published(before):
            msg = f"there is no way back to {before.location}"
            raise PromotionFailed(msg, undone=False)
        return self._put(held, before)

    def _back(self, held: HeldRecord, before: Model) -> None:
        """Write down that *before* serves again, once it is seen to."""
        proof = self._look(before)
        if not proof.holds:
            raise PromotionFailed(proof.why or "nothing tells what serves", undone=False)
        held.save(replace(held.record.undone(), champion=before))

    def _put(self, held: HeldRecord, model: Model) -> str:
        """Hand *model* to the service, and return the location that its read-back will name."""
        held.require()
        if not model.archive:
            self.backend.run(self.backend.verbs.restore())
            return model.location
        place = split_path(model.archive)
        reference = self.store.reference(*place)
        self.backend.run(self.backend.verbs.publish(reference, self.resource))
        return self.store.location(*place)

    def _look(self, model: Model) -> Proof:
        probes = self._probes(model)
        proof = self.backend.run(
            seen_serving(
                self.backend.verbs,
                resource=self.resource,
                location=model.location,
                probes=probes,
                every=self.every,
                within=self.within,
            ),
            until=self.clock() + self.within + _SLOW_ANSWERS,
        )
        if self.verify_batch and probes and proof.is_proven:
            return self._proven_by_batch(proof, probes)
        return proof

    def _proven_by_batch(self, proof: Proof, probes: list[Probe]) -> Proof:
        """*proof*, or what the batch service says against it; it can be the slower to follow."""
        until = self.clock() + self.within + _SLOW_ANSWERS
        place = f"{self.archives.strip('/')}/probed"
        while True:
            answers = batch_answers(
                self.backend, self.store, probes, place, every=self.every, until=until
            )
            agreeing = [p.agrees(a) for p, a in zip(probes, answers, strict=True)]
            if all(agreeing):
                return proof
            if self.clock() >= until - _SLOW_ANSWERS:
                why = f"its batch service answers {agreeing.count(False)} probe rows otherwise"
                return replace(proof, by_answers=False, why=why)

    def _convinces(self, proof: Proof) -> bool:
        return proof.is_proven or (proof.holds and self.accept_unproven)

    def _probes(self, model: Model) -> list[Probe]:
        if not model.probes:
            return []
        return probes_from_json(self.store.read(*split_path(model.probes)))

    def _locations(self, model: Model) -> set[str]:
        """Where read-back may say that *model* lies: where it came from, or its archive."""
        archived = {self.store.location(*split_path(model.archive))} if model.archive else set()
        return {model.location} | archived

    def _serves(self) -> str:
        """The location of the model in service, by the endpoint's own read-back."""
        serving = self.backend.run(self.backend.verbs.serving())
        blob = serving.models.get(self.resource)
        if not blob:
            msg = f"{self.backend.name} has no updatable resource {self.resource!a}"
            raise NotConfigured(msg)
        return blob.location

    @property
    def _archive(self) -> Archive:
        return Archive(self.store, self.archives)

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")
