"""
Endpoints: made, changed, given a retrained model, put back.

Law: a PATCH copies the model while its SAS is valid, so the blob may vanish afterwards. The new
location is read back at once; the new model answers when it has propagated. The default endpoint
follows its experiment and takes no model; an endpoint of a training service has none to replace.
"""

import base64
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import replace

from airflow_aml_retrain.emulator import models
from airflow_aml_retrain.emulator.access import named_endpoint
from airflow_aml_retrain.emulator.messages import EndpointMessage, ResourceMessage
from airflow_aml_retrain.emulator.models import NotAModel
from airflow_aml_retrain.emulator.records import BlobReference, Endpoint, ModelVersion, Service
from airflow_aml_retrain.emulator.refusals import Answer, Refusal, bad_argument, refusal
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.storage import ASSETS, Unreadable

NEVER = 1e18
"""A time that does not come: a model that is in the location and never answers."""

_LOW = 4
_HIGHEST = 200


class Endpoints:
    """What the management plane does to endpoints."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def create(self, service: Service, name: str, wanted: EndpointMessage) -> Endpoint:
        """A new endpoint, or an existing one with *wanted* merged in."""
        existing = named_endpoint(self._site, service.id, name)
        if existing is not None:
            return self._changed(existing, wanted)
        _require_calls(service, wanted)
        model = service.model
        endpoint = merged(
            Endpoint(
                id=uuid.uuid4().hex,
                service_id=service.id,
                workspace_id=service.workspace_id,
                name=name,
                is_default=False,
                primary_key=new_key(),
                secondary_key=new_key(),
                versions=() if model is None else (replace(model, live_from=0.0),),
                created=self._site.clock(),
            ),
            wanted,
        )
        self._site.store.add(endpoint)
        return endpoint

    def patch(
        self, endpoint: Endpoint, service: Service, wanted: EndpointMessage, *, served: bool
    ) -> Endpoint:
        """Merge *wanted* in; *served* false means that its models never come to answer."""
        _require_calls(service, wanted)
        versions: list[ModelVersion] = []
        refused: Refusal | None = None
        for resource in wanted.resources or ():
            try:
                versions.append(self._taken(endpoint, service, resource, served=served))
            except Refusal as exc:
                refused = exc
        if refused is not None and self._site.settings.gaps.patch == "all-or-nothing":
            raise refused
        changed = self._changed(endpoint, wanted, versions)
        if refused is not None:
            raise refused
        return changed

    def refresh(self, endpoint: Endpoint, service: Service, *, overwrite: bool) -> bool:
        """Go back to what was published; whether that changed anything."""
        if endpoint.is_default:
            raise refusal(Answer("InvalidOperation"))
        newest, original = endpoint.versions[-1:], service.model
        if not overwrite or original is None or (newest and newest[0].asset == original.asset):
            return False
        live_from = self._site.clock() + self._site.settings.propagation
        self._changed(endpoint, EndpointMessage(), [replace(original, live_from=live_from)])
        return True

    def delete(self, endpoint: Endpoint) -> None:
        if endpoint.is_default and len(self._site.store.all(Endpoint, endpoint.service_id)) > 1:
            raise refusal(Answer("InvalidOperation"))
        self._site.store.remove(Endpoint, endpoint.id)

    def _changed(
        self, endpoint: Endpoint, wanted: EndpointMessage, versions: Iterable[ModelVersion] = ()
    ) -> Endpoint:
        def change(now: Endpoint) -> Endpoint:
            return replace(merged(now, wanted), versions=(*now.versions, *versions))

        return self._site.store.change(Endpoint, endpoint.id, change) or endpoint

    def _taken(
        self, endpoint: Endpoint, service: Service, resource: ResourceMessage, *, served: bool
    ) -> ModelVersion:
        self._require_updatable(endpoint, service, resource.name)
        given = resource.location
        reference = BlobReference(
            relative=given.relative_location or "",
            base=given.base_location or "",
            connection_string=given.connection_string or "",
            sas=given.sas_blob_token or "",
        )
        asset = self._copied(reference)
        live_from = self._site.clock() + self._site.settings.propagation if served else NEVER
        return ModelVersion(
            base=reference.base,
            relative=reference.relative,
            asset=asset,
            live_from=live_from,
            sas=reference.sas,
        )

    def _require_updatable(self, endpoint: Endpoint, service: Service, name: str) -> None:
        gaps, now = self._site.settings.gaps, self._site.clock()
        if service.model is None:
            raise _said(gaps.no_resources, "This Web Service has no updatable resources.")
        if endpoint.is_default:
            text = "The default endpoint cannot be updated: add another endpoint and update that."
            raise _said(gaps.default_endpoint, text)
        if name != service.resource_name:
            text = f'There is no resource named "{name}".'
            raise _said(gaps.unknown_resource, text)
        propagating = any(now < version.live_from < NEVER for version in endpoint.versions)
        if propagating and gaps.patch_while_propagating == "refused":
            raise refusal(Answer("Conflict"))

    def _copied(self, reference: BlobReference) -> str:
        """Our own copy of the model in *reference*, once it has shown to be one."""
        gaps, storage = self._site.settings.gaps, self._site.storage
        try:
            data = storage.read(reference)
            if len(data) > gaps.largest_model:
                raise refusal(Answer("MemoryQuotaViolation"))
            models.load(data)
        except Unreadable as exc:
            text = f"The resource {reference.relative} could not be downloaded: {exc}."
            raise _said(gaps.unreadable_model, text) from exc
        except NotAModel as exc:
            text = f"The resource {reference.relative} is {exc}."
            raise _said(gaps.not_a_model, text) from exc
        asset = f"{uuid.uuid4().hex}.ilearner"
        storage.write(storage.own(ASSETS, asset), data)
        return asset


def new_key() -> str:
    """A key as the service makes them: 64 bytes, 88 characters of base64."""
    return base64.b64encode(secrets.token_bytes(64)).decode()


def merged(endpoint: Endpoint, wanted: EndpointMessage) -> Endpoint:
    """*endpoint* with the properties that *wanted* names."""
    level = wanted.throttle_level or endpoint.throttle_level
    calls = wanted.max_concurrent_calls or endpoint.max_concurrent_calls
    prevent = wanted.prevent_update
    return replace(
        endpoint,
        description=endpoint.description if wanted.description is None else wanted.description,
        throttle_level=level,
        max_concurrent_calls=_LOW if level == "Low" else calls,
        diagnostics=wanted.diagnostics_trace_level or endpoint.diagnostics,
        prevent_update=endpoint.prevent_update if prevent is None else prevent,
    )


def _require_calls(service: Service, wanted: EndpointMessage) -> None:
    calls = wanted.max_concurrent_calls
    if calls is not None and calls > _HIGHEST:
        raise bad_argument("WebServiceTooManyConcurrentRequestRequirement", _HIGHEST)
    if calls is not None and calls < 1:
        raise bad_argument("WebServiceConcurrentRequestRequirementInvalid", service.name)


def _said(answer: Answer, text: str) -> Refusal:
    """The documented refusal; where the documentation has no text for it, ours as the detail."""
    said = refusal(answer, free=text)
    if answer.detail:
        return said
    return Refusal(said.status, said.code, said.message, ({"code": answer.code, "message": text},))
