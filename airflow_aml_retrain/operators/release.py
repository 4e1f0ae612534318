"""Letting others have a staging endpoint again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_aml_retrain.operators.run import given, owner_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReleaseStagingOperator(BaseOperator):
    """
    Give back the claim that `PatchEndpointOperator(role="staging")` made in this run.

    Meant as a teardown, so that a run that failed does not keep the staging endpoint.

    :param service: The web service. (templated)
    :param endpoint: Its staging endpoint. Default: "staging" of a classic web service; a new one
        has but one. (templated)
    :param records: Where claims lie, "container/prefix". (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    """

    template_fields: Sequence[str] = ("service", "endpoint", "records", "conn_id", "wasb_conn_id")
    ui_color = "#eeeeee"

    def __init__(
        self,
        *,
        service: str | None = None,
        endpoint: str | None = None,
        records: str = "aml-retrain/records",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.endpoint = endpoint
        self.records = records
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id

    def execute(self, context: "Context") -> None:
        from airflow_aml_retrain.client.claims import Claims
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store

        backend = backend_for(self.conn_id, self.service, given(self.endpoint), otherwise="staging")
        claims = Claims(blob_store(self.wasb_conn_id), self.records)
        if not claims.release(backend.uri, holder=owner_of(context)):
            self.log.warning("The claim on %s was not ours any more", backend.name)
