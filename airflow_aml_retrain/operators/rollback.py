"""A person's word on an endpoint: the model before it back into service, and promotions frozen."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import PromotionRefused
from airflow_aml_retrain.links.task import EndpointLink, show_endpoint
from airflow_aml_retrain.operators.run import doer_of, given, truth
from airflow_aml_retrain.operators.turn import TakesTurns

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.client.champion import HeldRecord


class RollbackEndpointOperator(TakesTurns, BaseOperator):
    """
    Put the model that served before back into service, and freeze promotions.

    Promotions of the endpoint are refused from before the change begins until
    `UnfreezeEndpointOperator` releases them. The change is seen serving, or undone.

    :param archive: The archived model to go back to, "container/path". Default: the one that
        served before. (templated)
    :param why: The reason, which every refused promotion will show. (templated)
    :param by: Who asks. Default: who triggered the run. (templated)
    :param accept_pending: Where another run's change is pending that cannot be settled, end it
        first: what the endpoint's read-back names counts as what serves. (templated)
    :param service: The web service. (templated)
    :param endpoint: Its production endpoint. Default: "production" of a classic web service;
        a new one has but one. (templated)
    :param resource: The updatable resource. Default: the only one. (templated)
    :param records: Where champion records lie, "container/prefix". (templated)
    :param archives: Where models are kept, "container/prefix". (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    :param poll_interval: Seconds between two looks at the endpoint.
    :param operation_timeout: Seconds that the service may be at work on an update of a definition.
    :param verify_timeout: Seconds after which a change not seen serving is undone.
    :param verify_batch: Whether the batch service must answer with it as well.
    :param accept_unproven: Let read-back decide where no row tells the two models apart.
    :param allow_irreversible: Go back even if the model now in service could not return.
    """

    template_fields: Sequence[str] = (
        "archive",
        "why",
        "by",
        "accept_pending",
        "service",
        "endpoint",
        "resource",
        "records",
        "archives",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (EndpointLink(),)
    ui_color = "#fde2e1"

    def __init__(
        self,
        *,
        archive: str | None = None,
        why: str = "rolled back by hand",
        by: str | None = None,
        accept_pending: bool | str = False,
        service: str | None = None,
        endpoint: str | None = None,
        resource: str | None = None,
        records: str = "aml-retrain/records",
        archives: str = "aml-retrain/archives",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        poll_interval: float = 2.0,
        operation_timeout: float = 900.0,
        verify_timeout: float = 600.0,
        verify_batch: bool = True,
        accept_unproven: bool = True,
        allow_irreversible: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.archive = archive
        self.why = why
        self.by = by
        self.accept_pending = accept_pending
        self.service = service
        self.endpoint = endpoint
        self.resource = resource
        self.records = records
        self.archives = archives
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.poll_interval = poll_interval
        self.operation_timeout = operation_timeout
        self.verify_timeout = verify_timeout
        self.verify_batch = verify_batch
        self.accept_unproven = accept_unproven
        self.allow_irreversible = allow_irreversible

    def act(self, context: "Context") -> dict[str, Any]:
        from airflow_aml_retrain.client.champion import ChampionStore
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store
        from airflow_aml_retrain.operators.promotion import promotion_for, tell_assets
        from airflow_aml_retrain.wire.champion import Freeze, Model

        store = blob_store(self.wasb_conn_id)
        backend = backend_for(
            self.conn_id, self.service, given(self.endpoint), otherwise="production"
        )
        show_endpoint(context, backend)
        promotion = promotion_for(self, backend, store)
        freeze = Freeze(
            by=_who(self.by, context),
            at=timezone.utcnow().isoformat(timespec="seconds"),
            why=self.why,
            owner=doer_of(context),
        )
        champions = ChampionStore(store, self.records)
        try:
            # Whoever is at work ends what it has begun, and nobody begins anything anew.
            with champions.held(backend.uri, in_turn=False) as held:
                promotion.freeze(held, freeze)
            with champions.held(backend.uri, owner=freeze.owner) as held:
                if truth("accept_pending", self.accept_pending):
                    _accept(self, held, backend, store, context)
                proof = promotion.put_back(held, freeze, archive=given(self.archive))
                champion = held.record.champion
        except PromotionRefused as exc:
            raise AirflowFailException(str(exc)) from exc
        outcome = {
            "endpoint": backend.uri,
            "proven": proof.is_proven,
            "champion": asdict(champion or Model(location="")),
            "frozen": {"by": freeze.by, "at": freeze.at, "why": freeze.why},
        }
        self.log.warning("%s is rolled back; promotions are frozen: %s", backend.name, self.why)
        tell_assets(self, context, outcome)
        return outcome


class UnfreezeEndpointOperator(TakesTurns, BaseOperator):
    """
    Release the promotions of an endpoint that a rollback has frozen.

    With *accept_pending* also those that stand still because a change is pending that no run can
    settle (what serves answers neither as the new model nor as the one before; an operation
    never ends): look at the endpoint first. What its read-back names is the champion then, and
    the champion record says by whose word. A change that another run is still at work on is
    waited for.

    :param accept_pending: End a pending change, by the word of a person. (templated)
    :param why: The reason, for the champion record. (templated)
    :param by: Whose word it is. Default: who triggered the run. (templated)
    :param service: The web service. (templated)
    :param endpoint: Its production endpoint. Default: "production" of a classic web service;
        a new one has but one. (templated)
    :param resource: The updatable resource. Default: the only one. (templated)
    :param records: Where champion records lie, "container/prefix". (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    """

    template_fields: Sequence[str] = (
        "accept_pending",
        "why",
        "by",
        "service",
        "endpoint",
        "resource",
        "records",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (EndpointLink(),)
    ui_color = "#e4f7ec"

    def __init__(
        self,
        *,
        accept_pending: bool | str = False,
        why: str = "accepted by hand",
        by: str | None = None,
        service: str | None = None,
        endpoint: str | None = None,
        resource: str | None = None,
        records: str = "aml-retrain/records",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.accept_pending = accept_pending
        self.why = why
        self.by = by
        self.service = service
        self.endpoint = endpoint
        self.resource = resource
        self.records = records
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id

    def act(self, context: "Context") -> None:
        from airflow_aml_retrain.client.champion import ChampionStore
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store

        backend = backend_for(
            self.conn_id, self.service, given(self.endpoint), otherwise="production"
        )
        show_endpoint(context, backend)
        store = blob_store(self.wasb_conn_id)
        with ChampionStore(store, self.records).held(backend.uri) as held:
            if truth("accept_pending", self.accept_pending):
                _accept(self, held, backend, store, context)
            held.save(replace(held.record, freeze=None))
        self.log.info("Promotions of %s are open again", backend.name)


def _accept(
    operator: RollbackEndpointOperator | UnfreezeEndpointOperator,
    held: "HeldRecord",
    backend: "Backend",
    store: "BlobStore",
    context: "Context",
) -> None:
    """End what another run has left pending, by the word of who asks."""
    from airflow_aml_retrain.client.acceptance import accept_pending
    from airflow_aml_retrain.operators.promotion import resource_of
    from airflow_aml_retrain.wire.champion import Acceptance

    accept_pending(
        held,
        backend,
        store,
        resource=resource_of(backend, operator.resource),
        acceptance=Acceptance(
            by=_who(operator.by, context),
            at=timezone.utcnow().isoformat(timespec="seconds"),
            why=operator.why,
        ),
        owner=doer_of(context),
    )


def _who(by: str | None, context: "Context") -> str:
    run = context["dag_run"]
    return given(by) or getattr(run, "triggering_user_name", None) or doer_of(context)
