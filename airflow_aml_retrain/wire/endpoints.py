"""
The classic management API: web services of a workspace, and their endpoints.

Law: names of resources, services and endpoints are taken from the service's own lists, never
retyped: real ones hold blanks and U+00A0. The bodies of PATCH, refresh and DELETE are not
parsed, since no client ever read them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from airflow_aml_retrain.errors import BadInput, NoSuchName, UnexpectedAnswer, WireError
from airflow_aml_retrain.wire.blobs import ModelBlob, blob_of, reference_of
from airflow_aml_retrain.wire.conversation import SETTLING, Conversation, Credential, Request, ask
from airflow_aml_retrain.wire.references import api_url_of, segment
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.shapes import shape_of

_NOT_MODIFIED: Final = frozenset({304})
_GONE: Final = frozenset({404})
# Documented as 500, which as a rule passes (web-service-error-codes.md); these stay.
_BLAME_THE_MODEL: Final = frozenset(
    {
        "InvalidWebServiceResources",
        "ModelPackageFormatError",
        "ModelPackageInvalid",
        "UpdateWebServiceResourceFailed",
    }
)


@dataclass(frozen=True, slots=True)
class WebService:
    """A web service of a workspace; *default_endpoint* is a name."""

    id: str
    name: str
    default_endpoint: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    An endpoint of a web service.

    *models* maps each updatable resource to its model; it is empty for a training service.
    *created* is the service's own timestamp, or empty.
    """

    name: str
    service_id: str
    api_url: str
    primary_key: Secret
    secondary_key: Secret
    models: Mapping[str, ModelBlob] = field(default_factory=dict)
    prevent_update: bool = False
    created: str = ""

    @property
    def resources(self) -> Mapping[str, str]:
        """The location of each updatable resource's model."""
        return {name: model.location for name, model in self.models.items()}


@dataclass(frozen=True, slots=True)
class EndpointVerbs:
    """Spoken to one endpoint at *url*, with a workspace token or the endpoint's own key."""

    url: str
    credential: Credential = Credential.WORKSPACE_TOKEN

    def read(
        self, *, settling: float = 0.0, patience: float | None = None
    ) -> Conversation[Endpoint]:
        answer = yield from ask(self._request("GET"), settling=settling, patience=patience)
        return _endpoint(answer.json())

    def patch(self, resource: str, model: ModelBlob) -> Conversation[None]:
        """
        Put *model* into *resource*; a 2xx says that it was accepted, not that it serves.

        Raises `UnexpectedAnswer` soon, and not after ten minutes, if the model will not do.
        """
        changed = {"Resources": [{"Name": resource, "Location": reference_of(model)}]}
        yield from ask(self._request("PATCH", body=changed), blaming=_BLAME_THE_MODEL)

    def refresh(self) -> Conversation[None]:
        """Go back to the graph and the model of the experiment; 304 means nothing had changed."""
        # A string, not a boolean: so it stands in Microsoft's own client.
        request = self._request("POST", "/refresh", {"OverwriteResources": "True"})
        yield from ask(request, accept=_NOT_MODIFIED)

    def default(self) -> Conversation["EndpointVerbs"]:
        """Ask the web service which of its endpoints is the default one."""
        service_url = self.url.rpartition("/endpoints/")[0]
        answer = yield from ask(Request("GET", service_url, credential=self.credential))
        name = _service(answer.json()).default_endpoint
        return EndpointVerbs(f"{service_url}/endpoints/{segment(name)}", self.credential)

    def _request(self, method: str, deed: str = "", body: object = None) -> Request:
        return Request(method, self.url + deed, body, self.credential)


@dataclass(frozen=True, slots=True)
class Workspace:
    """
    Spoken to the workspace at *url*, with its authorization token.

    *url* is ".../workspaces/{workspace id}" on the management host.
    """

    url: str

    def services(self) -> Conversation[list[WebService]]:
        answer = yield from ask(self._get("/webservices"))
        return [_service(said) for said in _list(answer.json(), "web services")]

    def service(self, name_or_id: str) -> Conversation[WebService]:
        """Find a web service; `NoSuchName` names those that exist."""
        services = yield from self.services()
        found = [each for each in services if name_or_id == each.id] or [
            each for each in services if name_or_id == each.name
        ]
        if not found:
            names = [each.name for each in services]
            raise NoSuchName(kind="web service", given=name_or_id, existing=names)
        if len(found) > 1:
            ids = ", ".join(each.id for each in found)
            msg = f"{len(found)} web services are named {name_or_id!a}; give the id of one: {ids}"
            raise BadInput(msg)
        return found[0]

    def endpoints(self, service: WebService) -> Conversation[list[Endpoint]]:
        answer = yield from ask(self._get(f"/webservices/{segment(service.id)}/endpoints"))
        return [_endpoint(said) for said in _list(answer.json(), "endpoints")]

    def endpoint(self, service: WebService, name: str | None = None) -> Conversation[Endpoint]:
        """Find an endpoint (None: the default one); `NoSuchName` names those that exist."""
        wanted = name or service.default_endpoint
        try:
            return (yield from self.verbs(service, wanted).read())
        except UnexpectedAnswer as exc:
            if exc.status != 404:
                raise
            names = [each.name for each in (yield from self.endpoints(service))]
            raise NoSuchName(kind="endpoint", given=wanted, existing=names) from exc

    def create_endpoint(
        self,
        service: WebService,
        name: str,
        *,
        description: str = "",
        throttle_level: str = "Low",
        max_concurrent_calls: int | None = None,
    ) -> Conversation[Endpoint]:
        """
        Create an endpoint, and return it once the service itself finds it.

        *throttle_level* is "Low" or "High".
        """
        body: dict[str, object] = {"Description": description, "ThrottleLevel": throttle_level}
        if max_concurrent_calls is not None:
            body["MaxConcurrentCalls"] = max_concurrent_calls
        verbs = self.verbs(service, name)
        yield from ask(Request("PUT", verbs.url, body, verbs.credential))
        return (yield from verbs.read(settling=SETTLING))

    def delete_endpoint(self, service: WebService, name: str) -> Conversation[None]:
        """Delete an endpoint; that it is gone already is as good."""
        verbs = self.verbs(service, name)
        yield from ask(Request("DELETE", verbs.url, None, verbs.credential), accept=_GONE)

    def refresh(self, service: WebService, name: str) -> Conversation[None]:
        yield from self.verbs(service, name).refresh()

    def patch(
        self, service: WebService, name: str, resource: str, model: ModelBlob
    ) -> Conversation[None]:
        yield from self.verbs(service, name).patch(resource, model)

    def endpoint_url(self, service: WebService, name: str) -> str:
        """The URL of an endpoint, which is also its PATCH URL."""
        return f"{self.url}/webservices/{segment(service.id)}/endpoints/{segment(name)}"

    def verbs(self, service: WebService, name: str) -> EndpointVerbs:
        return EndpointVerbs(self.endpoint_url(service, name))

    def _get(self, path: str) -> Request:
        return Request("GET", self.url + path, credential=Credential.WORKSPACE_TOKEN)


def _list(said: object, of_what: str) -> Sequence[object]:
    if not isinstance(said, list):
        msg = f"expected a list of {of_what}, got {shape_of(said)}"
        raise WireError(msg)
    return said


def _service(said: object) -> WebService:
    match said:
        case {"Id": str(id_), "Name": str(name), **rest}:
            return WebService(id_, name, str(rest.get("DefaultEndpointName") or "default"))
        case _:
            msg = f"expected a web service with Id and Name, got {shape_of(said)}"
            raise WireError(msg)


def _endpoint(said: object) -> Endpoint:
    match said:
        case {"Name": str(name), "ApiLocation": str(api_location), **rest}:
            return Endpoint(
                name=name,
                service_id=str(rest.get("WebServiceId") or ""),
                api_url=api_url_of(api_location),
                primary_key=Secret(str(rest.get("PrimaryKey") or "")),
                secondary_key=Secret(str(rest.get("SecondaryKey") or "")),
                models=_models(rest.get("Resources")),
                prevent_update=rest.get("PreventUpdate") is True,
                created=str(rest.get("CreationTime") or ""),
            )
        case _:
            msg = f"expected an endpoint with Name and ApiLocation, got {shape_of(said)}"
            raise WireError(msg)


def _models(said: object) -> dict[str, ModelBlob]:
    """Each updatable resource with its model; null and {} mean that there are none."""
    return dict(_resource(each) for each in _list(said or [], "resources"))


def _resource(said: object) -> tuple[str, ModelBlob]:
    match said:
        case {"Name": str(name), "Location": location}:
            return name, blob_of(location)
        case _:
            msg = f"expected a resource with Name and Location, got {shape_of(said)}"
            raise WireError(msg)
