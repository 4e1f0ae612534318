"""Keeping the anchor, against which slow decay is noticed, on an endpoint of its own."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_aml_retrain.errors import PromotionRefused
from airflow_aml_retrain.links.task import EndpointLink, show_endpoint
from airflow_aml_retrain.operators.batch import read_back
from airflow_aml_retrain.operators.run import doer_of, given
from airflow_aml_retrain.operators.turn import TakesTurns

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.anchor import AnchorEndpoint
    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.champion import ChampionStore
    from airflow_aml_retrain.client.staging import Placed
    from airflow_aml_retrain.wire.champion import Model


class StageAnchorOperator(TakesTurns, BaseOperator):
    """
    Keep the anchor of a production endpoint on an endpoint of its own, where it can be scored.

    The anchor is the last model that a person approved, else the first champion. A model that is
    let in because it is hardly worse than the one before it is compared with the anchor as well,
    so that many small losses do not add up. The endpoint serves nobody: another one of the same
    classic web service, or a twin of a new one. Its model is changed only when the anchor has
    changed, and the task then ends when the endpoint answers with it.

    Skipped where there is nothing to compare with: no anchor yet, or the champion is the anchor.

    :param sample: Rows to see a change by, a CSV "container/path". (templated)
    :param service: The web service that serves the anchor. (templated)
    :param endpoint: Its endpoint. Default: "anchor" of a classic web service; a new one has but
        one. (templated)
    :param production_service: The web service whose anchor it is. (templated)
    :param production_endpoint: Its endpoint. Default: "production" of a classic web service; a
        new one has but one. (templated)
    :param resource: The updatable resource. Default: the only one. (templated)
    :param records: Where champion records and claims lie, "container/prefix". (templated)
    :param archives: Where models are kept, "container/prefix". (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    :param poll_interval: Seconds between two looks at the endpoint.
    :param propagation: Seconds within which the service promises to serve a new model.
    :param operation_timeout: Seconds that the service may be at work on an update of a definition.
    :param claim_timeout: Seconds for which the task waits while another puts the anchor there.
    :param deferrable: False waits for an update of a definition on the worker.
    """

    template_fields: Sequence[str] = (
        "sample",
        "service",
        "endpoint",
        "production_service",
        "production_endpoint",
        "resource",
        "records",
        "archives",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (EndpointLink(),)
    ui_color = "#e0ecf8"

    def __init__(
        self,
        *,
        sample: str,
        service: str | None = None,
        endpoint: str | None = None,
        production_service: str | None = None,
        production_endpoint: str | None = None,
        resource: str | None = None,
        records: str = "aml-retrain/records",
        archives: str = "aml-retrain/archives",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        poll_interval: float = 2.0,
        propagation: float = 60.0,
        operation_timeout: float = 900.0,
        claim_timeout: float = 6 * 60 * 60.0,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sample = sample
        self.service = service
        self.endpoint = endpoint
        self.production_service = production_service
        self.production_endpoint = production_endpoint
        self.resource = resource
        self.records = records
        self.archives = archives
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.poll_interval = poll_interval
        self.propagation = propagation
        self.operation_timeout = operation_timeout
        self.claim_timeout = claim_timeout
        self.deferrable = deferrable

    def act(self, context: "Context") -> dict[str, Any]:
        from airflow_aml_retrain.operators.staging import sampled

        endpoint = self._opened(context)
        anchor = self._anchor_of(self._champions(endpoint), endpoint.backend)
        rows = sampled(endpoint.publisher.store, self.sample)
        try:
            location, placed = endpoint.put(anchor, rows=rows)
        except PromotionRefused as exc:
            msg = f"the anchor cannot be served any more: {exc}"
            raise AirflowFailException(msg) from exc
        if placed and placed.operation and self.deferrable:
            self._defer(endpoint, location, placed)
        return self._seen(endpoint, location, placed)

    def execute_placed(self, context: "Context", event: object) -> dict[str, Any]:
        """The service is done with the update of the definition, well or not."""
        from airflow_aml_retrain.client.staging import Placed
        from airflow_aml_retrain.triggers.update import carried_by

        trouble, carried = carried_by(event)
        if trouble:
            self.log.warning("%s", trouble)
        with self.turn(context):
            endpoint = self._opened(context)
            return self._seen(endpoint, carried["location"], Placed(**carried["placed"]))

    def _opened(self, context: "Context") -> "AnchorEndpoint":
        from airflow_aml_retrain.client.anchor import AnchorEndpoint
        from airflow_aml_retrain.client.archive import Archive
        from airflow_aml_retrain.client.claims import Claims
        from airflow_aml_retrain.client.definitions import require_readable
        from airflow_aml_retrain.client.publisher import Publisher
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store
        from airflow_aml_retrain.operators.promotion import LOOK, resource_of
        from airflow_aml_retrain.operators.staging import SLOW_ANSWERS

        store = blob_store(self.wasb_conn_id)
        backend = backend_for(self.conn_id, self.service, given(self.endpoint), otherwise="anchor")
        show_endpoint(context, backend)
        require_readable(backend, store)
        publisher = Publisher(
            backend,
            store,
            resource_of(backend, self.resource),
            Archive(store, self.archives),
            every=min(self.poll_interval, LOOK),
        )
        return AnchorEndpoint(
            publisher,
            Claims(store, self.records),
            holder=doer_of(context),
            within=self.propagation,
            working=self.operation_timeout + SLOW_ANSWERS,
        )

    def _champions(self, endpoint: "AnchorEndpoint") -> "ChampionStore":
        from airflow_aml_retrain.client.champion import ChampionStore

        return ChampionStore(endpoint.publisher.store, self.records)

    def _anchor_of(self, champions: "ChampionStore", backend: "Backend") -> "Model":
        """The anchor of production, where it is not what production serves."""
        from airflow_aml_retrain.client.anchor import is_serving
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.operators.staging import require_no_champion

        with backend_for(
            self.conn_id,
            self.production_service or self.service,
            given(self.production_endpoint),
            otherwise="production",
        ) as production:
            uri, name, serves = production.uri, production.name, read_back(production)
        if uri == backend.uri:
            msg = f"the anchor's endpoint is {name} itself, which users call; name another"
            raise AirflowFailException(msg)
        require_no_champion(champions, backend)
        record = champions.read(uri)
        if not record.anchor:
            msg = f"{name} has no anchor yet: nothing has been promoted into it"
            raise AirflowSkipException(msg)
        if is_serving(champions.store, record, serves):
            msg = f"the champion of {name} is the anchor itself, so it is compared with already"
            raise AirflowSkipException(msg)
        return record.anchor

    def _defer(self, endpoint: "AnchorEndpoint", location: str, placed: "Placed") -> None:
        from airflow_aml_retrain.triggers.update import UpdateTrigger

        self.defer(
            trigger=UpdateTrigger(
                placed.operation,
                resource=placed.resource,
                location=location,
                conn_id=self.conn_id,
                service=self.service,
                poll_interval=self.poll_interval,
                deadline=timezone.utcnow().timestamp() + self.operation_timeout,
                carried={"location": location, "placed": asdict(placed)},
            ),
            method_name="execute_placed",
            # The trigger keeps the deadline itself; this one is for a trigger that cannot.
            timeout=timedelta(seconds=self.operation_timeout + 600),
        )

    def _seen(
        self, endpoint: "AnchorEndpoint", location: str, placed: "Placed | None"
    ) -> dict[str, Any]:
        from airflow_aml_retrain.operators.staging import sampled

        if placed:
            rows = sampled(endpoint.publisher.store, self.sample)
            endpoint.see(placed, location, rows=rows, every=endpoint.publisher.every)
        self.log.info("%s serves the anchor, %s", endpoint.backend.name, location)
        return {
            "endpoint": endpoint.backend.uri,
            "location": location,
            "changed": placed is not None,
        }
