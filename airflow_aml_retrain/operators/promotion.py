"""The role *production* of `PatchEndpointOperator`: from a decision record to a new champion."""

import logging
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_aml_retrain.errors import BadInput, NotConfigured, PromotionFrozen, PromotionRefused
from airflow_aml_retrain.links.pages import endpoint_page
from airflow_aml_retrain.links.task import EndpointLink, persist
from airflow_aml_retrain.operators.run import given, owner_of, truth

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.operators.patch import PatchEndpointOperator
    from airflow_aml_retrain.wire.champion import Model

log: Final = logging.getLogger(__name__)


def promote(operator: "PatchEndpointOperator", context: "Context") -> dict[str, Any]:
    """Put the decision's challenger into service; skipped unless the verdict is PROMOTE."""
    from airflow_aml_retrain.client.champion import ChampionStore
    from airflow_aml_retrain.hooks.retrain import backend_for
    from airflow_aml_retrain.hooks.storage import blob_store

    store = blob_store(operator.wasb_conn_id)
    backend = backend_for(operator.conn_id, operator.service, operator.endpoint)
    persist(context, EndpointLink, endpoint_page(backend.api_url, backend.uri))
    champions, promotion = (
        ChampionStore(store, operator.records),
        promotion_for(operator, backend, store),
    )
    if champions.read(backend.uri).pending:
        # What an earlier run left half done is settled whatever this one decided.
        with champions.held(backend.uri) as held:
            promotion.settle(held)
    champion, candidate = _decided(operator, store, backend)
    try:
        with champions.held(backend.uri) as held:
            proof = promotion.promote(
                held,
                candidate,
                against=champion.get("location", ""),
                owner=owner_of(context),
                before_probes=champion.get("probes", ""),
            )
            serving = held.record.champion
    except PromotionFrozen as exc:
        raise AirflowSkipException(str(exc)) from exc
    except PromotionRefused as exc:
        raise AirflowFailException(str(exc)) from exc
    outcome = {
        "endpoint": backend.uri,
        "decision": operator.decision,
        "proven": proof.is_proven,
        "champion": asdict(serving or candidate),
    }
    log.info("%s serves %s, %s", backend.name, candidate.job, _said(proof.is_proven))
    tell_assets(operator, context, outcome)
    return outcome


def promotion_for(operator: Any, backend: "Backend", store: "BlobStore") -> Any:
    """The promotion that an operator with these parameters makes."""
    from airflow_aml_retrain.client.promotion import Promotion

    return Promotion(
        backend=backend,
        store=store,
        resource=resource_of(backend, operator.resource),
        archives=operator.archives,
        every=operator.poll_interval,
        within=operator.verify_timeout,
        verify_batch=operator.verify_batch,
        accept_unproven=operator.accept_unproven,
        allow_irreversible=operator.allow_irreversible,
    )


def resource_of(backend: "Backend", name: str | None) -> str:
    """The updatable resource called *name*, or the only one there is."""
    from airflow_aml_retrain.wire.endpoints import choose_resource

    return choose_resource(backend.run(backend.verbs.serving()), given(name))


def tell_assets(operator: Any, context: "Context", outcome: dict[str, Any]) -> None:
    """The promotion as an event of the endpoint's asset, and the champion as its state."""
    champion = outcome["champion"]
    summary = {key: champion[key] for key in ("job", "decision", "data_cutoff", "sha256")}
    for asset in operator.outlets:
        if not isinstance(asset, Asset):
            continue  # an alias has no state of its own
        context["outlet_events"][asset].extra = {**summary, "proven": outcome["proven"]}
        context["asset_state_store"][asset].set("champion", champion)


def _decided(
    operator: "PatchEndpointOperator", store: "BlobStore", backend: "Backend"
) -> tuple[dict[str, str], "Model"]:
    """The champion and the challenger of a decision to promote into *backend*."""
    from airflow_aml_retrain.client.blobs import split_path
    from airflow_aml_retrain.gate.record import DecisionRecord
    from airflow_aml_retrain.gate.verdict import Verdict
    from airflow_aml_retrain.wire.champion import Model

    if not operator.decision:
        msg = "decision: set it to the record that EvaluateModelOperator returned"
        raise NotConfigured(msg)
    record = DecisionRecord.from_json(store.read(*split_path(operator.decision)))
    if record.verdict is not Verdict.PROMOTE:
        msg = f"{record.verdict}: {record.headline}"
        raise AirflowSkipException(msg)
    if truth("is_dry_run", operator.is_dry_run):
        msg = f"dry run: would have promoted ({record.headline})"
        raise AirflowSkipException(msg)
    match record.models:
        case {"champion": dict() as champion, "challenger": dict() as challenger}:
            if champion.get("endpoint") != backend.uri:
                msg = f"the decision is about {champion.get('endpoint')}, not about {backend.uri}"
                raise AirflowFailException(msg)
            return champion, replace(Model(**challenger), decision=operator.decision)
        case other:
            msg = f"the decision record names no champion and challenger, but {other!r}"
            raise BadInput(msg)


def _said(proven: bool) -> str:  # noqa: FBT001 - a word for a yes or no
    return "as its answers prove" if proven else "by its read-back alone"
