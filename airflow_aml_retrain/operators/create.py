"""Making an endpoint where one is missing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_aml_retrain.links.pages import endpoint_page
from airflow_aml_retrain.links.task import EndpointLink, persist

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
        persist(context, EndpointLink, endpoint_page(backend.api_url, backend.uri))
        self.log.info("%s is there", backend.name)
        return backend.uri
