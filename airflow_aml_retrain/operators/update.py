"""Updating the definition of a new web service: its staging twin freely, production safely."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone

from airflow_aml_retrain.errors import RetrainError
from airflow_aml_retrain.operators.patch import PatchEndpointOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.client.staging import Placed
    from airflow_aml_retrain.operators.promotion import Change
    from airflow_aml_retrain.wire.champion import Model


class UpdateDefinitionOperator(PatchEndpointOperator):
    """
    Put a retrained model into a new web service, by an update of its definition.

    A new web service is one of Azure Resource Manager. It has one endpoint, which can be updated;
    so staging is a second web service, its twin.

    In the role *staging* the model of *job* goes into the twin: it is archived, the twin is
    claimed for this run, and the task ends when it answers with the model. No champion record,
    no event.

    In the role *production* the model of *decision* replaces the champion, if the verdict is
    PROMOTE; with any other verdict the task is skipped and the champion stays. The definition
    before is kept as a file, the update is followed in the triggerer, and then its uri is read
    back and its answers are compared; if either disagrees, the uri before is put back.
    While another promotion of the same service is under way the task waits, without a worker.

    The service reads models from its own storage account, so *archives* must lie there.

    :param role: "production" or "staging".
    :param decision: Where the decision record lies, "container/path"; production. (templated)
    :param is_dry_run: Decide, and promote nothing; production. (templated)
    :param job: The reference of the job that trained the model; staging. (templated)
    :param model_output: The job's output that is the model. Default: its one `.ilearner`.
        (templated)
    :param trainer_service: The web service that ran *job*; staging. (templated)
    :param trainer_endpoint: Its endpoint, where it is a classic one; staging. (templated)
    :param trainer_conn_id: Its connection; default *conn_id*. (templated)
    :param sample: Rows to see the change by, a CSV "container/path"; staging. (templated)
    :param production_service: The web service that users call, which staging must not be;
        staging. (templated)
    :param service: The web service: "resource group/name", its resource id, or its name where
        that is the only one of the subscription. (templated)
    :param resource: The asset that is the trained model, by name. Default: the only one.
        (templated)
    :param records: Where champion records and claims lie, "container/prefix". (templated)
    :param archives: Where models and definitions are kept, "container/prefix". (templated)
    :param conn_id: A connection of the type `azure`. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    :param poll_interval: Seconds between two looks at the operation and at the service.
    :param operation_timeout: Seconds that the service may be at work on the update.
    :param propagation: Seconds within which the service promises to serve a new model; staging.
    :param verify_timeout: Seconds after which a change not seen serving is undone; production.
    :param verify_batch: Whether the batch service must answer with the new model as well;
        production.
    :param claim_timeout: Seconds after which a claim on staging runs out by itself, and for
        which the task waits for its turn.
    :param accept_unproven: Let read-back decide where no row tells the two models apart.
    :param allow_irreversible: Promote where the model before cannot be brought back.
    :param deferrable: False waits on the worker.
    """

    def __init__(
        self,
        *,
        conn_id: str = "azure_default",
        poll_interval: float = 5.0,
        operation_timeout: float = 900.0,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, poll_interval=poll_interval, **kwargs)
        self.operation_timeout = operation_timeout
        self.deferrable = deferrable

    def require(self, backend: "Backend") -> None:
        from airflow_aml_retrain.client.definitions import definition_verbs

        definition_verbs(backend)

    def keep_definition(self, backend: "Backend", store: "BlobStore") -> str:
        from airflow_aml_retrain.client.definitions import keep_definition

        return keep_definition(backend, store, f"{self.archives}/definitions")

    def promote(self, context: "Context") -> dict[str, Any]:
        from airflow_aml_retrain.operators.promotion import Change

        change = Change.open(self, context)
        if self.deferrable:
            # An earlier try may have been stopped while the service was at work.
            self._defer_promotion(change)
        outcome = change.begin(deferring=self.deferrable)
        if outcome is None:
            self._defer_promotion(change)
        return self._told(change, outcome or change.finish())

    def execute_promoted(self, context: "Context", event: object) -> dict[str, Any]:
        from airflow_aml_retrain.client.aftermath import both_facts
        from airflow_aml_retrain.operators.promotion import Change

        with self.turn(context), both_facts(f"the update of {self.service}"):
            self._carried(event)
            change = Change.open(self, context)
            return self._told(change, change.finish())

    def stage(self, context: "Context") -> dict[str, Any]:
        from airflow_aml_retrain.operators.staging import Trial

        trial = Trial.open(self, context)
        model, placed = trial.begin()
        if self.deferrable and placed.operation:
            self._defer_staging(model, placed)
        return trial.finish(model, placed)

    def execute_staged(self, context: "Context", event: object) -> dict[str, Any]:
        from airflow_aml_retrain.client.staging import Placed
        from airflow_aml_retrain.operators.staging import Trial
        from airflow_aml_retrain.wire.champion import Model

        carried = self._carried(event)
        with self.turn(context):
            trial = Trial.open(self, context)
            return trial.finish(Model(**carried["model"]), Placed(**carried["placed"]))

    def _defer_promotion(self, change: "Change") -> None:
        """Wait in the triggerer, if the service is at work on what this task began."""
        pending = change.pending()
        if pending and pending.operation and pending.until:
            self._defer(
                pending.operation,
                resource=change.resource,
                location=pending.candidate.location,
                method_name="execute_promoted",
                deadline=datetime.fromisoformat(pending.until).timestamp(),
            )

    def _defer_staging(self, model: "Model", placed: "Placed") -> None:
        self._defer(
            placed.operation,
            resource=placed.resource,
            location=model.location,
            method_name="execute_staged",
            deadline=timezone.utcnow().timestamp() + self.operation_timeout,
            carried={"model": asdict(model), "placed": asdict(placed)},
        )

    def _defer(
        self,
        operation: str,
        *,
        resource: str,
        location: str,
        method_name: str,
        deadline: float,
        carried: dict[str, Any] | None = None,
    ) -> None:
        from airflow_aml_retrain.triggers.update import UpdateTrigger

        self.defer(
            trigger=UpdateTrigger(
                operation,
                resource=resource,
                location=location,
                conn_id=self.conn_id,
                service=self.service,
                poll_interval=self.poll_interval,
                deadline=deadline,
                carried=carried,
            ),
            method_name=method_name,
            # The trigger keeps the deadline itself; this one is for a trigger that cannot.
            timeout=timedelta(seconds=self.operation_timeout + 600),
        )

    def _told(self, change: "Change", outcome: dict[str, Any]) -> dict[str, Any]:
        """*outcome*, with what else has changed in the definition meanwhile."""
        return {**outcome, "also_changed": self._also_changed(change, outcome)}

    def _also_changed(self, change: "Change", outcome: dict[str, Any]) -> list[str]:
        from airflow_aml_retrain.client.definitions import changed_since

        before = outcome["definition_before"]
        if not before:
            return []
        try:
            others = changed_since(change.backend, change.store, before, but=change.resource)
        except RetrainError as exc:
            # The model serves: that it cannot be told what else changed undoes nothing.
            self.log.warning("What else has changed cannot be told: %s", exc)
            return []
        if others:
            self.log.warning("A foreign hand changed it meanwhile as well: %s", ", ".join(others))
        return list(others)

    def _carried(self, event: object) -> dict[str, Any]:
        from airflow_aml_retrain.triggers.update import carried_by

        trouble, carried = carried_by(event)
        if trouble:
            self.log.warning("%s", trouble)
        return carried
