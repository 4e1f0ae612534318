"""Putting a retrained model into an endpoint: freely for staging, safely for production."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.links.task import EndpointLink, RememberedLink, ReportLink
from airflow_aml_retrain.operators.turn import TakesTurns

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore


class PatchEndpointOperator(TakesTurns, BaseOperator):
    """
    Put a retrained model into an endpoint of a classic web service.

    In the role *staging* the model of *job* goes onto an endpoint that serves nobody: it is
    archived, the endpoint is claimed for this run, and the task ends when the endpoint answers
    with it. No champion record, no event.

    In the role *production* the model of *decision* replaces the champion, if the verdict is
    PROMOTE; with any other verdict the task is skipped and the champion stays. Where the policy
    wants every promotion approved, a decision without an approval is refused. The change is
    seen serving, or undone to the champion before it. While another promotion of the same
    endpoint is under way the task waits, without a worker.

    :param role: "production" or "staging".
    :param decision: Where the decision record lies, "container/path"; production. (templated)
    :param is_dry_run: Decide, and promote nothing; production. (templated)
    :param job: The reference of the job that trained the model; staging. (templated)
    :param model_output: The job's output that is the model. Default: its one `.ilearner`.
        (templated)
    :param trainer_service: The web service that ran *job*; staging. (templated)
    :param trainer_endpoint: Its endpoint; staging. (templated)
    :param trainer_conn_id: Its connection; default *conn_id*. (templated)
    :param sample: Rows to see the change by, a CSV "container/path"; staging. (templated)
    :param production_service: The web service that users call, which staging must not be;
        staging. (templated)
    :param production_endpoint: Its endpoint; staging. (templated)
    :param service: The web service whose endpoint is changed. (templated)
    :param endpoint: The endpoint; never the default one. (templated)
    :param resource: The updatable resource. Default: the only one. (templated)
    :param records: Where champion records and claims lie, "container/prefix". (templated)
    :param archives: Where models are kept, "container/prefix". (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    :param poll_interval: Seconds between two looks at the endpoint.
    :param propagation: Seconds within which the service promises to serve a new model; staging.
    :param verify_timeout: Seconds after which a change not seen serving is undone; production.
    :param verify_batch: Whether the batch service must answer with the new model as well;
        production.
    :param claim_timeout: Seconds after which a claim on staging runs out by itself, and for
        which the task waits for its turn.
    :param accept_unproven: Let read-back decide where no row tells the two models apart.
    :param allow_irreversible: Promote where the model before cannot be brought back.
    """

    template_fields: Sequence[str] = (
        "decision",
        "is_dry_run",
        "job",
        "model_output",
        "trainer_service",
        "trainer_endpoint",
        "trainer_conn_id",
        "sample",
        "production_service",
        "production_endpoint",
        "service",
        "endpoint",
        "resource",
        "records",
        "archives",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links: Sequence[RememberedLink] = (EndpointLink(), ReportLink())
    ui_color = "#d9f2d0"
    # Nothing of a classic endpoint goes on behind its acceptance; an update says how long it may.
    operation_timeout = 900.0

    def __init__(  # noqa: PLR0915 - it stores each of its parameters
        self,
        *,
        role: Literal["production", "staging"] = "production",
        decision: str | None = None,
        is_dry_run: bool | str = False,
        job: str | None = None,
        model_output: str | None = None,
        trainer_service: str | None = None,
        trainer_endpoint: str | None = None,
        trainer_conn_id: str | None = None,
        sample: str | None = None,
        production_service: str | None = None,
        production_endpoint: str | None = None,
        service: str | None = None,
        endpoint: str | None = None,
        resource: str | None = None,
        records: str = "aml-retrain/records",
        archives: str = "aml-retrain/archives",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        poll_interval: float = 2.0,
        propagation: float = 60.0,
        verify_timeout: float = 600.0,
        verify_batch: bool = True,
        claim_timeout: float = 6 * 60 * 60.0,
        accept_unproven: bool = True,
        allow_irreversible: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if role == "staging":
            self.operator_extra_links = (EndpointLink(),)  # nothing has been decided yet
        self.role = role
        self.decision = decision
        self.is_dry_run = is_dry_run
        self.job = job
        self.model_output = model_output
        self.trainer_service = trainer_service
        self.trainer_endpoint = trainer_endpoint
        self.trainer_conn_id = trainer_conn_id
        self.sample = sample
        self.production_service = production_service
        self.production_endpoint = production_endpoint
        self.service = service
        self.endpoint = endpoint
        self.resource = resource
        self.records = records
        self.archives = archives
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.poll_interval = poll_interval
        self.propagation = propagation
        self.verify_timeout = verify_timeout
        self.verify_batch = verify_batch
        self.claim_timeout = claim_timeout
        self.accept_unproven = accept_unproven
        self.allow_irreversible = allow_irreversible

    def act(self, context: "Context") -> dict[str, Any]:
        deeds = {"production": self.promote, "staging": self.stage}
        if self.role not in deeds:
            msg = f"role: expected 'production' or 'staging', got {self.role!r}"
            raise NotConfigured(msg)
        return deeds[self.role](context)

    def require(self, backend: "Backend") -> None:
        """Raise `NotConfigured` where this operator cannot change *backend*."""

    def keep_definition(self, backend: "Backend", store: "BlobStore") -> str:
        """Where the definition is kept that is about to change; a classic endpoint has none."""
        return ""

    def promote(self, context: "Context") -> dict[str, Any]:
        """The role *production*."""
        from airflow_aml_retrain.operators.promotion import promote

        return promote(self, context)

    def stage(self, context: "Context") -> dict[str, Any]:
        """The role *staging*."""
        from airflow_aml_retrain.operators.staging import stage

        return stage(self, context)
