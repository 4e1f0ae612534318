"""
Azure ML Studio (classic), seen as one endpoint: its jobs, its answers and its model.

Law: a model is never sent to an endpoint that cannot keep it. The default endpoint is kept in
step with its experiment, and the endpoint of a training service has nothing to update; both
are refused with what to do instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.errors import BadInput, NotUpdatable, UnexpectedAnswer
from airflow_aml_retrain.wire.bes import BatchExecution
from airflow_aml_retrain.wire.blobs import ModelBlob, Serving
from airflow_aml_retrain.wire.conversation import Conversation, Credential
from airflow_aml_retrain.wire.endpoints import EndpointVerbs, choose_resource
from airflow_aml_retrain.wire.jobs import JobId, JobReport
from airflow_aml_retrain.wire.references import endpoint_path
from airflow_aml_retrain.wire.rrs import Format, RequestResponse
from airflow_aml_retrain.wire.verbs import Row

_DEFAULT_NAME: Final = "default"
_MAY_NOT_READ: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class ClassicVerbs:
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

    def submit(
        self, inputs: Mapping[str, ModelBlob], parameters: Mapping[str, str]
    ) -> Conversation[JobId]:
        """Create a job over *inputs* (input name to blob). It does not run until `start`."""
        return (yield from self._batch.submit(inputs, parameters))

    def start(self, job: JobId) -> Conversation[None]:
        yield from self._batch.start(job)

    def poll(self, job: JobId) -> Conversation[JobReport]:
        return (yield from self._batch.poll(job))

    def cancel(self, job: JobId) -> Conversation[None]:
        yield from self._batch.cancel(job)

    def outputs(self, job: JobId) -> Conversation[Mapping[str, ModelBlob]]:
        """Ask for the results of a job that succeeded, each with a fresh token."""
        return (yield from self._batch.outputs(job))

    def score(self, rows: Sequence[Row]) -> Conversation[list[dict[str, str]]]:
        """Ask the endpoint about *rows*; one answered row for each, in the same order."""
        service = RequestResponse(
            self.api_url, self.input_name, self.output_name, self.format, self.settling
        )
        return (yield from service.score(rows))

    def serving(self) -> Conversation[Serving]:
        """Ask what the endpoint serves; an endpoint's own key may not be allowed to (401)."""
        endpoint = yield from self._endpoint.read(settling=self.settling)
        return Serving(endpoint.models)

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

    def publish(self, model: ModelBlob, resource: str | None = None) -> Conversation[None]:
        """
        Put *model* into *resource* (None: the only updatable one).

        Raises `NotUpdatable` for the default endpoint and for one without resources,
        `NoSuchName` for a resource that the endpoint does not have.
        """
        if not model.is_model:
            msg = f"expected a trained model (.ilearner), got {model.location}"
            raise BadInput(msg)
        target = yield from self._target(resource)
        yield from self._endpoint.patch(target, model)

    def restore(self) -> Conversation[None]:
        """Go back to the model that the endpoint was published with."""
        yield from self._endpoint.refresh()

    @property
    def _batch(self) -> BatchExecution:
        return BatchExecution(self.api_url, self.settling)

    @property
    def _endpoint(self) -> EndpointVerbs:
        if self.endpoint_url is None:
            msg = f"the PATCH URL of {self.api_url} is not known; set it in the connection"
            raise NotUpdatable(msg)
        return EndpointVerbs(self.endpoint_url, self.endpoint_credential)

    def _target(self, resource: str | None) -> Conversation[str]:
        """Name the resource to update, after making sure that the endpoint takes a model."""
        try:
            endpoint = yield from self._endpoint.read(settling=self.settling)
            default = yield from self._endpoint.default()
        except UnexpectedAnswer as exc:
            if exc.status not in _MAY_NOT_READ:
                raise
            return self._unread_target(resource, exc)
        target = choose_resource(Serving(endpoint.models), resource)
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
