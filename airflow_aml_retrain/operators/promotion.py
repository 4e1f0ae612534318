"""The role *production*: from a decision record to a new champion."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_aml_retrain.errors import BadInput, NotConfigured, PromotionFrozen, PromotionRefused
from airflow_aml_retrain.links.task import show_endpoint, show_report
from airflow_aml_retrain.operators.run import doer_of, given, truth

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.client.champion import ChampionStore, HeldRecord
    from airflow_aml_retrain.client.promotion import Promotion
    from airflow_aml_retrain.gate.records.record import DecisionRecord
    from airflow_aml_retrain.operators.patch import PatchEndpointOperator
    from airflow_aml_retrain.wire.champion import Model, Pending
    from airflow_aml_retrain.wire.proof import Proof

log: Final = logging.getLogger(__name__)

LOOK: Final = 2.0
"""Seconds between two looks at an endpoint from a worker, which is not kept longer than needed."""


def promote(operator: "PatchEndpointOperator", context: "Context") -> dict[str, Any]:
    """Put the decision's challenger into service; skipped unless the verdict is PROMOTE."""
    change = Change.open(operator, context)
    return change.begin(deferring=False) or change.finish()


@dataclass(frozen=True, slots=True)
class Change:
    """What one task changes of one endpoint: begun on a worker, and finished on the same or not."""

    operator: "PatchEndpointOperator"
    context: "Context"
    owner: str
    backend: "Backend"
    store: "BlobStore"
    champions: "ChampionStore"

    @classmethod
    def open(cls, operator: "PatchEndpointOperator", context: "Context") -> "Change":
        from airflow_aml_retrain.client.champion import ChampionStore
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store
        from airflow_aml_retrain.operators.decision import report_of

        store = blob_store(operator.wasb_conn_id)
        backend = backend_for(operator.conn_id, operator.service, given(operator.endpoint))
        operator.require(backend)
        show_endpoint(context, backend)
        if operator.decision:
            show_report(context, report_of(operator.decision), wasb_conn_id=operator.wasb_conn_id)
        champions = ChampionStore(store, operator.records)
        return cls(operator, context, doer_of(context), backend, store, champions)

    def pending(self) -> "Pending | None":
        """What this task has begun by this decision, and the service may be at work on."""
        pending = self.champions.read(self.backend.uri).pending
        if not pending or truth("is_dry_run", self.operator.is_dry_run):
            return None
        ours = (self.owner, self.operator.decision)
        return pending if (pending.owner, pending.candidate.decision) == ours else None

    @property
    def resource(self) -> str:
        return resource_of(self.backend, self.operator.resource)

    def begin(self, *, deferring: bool) -> dict[str, Any] | None:
        """
        Hand the challenger to the service, and see it serve.

        None if *deferring* and the service is still at work on it: it is pending then.
        """
        from airflow_aml_retrain.client.aftermath import both_facts

        if self.champions.read(self.backend.uri).pending:
            # What an earlier run left half done is settled whatever this one decided.
            change = f"the change of {self.backend.name} that is pending"
            with both_facts(change), self._held() as (held, promotion):
                promotion.settle(held)
        decided = self._decided()
        champion, candidate = decided.champion, decided.candidate
        with self._held() as (held, promotion):
            # Before the definition is kept: one that a half-done change is in is nobody's before.
            promotion.settle(held)
            proof = promotion.begin(
                held,
                candidate,
                against=champion.get("location", ""),
                owner=self.owner,
                before_probes=champion.get("probes", ""),
                definition=self.operator.keep_definition(self.backend, self.store),
            )
            if deferring and not proof and held.record.pending and held.record.pending.operation:
                return None
            proof = proof or promotion.finish(held, candidate, owner=self.owner)
            return self._outcome(held, proof, decided)

    def finish(self) -> dict[str, Any]:
        decided = self._decided()
        with self._held() as (held, promotion):
            proof = promotion.finish(held, decided.candidate, owner=self.owner)
            return self._outcome(held, proof, decided)

    @contextmanager
    def _held(self) -> "Iterator[tuple[HeldRecord, Promotion]]":
        try:
            with self.champions.held(self.backend.uri, owner=self.owner) as held:
                yield held, promotion_for(self.operator, self.backend, self.store)
        except PromotionFrozen as exc:
            raise AirflowSkipException(str(exc)) from exc
        except PromotionRefused as exc:
            raise AirflowFailException(str(exc)) from exc

    def _decided(self) -> "Promoting":
        return _decided(self.operator, self.store, self.backend)

    def _outcome(self, held: "HeldRecord", proof: "Proof", decided: "Promoting") -> dict[str, Any]:
        champion = asdict(held.record.champion or _nobody())
        before = held.record.previous or _nobody()
        outcome = {
            "endpoint": self.backend.uri,
            "decision": self.operator.decision,
            "verdict": decided.verdict,
            "headline": decided.headline,
            "proven": proof.is_proven,
            "champion": champion,
            "definition_before": before.definition,
        }
        log.info("%s serves %s, %s", self.backend.name, champion["job"], _said(proof.is_proven))
        tell_assets(self.operator, self.context, outcome)
        return outcome


def promotion_for(operator: Any, backend: "Backend", store: "BlobStore") -> "Promotion":
    """The promotion that an operator with these parameters makes."""
    from airflow_aml_retrain.client.definitions import require_readable
    from airflow_aml_retrain.client.promotion import Promotion

    require_readable(backend, store)
    return Promotion(
        backend=backend,
        store=store,
        resource=resource_of(backend, operator.resource),
        archives=operator.archives,
        every=min(operator.poll_interval, LOOK),
        within=operator.verify_timeout,
        operation_within=operator.operation_timeout,
        verify_batch=operator.verify_batch,
        accept_unproven=operator.accept_unproven,
        allow_irreversible=operator.allow_irreversible,
    )


def resource_of(backend: "Backend", name: str | None) -> str:
    """The updatable resource called *name*, or the only one there is."""
    from airflow_aml_retrain.wire.blobs import choose_resource

    return choose_resource(backend.run(backend.verbs.resources()), given(name))


def tell_assets(operator: Any, context: "Context", outcome: dict[str, Any]) -> None:
    """The promotion as an event of the endpoint's asset, and the champion as its state."""
    champion = outcome["champion"]
    summary = {key: champion[key] for key in ("job", "decision", "data_cutoff", "sha256")}
    for asset in operator.outlets:
        if not isinstance(asset, Asset):
            continue  # an alias has no state of its own
        # A rollback follows no verdict of the gate.
        why: dict[str, Any] = {
            key: outcome[key] for key in ("verdict", "headline") if key in outcome
        }
        told: dict[str, Any] = {**summary, **why, "proven": outcome["proven"]}
        context["outlet_events"][asset].extra = told
        context["asset_state_store"][asset].set("champion", champion)


class Promoting(NamedTuple):
    """A decision to promote: the *champion* it was made against, the *candidate*, and why."""

    champion: dict[str, str]
    candidate: "Model"
    verdict: str
    headline: str


def _decided(
    operator: "PatchEndpointOperator", store: "BlobStore", backend: "Backend"
) -> Promoting:
    """The decision that *operator* was given, if it is one to promote into *backend*."""
    from airflow_aml_retrain.client.blobs import split_path
    from airflow_aml_retrain.gate.records.record import DecisionRecord
    from airflow_aml_retrain.operators.approval import approver_of
    from airflow_aml_retrain.wire.champion import Model

    if not operator.decision:
        msg = "decision: set it to the record that EvaluateModelOperator returned"
        raise NotConfigured(msg)
    record = DecisionRecord.from_json(store.read(*split_path(operator.decision)))
    _require_promoting(record, operator)
    match record.models:
        case {"champion": dict() as champion, "challenger": dict() as challenger}:
            if champion.get("endpoint") != backend.uri:
                msg = f"the decision is about {champion.get('endpoint')}, not about {backend.uri}"
                raise AirflowFailException(msg)
            model = replace(Model(**challenger), approved_by=approver_of(record))
            candidate = replace(model, decision=operator.decision)
            return Promoting(champion, candidate, record.verdict.value, record.headline)
        case other:
            msg = f"the decision record names no champion and challenger, but {other!r}"
            raise BadInput(msg)


def _require_promoting(record: "DecisionRecord", operator: "PatchEndpointOperator") -> None:
    """Skip the task unless *record* lets the challenger in, and no dry run is asked for."""
    from airflow_aml_retrain.gate.verdict import Verdict
    from airflow_aml_retrain.operators.approval import wants_approval

    if record.verdict is not Verdict.PROMOTE:
        raise AirflowSkipException(record.headline)
    if truth("is_dry_run", operator.is_dry_run):
        msg = f"dry run: would have promoted ({record.headline})"
        raise AirflowSkipException(msg)
    if wants_approval(record):
        msg = (
            "the policy wants a person to approve every promotion, and nobody has approved "
            f"{operator.decision}; let ApproveDecisionOperator ask for it"
        )
        raise AirflowFailException(msg)


def _nobody() -> "Model":
    from airflow_aml_retrain.wire.champion import Model

    return Model(location="")


def _said(proven: bool) -> str:  # noqa: FBT001 - a word for a yes or no
    return "as its answers prove" if proven else "by its read-back alone"
