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

from airflow_aml_retrain.client.aftermath import WAY_OUT, both_facts
from airflow_aml_retrain.client.archive import Archive
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.champion import HeldRecord
from airflow_aml_retrain.client.publisher import Publisher
from airflow_aml_retrain.client.witness import Witness
from airflow_aml_retrain.errors import (
    BadInput,
    DeadlineExceeded,
    NotUpdatable,
    PromotionFailed,
    PromotionRefused,
    RetrainError,
    ServiceUnavailable,
    UpdateFailed,
)
from airflow_aml_retrain.wire.champion import Freeze, Model, Pending
from airflow_aml_retrain.wire.proof import Proof

log: Final = logging.getLogger(__name__)

_UNSENT: Final = (BadInput, NotUpdatable, PromotionRefused)
"""What is raised before anything is sent to the service."""

_GLANCES: Final = 3
"""Looks that are enough to see whether nothing has changed at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """
    How one endpoint's model is changed.

    *resource* is the updatable resource, *archives* ("container/prefix") where models are kept;
    *every* and *within* say in seconds how often and how long the endpoint is looked at before a
    change counts as not having come through, *operation_within* how long the service may be at
    work on a change that it accepted, and *settle_within* on one that another run has left behind.
    *verify_batch* proves the batch service as well. *accept_unproven* lets read-back decide where
    no row tells the models apart; *allow_irreversible* promotes where there is no way back.
    """

    backend: Backend
    store: BlobStore
    resource: str
    archives: str
    every: float = 2.0
    within: float = 600.0
    operation_within: float = 900.0
    settle_within: float = 600.0
    verify_batch: bool = False
    accept_unproven: bool = True
    allow_irreversible: bool = False
    clock: Callable[[], float] = time.time

    def promote(
        self, held: HeldRecord, candidate: Model, *, against: str, owner: str, before_probes: str
    ) -> Proof:
        """`begin` and `finish` in one: put *candidate* into service, and see it serve."""
        proof = self.begin(
            held, candidate, against=against, owner=owner, before_probes=before_probes
        )
        return proof or self.finish(held, candidate, owner=owner)

    def begin(
        self,
        held: HeldRecord,
        candidate: Model,
        *,
        against: str,
        owner: str,
        before_probes: str,
        definition: str = "",
    ) -> Proof | None:
        """
        Hand *candidate* to the service in place of the champion at *against*.

        *against* is the location that the decision compared with (one a line if the endpoint
        has several models); *before_probes* are the champion's own answers, by which an undo is
        verified; *definition* is where the definition is kept that it serves in. Returns None,
        and the change is pending until `finish`; or the proof that an earlier try has brought it
        about. Raises `PromotionRefused` before, `PromotionFailed` after the endpoint was touched.
        """
        self.settle(held)
        if proof := self._already(held, candidate):
            return proof
        held.record.refuse_unless_open_to(candidate)
        serves = self._witness.serves()
        if serves not in against.splitlines():
            msg = (
                f"the decision was made against {against or 'nobody knows what'}, but "
                f"{self.backend.name} now serves {serves}; evaluate again"
            )
            raise PromotionRefused(msg)
        self._witness.refuse_if_changed(Model(location=serves, probes=before_probes))
        known = self._known(held, serves, probes=before_probes)
        before = replace(self._publisher.with_way_back(known), definition=definition)
        self._begun(held, candidate, before, owner=owner)
        return None

    def finish(self, held: HeldRecord, candidate: Model, *, owner: str) -> Proof:
        """
        See *candidate* serve, which `begin` handed over for *owner*, or undo that.

        Raises `PromotionFailed`, which says whether it is undone; while the service is still at
        work on the change it stays pending, for whoever comes next to settle.
        """
        with both_facts(self._change_to(candidate)):
            return self._finished(held, candidate, owner)

    def _finished(self, held: HeldRecord, candidate: Model, owner: str) -> Proof:
        pending, unheard = held.record.pending, ""
        if not pending or (pending.owner, pending.candidate.location) != (
            owner,
            candidate.location,
        ):
            return self._settled_for_us(held, candidate, owner)
        try:
            self._let_end(pending, until=_seconds(pending.until))
        except UpdateFailed as exc:
            raise self._undone(held, pending.candidate, pending.before, str(exc)) from exc
        except (DeadlineExceeded, ServiceUnavailable) as exc:
            held.save(held.record.under_way(pending.operation, until=""))
            msg = (
                f"the service has not ended the change to {pending.candidate.location} ({exc}); "
                "what serves is not known, and the next run settles it"
            )
            raise PromotionFailed(msg, undone=False) from exc
        except RetrainError as exc:
            unheard = self._unheard(exc)
        return self._verified_or_undone(held, pending.candidate, pending.before, unheard=unheard)

    def freeze(self, held: HeldRecord, freeze: Freeze) -> None:
        """
        Refuse promotions from now on.

        A rollback that came to nothing (it has no target) leaves its freeze to the next one.
        Raises `PromotionRefused` if another run has rolled back already.
        """
        earlier = held.record.freeze
        if earlier and earlier.owner != freeze.owner and earlier.target:
            msg = (
                f"{self.backend.name} was rolled back already, at {earlier.at} by {earlier.by} "
                f"({earlier.why}); release its promotions before another rollback"
            )
            raise PromotionRefused(msg)
        if not earlier or earlier.owner != freeze.owner:
            held.save(replace(held.record, freeze=freeze))

    def put_back(self, held: HeldRecord, freeze: Freeze, *, archive: str | None = None) -> Proof:
        """
        Put what served before (or the model at *archive*) back, promotions frozen meanwhile.

        A retry, known by the owner of *freeze*, ends what the first try began, and does not go
        one model further back.
        """
        self.freeze(held, freeze)
        self.settle(held)
        earlier = held.record.freeze
        target = (earlier and earlier.target) or self._publisher.earlier(held.record, archive)
        held.save(replace(held.record, freeze=replace(freeze, target=target)))
        serves = self._witness.serves()
        if serves == target.location and (proof := self._witness.look(target)).holds:
            champion = held.record.champion
            if not champion or champion.location != serves:
                held.save(replace(held.record, champion=target))
            return proof
        before = self._publisher.with_way_back(self._known(held, serves, probes=""))
        self._begun(held, target, before, owner=freeze.owner)
        return self.finish(held, target, owner=freeze.owner)

    def settle(self, held: HeldRecord) -> None:
        """
        End a change that somebody began: completed, undone, or found to be a foreign hand's.

        Raises `PromotionFailed` if that cannot be done, or not yet.
        """
        pending = held.record.pending
        if not pending:
            return
        log.warning("Settling the change that %s began at %s", pending.owner, pending.since)
        try:
            with both_facts(self._change_to(pending.candidate)):
                self._outwaited(pending)
                self._found(held, pending)
        except PromotionFailed as exc:
            if not exc.undone:
                raise
            log.warning("It is settled: %s", exc)

    def _outwaited(self, pending: Pending) -> None:
        """`_let_end`, for as long as it takes to look where the operation tells nothing."""
        try:
            until = max(_seconds(pending.until), self.clock() + self.settle_within)
            self._let_end(pending, until=until)
        except UpdateFailed as exc:
            log.warning("%s", exc)
        except (DeadlineExceeded, ServiceUnavailable) as exc:
            msg = (
                f"the change to {pending.candidate.location} that {pending.owner} began at "
                f"{pending.since} has not ended ({exc}); what will serve is not known. {WAY_OUT}"
            )
            raise PromotionFailed(msg, undone=False) from exc
        except RetrainError as exc:
            self._unheard(exc)

    def _unheard(self, trouble: RetrainError) -> str:
        """What is said of a change is not understood: wait until looking tells what came of it."""
        log.warning("What goes on is not understood, so the service is looked at: %s", trouble)
        self._publisher.pass_lag()
        return f" (of its operation nothing is known: {trouble})"

    def _found(self, held: HeldRecord, pending: Pending) -> None:
        """Write down what a change has come to that nobody works on any more."""
        serves = self._witness.serves()
        if serves == pending.candidate.location:
            self._verified_or_undone(held, pending.candidate, pending.before)
        elif serves in self._witness.locations(pending.before):
            self._back(held, replace(pending.before, location=serves))
        else:
            log.warning("%s serves %s, which is not ours", self.backend.name, serves)
            held.save(held.record.foreign(serves))

    def _already(self, held: HeldRecord, candidate: Model) -> Proof | None:
        """The proof that *candidate* serves by an earlier try of this same promotion."""
        champion = held.record.champion
        if not champion or champion.location != candidate.location:
            return None
        if self._witness.serves() != candidate.location:
            return None
        proof = self._witness.look(candidate)
        return proof if self._convinces(proof) else None

    def _known(self, held: HeldRecord, serves: str, *, probes: str) -> Model:
        """What is known of the model at *serves*, which serves now."""
        known = held.record.champion
        if known and known.location == serves:
            # Its answers as they are now, where they were just seen: a definition can change.
            return replace(known, probes=probes or known.probes)
        if known:
            log.warning("%s was changed by a foreign hand: %s", self.backend.name, serves)
        return Model(location=serves, probes=probes)

    def _begun(self, held: HeldRecord, candidate: Model, before: Model, *, owner: str) -> None:
        self._publisher.require(candidate)
        held.save(held.record.begun(candidate, before, owner=owner, at=self._now()))
        try:
            held.require()
            operation = self._publisher.put(candidate, instead_of={before.location})
        except _UNSENT as exc:
            held.save(held.record.untouched())
            raise PromotionRefused(str(exc)) from exc
        except RetrainError as exc:
            # Refused or unclear: only looking tells which, once it would be seen.
            self._publisher.pass_lag()
            why = f"the service did not take {candidate.location}: {exc}"
            raise self._undone(held, candidate, before, why) from exc
        if operation:
            with both_facts(self._change_to(candidate)):
                self._note(held, operation)

    def _change_to(self, candidate: Model) -> str:
        return f"the change of {self.backend.name} to {candidate.location}"

    def _note(self, held: HeldRecord, operation: str) -> None:
        until = self._iso(self.clock() + self.operation_within)
        held.save(held.record.under_way(operation, until=until))

    def _let_end(self, pending: Pending, *, until: float) -> None:
        """Wait until the service has ended what it does behind the acceptance of *pending*."""
        if not pending.operation:
            # Nobody wrote down what goes on, nor when it began.
            self._publisher.pass_lag()
            return
        self._publisher.follow(pending.operation, pending.candidate.location, until=until)

    def _settled_for_us(self, held: HeldRecord, candidate: Model, owner: str) -> Proof:
        """The proof that *candidate* serves, if whoever settled our change found that."""
        self.settle(held)
        if proof := self._already(held, candidate):
            return proof
        msg = f"the change that {owner} began at {self.backend.name} was settled by another run"
        raise PromotionFailed(msg, undone=False)

    def _verified_or_undone(
        self, held: HeldRecord, candidate: Model, before: Model, *, unheard: str = ""
    ) -> Proof:
        try:
            proof = self._witness.look(candidate)
        except RetrainError as exc:
            proof = Proof(None, by_answers=False, why=str(exc))
        if not self._convinces(proof):
            why = f"{candidate.location} was not seen serving: {proof.why or 'nothing tells'}"
            why += unheard
            raise self._undone(held, candidate, before, why)
        held.save(held.record.completed(at=self._now()))
        return proof

    def _undone(
        self, held: HeldRecord, candidate: Model, before: Model, why: str
    ) -> PromotionFailed:
        """Bring *before* back; the error to raise then, which says whether it is back."""
        log.error("Undoing the change of %s: %s", self.backend.name, why)
        try:
            serves = self._witness.serves()
            if serves not in {candidate.location} | self._witness.locations(before):
                held.save(held.record.foreign(serves))
                msg = f"{why}. Meanwhile somebody else put {serves} there, which is left alone."
                return PromotionFailed(msg, undone=False)
            there = self._brought_back(held, before, serves=serves, candidate=candidate.location)
            self._back(held, there)
        except RetrainError as exc:
            msg = f"{why}. The undo was NOT verified: {exc}. {WAY_OUT}"
            return PromotionFailed(msg, undone=False)
        return PromotionFailed(f"{why}. The champion before it serves again.", undone=True)

    def _brought_back(
        self, held: HeldRecord, before: Model, *, serves: str, candidate: str
    ) -> Model:
        """*before* as its read-back will name it, put into service unless it serves already."""
        if serves in self._witness.locations(before):
            there = replace(before, location=serves)
            # Read-back alone does not tell: a stale one names what was before.
            if self._witness.look(there, within=_GLANCES * self.every).holds:
                return there
        held.require()
        # What is on record is the operation that we undo, and no word yet of the undo's own.
        held.save(held.record.under_way("", until=""))
        there, operation = self._publisher.put_back(before, instead_of={serves, candidate})
        if operation:
            self._note(held, operation)
            until = self.clock() + self.operation_within
            self._publisher.follow(operation, there.location, until=until)
        return there

    def _back(self, held: HeldRecord, before: Model) -> None:
        """Write down that *before* serves again, once it is seen to."""
        proof = self._witness.look(before)
        if not proof.holds:
            raise PromotionFailed(proof.why or "nothing tells what serves", undone=False)
        held.save(replace(held.record.undone(), champion=before))

    def _convinces(self, proof: Proof) -> bool:
        return proof.is_proven or (proof.holds and self.accept_unproven)

    @property
    def _witness(self) -> Witness:
        return Witness(
            self.backend,
            self.store,
            self.resource,
            place=f"{self.archives.strip('/')}/probed",
            every=self.every,
            within=self.within,
            verify_batch=self.verify_batch,
            clock=self.clock,
        )

    @property
    def _publisher(self) -> Publisher:
        return Publisher(
            self.backend,
            self.store,
            self.resource,
            Archive(self.store, self.archives),
            every=self.every,
            allow_irreversible=self.allow_irreversible,
            clock=self.clock,
        )

    def _now(self) -> str:
        return self._iso(self.clock())

    @staticmethod
    def _iso(moment: float) -> str:
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _seconds(written: str) -> float:
    """*written* (ISO 8601) in seconds since 1970; nothing is long ago."""
    return datetime.fromisoformat(written).timestamp() if written else 0.0
