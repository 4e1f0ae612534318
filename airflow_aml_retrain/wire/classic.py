"""
Azure ML Studio (classic), seen as one endpoint: its jobs, its answers and its model.

Law: a model is never sent to an endpoint that cannot keep it. The default endpoint is kept in
step with its experiment, and the endpoint of a training service has nothing to update; both
are refused with what to do instead.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.errors import BadInput, NotUpdatable, UnexpectedAnswer
from airflow_aml_retrain.wire.blobs import ModelBlob, Serving, choose_resource, require_unchanged
from airflow_aml_retrain.wire.conversation import Conversation, Credential
from airflow_aml_retrain.wire.endpoints import EndpointVerbs
from airflow_aml_retrain.wire.references import endpoint_path
from airflow_aml_retrain.wire.rrs import Format
from airflow_aml_retrain.wire.service import ServiceVerbs

_DEFAULT_NAME: Final = "default"
_MAY_NOT_READ: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class ClassicVerbs(ServiceVerbs):
    """
    Spoken to one endpoint of a classic web service.

    *endpoint_url* is its management URL (the PATCH URL), spoken to with *endpoint_credential*;
    None where the user gave none, and then the model cannot be read or changed. *input_name*,
    *output_name* and *format* are those of `RequestResponse`; *settling* is for how many more
    seconds a 401 or 404 of the fresh endpoint is no error yet.
    """

    api_url: str
    endpoint_url: str | None = None
    endpoint_credential: Credential = Credential.WORKSPACE_TOKEN
    input_name: str = "input1"
    output_name: str | None = None
    format: Format = Format.TABLE
    settling: float = 0.0

    @property
    def lag(self) -> float:
        """A PATCH that was accepted is read back at once."""
        return 0.0

    def serving(self) -> Conversation[Serving]:
        """Ask what the endpoint serves; an endpoint's own key may not be allowed to (401)."""
        endpoint = yield from self._endpoint.read(settling=self.settling)
        return Serving(endpoint.models)

    def resources(self) -> Conversation[Serving]:
        """Ask what can be updated, which is what the endpoint serves."""
        return (yield from self.serving())

    def published(self) -> Conversation[Serving]:
        """
        Ask what `restore` goes back to, which is what the default endpoint serves.

        Empty where the credential may not read that: then nobody knows.
        """
        try:
            default = yield from self._endpoint.default()
            endpoint = yield from default.read()
        except UnexpectedAnswer as exc:
            if exc.status not in _MAY_NOT_READ:
                raise
            return Serving({})
        return Serving(endpoint.models)

    def publish(
        self,
        model: ModelBlob,
        resource: str | None = None,
        *,
        instead_of: Collection[str] | None = None,
    ) -> Conversation[str]:
        """
        Put *model* into *resource* (None: the only updatable one).

        Returns nothing to follow: the service says no more than that it accepted. Raises
        `NotUpdatable` for the default endpoint and for one without resources, `NoSuchName`
        for a resource that the endpoint does not have.
        """
        if not model.is_model:
            msg = f"expected a trained model (.ilearner), got {model.location}"
            raise BadInput(msg)
        target = yield from self._target(resource, instead_of)
        yield from self._endpoint.patch(target, model)
        return ""

    def followed(
        self, operation: str, *, resource: str, location: str, every: float
    ) -> Conversation[None]:
        """Nothing is under way once a PATCH was accepted, but the spreading of the model."""
        yield from ()

    def restore(self) -> Conversation[None]:
        """Go back to the model that the endpoint was published with."""
        yield from self._endpoint.refresh()

    @property
    def _endpoint(self) -> EndpointVerbs:
        if self.endpoint_url is None:
            msg = f"the PATCH URL of {self.api_url} is not known; set it in the connection"
            raise NotUpdatable(msg)
        return EndpointVerbs(self.endpoint_url, self.endpoint_credential)

    def _target(
        self, resource: str | None, instead_of: Collection[str] | None
    ) -> Conversation[str]:
        """Name the resource to update, after making sure that the endpoint takes a model."""
        try:
            endpoint = yield from self._endpoint.read(settling=self.settling)
            default = yield from self._endpoint.default()
        except UnexpectedAnswer as exc:
            if exc.status not in _MAY_NOT_READ:
                raise
            return self._unread_target(resource, exc)
        serving = Serving(endpoint.models)
        target = choose_resource(serving, resource)
        require_unchanged(serving, target, instead_of, f"endpoint {endpoint.name!a}")
        if endpoint.name == endpoint_path(default.url)[2]:
            raise _kept_in_step(endpoint.name)
        return target

    def _unread_target(self, resource: str | None, refusal: UnexpectedAnswer) -> str:
        """Without the right to read, the user's word is all there is."""
        name = endpoint_path(self._endpoint.url)[2]
        if name == _DEFAULT_NAME:
            raise _kept_in_step(name) from refusal
        if resource is None:
            msg = f"endpoint {name!a} may not be read with this key: name the resource to update"
            raise BadInput(msg) from refusal
        return resource


def _kept_in_step(name: str) -> NotUpdatable:
    msg = (
        f"endpoint {name!a} is the default one, which the service keeps in step with its "
        "experiment; create another endpoint (CreateEndpointOperator) and publish to that"
    )
    return NotUpdatable(msg)
