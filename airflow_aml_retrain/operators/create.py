"""Making an endpoint, or a twin to stage models on, where it is missing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone

from airflow_aml_retrain.links.task import EndpointLink, show_endpoint

if TYPE_CHECKING:
    from airflow.sdk import Context


class CreateEndpointOperator(BaseOperator):
    """
    Make sure that a web service has an endpoint of this name, and return its asset URI.

    A default endpoint cannot take a retrained model, so every model needs one of its own; an
    endpoint that exists is left as it is. Its keys are never stored.

    :param service: The web service, by name or id. (templated)
    :param endpoint: The endpoint's name. (templated)
    :param description: What people will read about it. (templated)
    :param throttle_level: "Low" or "High", as the service names them.
    :param conn_id: The workspace. (templated)
    """

    template_fields: Sequence[str] = ("service", "endpoint", "description", "conn_id")
    operator_extra_links = (EndpointLink(),)
    ui_color = "#e4f7ec"

    def __init__(
        self,
        *,
        service: str,
        endpoint: str,
        description: str = "Retrained by Airflow",
        throttle_level: str = "Low",
        conn_id: str = "aml_studio_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.endpoint = endpoint
        self.description = description
        self.throttle_level = throttle_level
        self.conn_id = conn_id

    def execute(self, context: "Context") -> str:
        from airflow_aml_retrain.hooks.studio import AmlStudioHook

        backend = AmlStudioHook(self.conn_id).ensure_endpoint(
            self.service,
            self.endpoint,
            description=self.description,
            throttle_level=self.throttle_level,
        )
        show_endpoint(context, backend)
        self.log.info("%s is there", backend.name)
        return backend.uri


class CreateTwinOperator(BaseOperator):
    """
    Make sure that a new web service has a twin to stage models on, and return its asset URI.

    A new web service has one endpoint, which its users call; so a retrained model is judged on a
    second web service like it. A twin that exists is left as it is, and refused if its
    pipeline differs; one whose creation failed is made again. It gets keys of its own,
    which are never stored, and reads models with the key of the storage connection.

    :param service: The web service to be like: "resource group/name", or its resource id.
        (templated)
    :param twin: The twin, "resource group/name". (templated)
    :param commitment_plan: What it is billed to: "resource group/name", or a resource id; used
        only where the twin is made. (templated)
    :param storage: Where a definition of more than 3 MB is put for the service to read,
        "container/prefix". (templated)
    :param conn_id: A connection of the type `azure`. (templated)
    :param wasb_conn_id: The storage connection, with an account key. (templated)
    :param poll_interval: Seconds between two looks at the operation.
    :param operation_timeout: Seconds that the service may be at work on the creation.
    """

    template_fields: Sequence[str] = (
        "service",
        "twin",
        "commitment_plan",
        "storage",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (EndpointLink(),)
    ui_color = "#e4f7ec"

    def __init__(
        self,
        *,
        service: str,
        twin: str,
        commitment_plan: str,
        storage: str = "aml-retrain/definitions",
        conn_id: str = "azure_default",
        wasb_conn_id: str = "wasb_default",
        poll_interval: float = 5.0,
        operation_timeout: float = 900.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.twin = twin
        self.commitment_plan = commitment_plan
        self.storage = storage
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.poll_interval = poll_interval
        self.operation_timeout = operation_timeout

    def execute(self, context: "Context") -> str:
        from airflow_aml_retrain.client.definitions import ensure_twin
        from airflow_aml_retrain.hooks.resource_manager import AmlResourceManagerHook
        from airflow_aml_retrain.hooks.storage import blob_store

        hook = AmlResourceManagerHook(self.conn_id)
        with hook.manager() as arm:
            made = ensure_twin(
                arm,
                blob_store(self.wasb_conn_id),
                self.service,
                self.twin,
                commitment_plan=self.commitment_plan,
                place=self.storage,
                every=self.poll_interval,
                until=timezone.utcnow().timestamp() + self.operation_timeout,
            )
        backend = hook.get_conn(self.twin)
        show_endpoint(context, backend)
        self.log.info("%s %s", backend.name, "was made" if made else "is there")
        return backend.uri
