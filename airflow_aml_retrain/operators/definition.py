"""Definitions of new web services as files, to be reviewed in git before they go in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import BadInput, LeaseHeld, NotConfigured
from airflow_aml_retrain.links.task import EndpointLink, show_endpoint
from airflow_aml_retrain.operators.run import given
from airflow_aml_retrain.operators.turn import TakesTurns

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.blobs import BlobStore


class ExportDefinitionOperator(BaseOperator):
    """
    Write the definition of a new web service to blob storage, as JSON for a person to review.

    It is sorted and indented, holds nothing that the service changes by itself and no secret:
    what is withheld says so. Returns its place as `definition`.

    :param service: The web service: "resource group/name", its resource id, or its name where
        that is the only one of the subscription. (templated)
    :param destination: "container/path.json", or "container/prefix", under which the file is
        named by its content. (templated)
    :param conn_id: A connection of the type `azure`. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    """

    template_fields: Sequence[str] = ("service", "destination", "conn_id", "wasb_conn_id")
    operator_extra_links = (EndpointLink(),)
    ui_color = "#e8eefc"

    def __init__(
        self,
        *,
        service: str,
        destination: str = "aml-retrain/definitions",
        conn_id: str = "azure_default",
        wasb_conn_id: str = "wasb_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.destination = destination
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id

    def execute(self, context: "Context") -> dict[str, str]:
        from airflow_aml_retrain.client.definitions import keep_definition
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store

        backend = backend_for(self.conn_id, self.service)
        show_endpoint(context, backend)
        place = keep_definition(backend, blob_store(self.wasb_conn_id), self.destination)
        self.log.info("The definition of %s is at %s", backend.name, place)
        return {"definition": place}


class ImportDefinitionOperator(TakesTurns, BaseOperator):
    """
    Put a reviewed definition into a new web service, and read it back.

    What the file leaves out stays as it is, and what it withholds is the service's own. A file
    that would change the trained model is refused: only a promotion does that. So is one that
    changes what is fixed at creation. Nothing is sent if nothing differs. While a promotion of
    the service is under way the task waits, without a worker.

    Returns the names of the changed properties as `changed`, and where the definition before is
    kept as `definition_before`.

    :param definition: The definition as JSON, or the path of a file of it, from the folder of
        the DAG's own file. (templated)
    :param source: Its place in blob storage instead, "container/path". (templated)
    :param service: The web service, as for `ExportDefinitionOperator`. (templated)
    :param records: Where champion records lie, "container/prefix". (templated)
    :param archives: Where definitions are kept, "container/prefix". (templated)
    :param conn_id: A connection of the type `azure`. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    :param poll_interval: Seconds between two looks at the operation.
    :param operation_timeout: Seconds that the service may be at work on the update.
    """

    template_fields: Sequence[str] = (
        "definition",
        "source",
        "service",
        "records",
        "archives",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (EndpointLink(),)
    ui_color = "#e8eefc"

    def __init__(
        self,
        *,
        service: str,
        definition: str | None = None,
        source: str | None = None,
        records: str = "aml-retrain/records",
        archives: str = "aml-retrain/archives",
        conn_id: str = "azure_default",
        wasb_conn_id: str = "wasb_default",
        poll_interval: float = 5.0,
        operation_timeout: float = 900.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.definition = definition
        self.source = source
        self.records = records
        self.archives = archives
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.poll_interval = poll_interval
        self.operation_timeout = operation_timeout

    def act(self, context: "Context") -> dict[str, Any]:
        from airflow_aml_retrain.client.champion import ChampionStore
        from airflow_aml_retrain.client.definitions import keep_definition, put_in
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.hooks.storage import blob_store
        from airflow_aml_retrain.wire.transfer import imported

        store = blob_store(self.wasb_conn_id)
        backend = backend_for(self.conn_id, self.service)
        show_endpoint(context, backend)
        until = timezone.utcnow().timestamp() + self.operation_timeout
        try:
            wanted = imported(self._file(store))
            with ChampionStore(store, self.records).held(backend.uri) as held:
                if pending := held.record.pending:
                    raise LeaseHeld(backend.uri, pending.owner)
                before = keep_definition(backend, store, f"{self.archives}/definitions")
                changed = put_in(backend, wanted, every=self.poll_interval, until=until)
        except BadInput as exc:
            raise AirflowFailException(str(exc)) from exc
        self.log.info("Changed in %s: %s", backend.name, ", ".join(changed) or "nothing")
        return {"endpoint": backend.uri, "changed": list(changed), "definition_before": before}

    def _file(self, store: "BlobStore") -> bytes:
        from airflow_aml_retrain.client.blobs import split_path

        written, source = given(self.definition), given(self.source)
        if bool(written) == bool(source):
            msg = "expected one of definition (JSON, or a file beside the DAG) and source"
            raise NotConfigured(msg)
        if source:
            return store.read(*split_path(source))
        return (written or "").encode() if _is_json(written or "") else self._beside(written or "")

    def _beside(self, name: str) -> bytes:
        dag = self.get_dag()
        folder = Path(dag.folder if dag else "")
        try:
            return (folder / name).read_bytes()
        except OSError as exc:
            msg = f"definition: there is no file {name!r} beside the DAG's own ({exc.strerror})"
            raise NotConfigured(msg) from exc


def _is_json(written: str) -> bool:
    return written.lstrip().startswith("{")
