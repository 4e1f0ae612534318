"""What an endpoint is seen to serve: by its read-back, its answers and its batch service."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.scoring import batch_answers
from airflow_aml_retrain.errors import NotConfigured, PromotionRefused
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.proof import Probe, Proof, probes_from_json, seen_serving

_SLOW_ANSWERS: Final = 120.0
"""Seconds that the answers of one look at an endpoint may take on top of its pauses."""


@dataclass(frozen=True, slots=True)
class Witness:
    """
    Who looks at *resource* of one endpoint.

    *place* ("container/prefix") takes the rows that the batch service is asked; *every* and
    *within* say in seconds how often and how long is looked; *verify_batch* asks the batch
    service as well.
    """

    backend: Backend
    store: BlobStore
    resource: str
    place: str
    every: float
    within: float
    verify_batch: bool = False
    clock: Callable[[], float] = time.time

    def serves(self) -> str:
        """The location of the model in service, by the endpoint's own read-back."""
        serving = self.backend.run(self.backend.verbs.serving())
        blob = serving.models.get(self.resource)
        if not blob:
            msg = f"{self.backend.name} has no updatable resource {self.resource!a}"
            raise NotConfigured(msg)
        return blob.location

    def locations(self, model: Model) -> set[str]:
        """Where read-back may say that *model* lies: where it came from, or its archive."""
        archived = {self.store.location(*split_path(model.archive))} if model.archive else set()
        return {model.location} | archived

    def look(self, model: Model, *, within: float | None = None) -> Proof:
        """Look whether *model* is seen serving, for *within* seconds if that is shorter."""
        probes = self._probes(model)
        within = self.within if within is None else min(within, self.within)
        proof = self.backend.run(
            seen_serving(
                self.backend.verbs,
                resource=self.resource,
                location=model.location,
                probes=probes,
                every=self.every,
                within=within,
            ),
            until=self.clock() + within + _SLOW_ANSWERS,
        )
        if self.verify_batch and probes and proof.is_proven:
            return self._proven_by_batch(proof, probes, within)
        return proof

    def refuse_if_changed(self, champion: Model) -> None:
        """
        Refuse where *champion* answers otherwise than when it was judged.

        The model is one part of what serves. Whoever changed another meanwhile made the decision
        void, and an undo could not be verified by the answers of before.
        """
        if differing := self.differing(champion):
            msg = (
                f"{self.backend.name} has changed since the decision: it still names "
                f"{champion.location}, and answers {differing} probe rows otherwise than that "
                "did; evaluate again"
            )
            raise PromotionRefused(msg)

    def differing(self, model: Model) -> int:
        """
        How many of its probe rows are answered otherwise than *model* did, in one look.

        Raises what asking raises: who does not answer has not answered otherwise.
        """
        probes = self._probes(model)
        if not probes:
            return 0
        answers = self.backend.run(
            self.backend.verbs.score([probe.row for probe in probes]),
            until=self.clock() + _SLOW_ANSWERS,
        )
        return sum(not p.agrees(a) for p, a in zip(probes, answers, strict=True))

    def _proven_by_batch(self, proof: Proof, probes: list[Probe], within: float) -> Proof:
        """*proof*, or what the batch service says against it; it can be the slower to follow."""
        until = self.clock() + within + _SLOW_ANSWERS
        while True:
            answers = batch_answers(
                self.backend, self.store, probes, self.place, every=self.every, until=until
            )
            agreeing = [p.agrees(a) for p, a in zip(probes, answers, strict=True)]
            if all(agreeing):
                return proof
            if self.clock() >= until - _SLOW_ANSWERS:
                why = f"its batch service answers {agreeing.count(False)} probe rows otherwise"
                return replace(proof, by_answers=False, why=why)

    def _probes(self, model: Model) -> list[Probe]:
        if not model.probes:
            return []
        return probes_from_json(self.store.read(*split_path(model.probes)))
