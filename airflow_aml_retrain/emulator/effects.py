"""
What an operation does when it ends.

A definition comes to be, changes or goes, and with it the service, its keys and its model.

Law: a trained model is read when its uri has changed, with the web service's own storage account
or the credentials of its asset, and copied. If it cannot be read or is no model, nothing changes.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from airflow_aml_retrain.emulator import definitions, models
from airflow_aml_retrain.emulator.definitions import Properties, member, uri_of
from airflow_aml_retrain.emulator.endpoints import NEVER, new_key
from airflow_aml_retrain.emulator.graphs import service_of
from airflow_aml_retrain.emulator.models import Model, NotAModel
from airflow_aml_retrain.emulator.records import (
    Endpoint,
    ModelVersion,
    Operation,
    Service,
    WebService,
)
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.storage import ASSETS, Unreadable
from airflow_aml_retrain.emulator.views import holder

_ENDPOINT: Final = "default"
_CALLS: Final = 20


class Rejected(Exception):
    """An operation that fails, with the error of its body."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def carry_out(site: Site, web: WebService, operation: Operation) -> None:
    """End *operation* well; `Rejected` if it cannot."""
    if operation.doomed is not None:
        raise Rejected("InternalServerError", operation.doomed)
    match operation.method:
        case "DELETE":
            site.store.remove(Endpoint, web.guid)
            site.store.remove(Service, web.guid)
            site.store.remove(WebService, web.id)
        case "POST":
            made = replace(web, regions=(*web.regions, operation.region))
            site.store.change(WebService, web.id, lambda _: made)
        case _ if operation.ignored:
            same = replace(web, state="Succeeded", modified=operation.ends)
            site.store.change(WebService, web.id, lambda _: same)
        case _:
            _redefine(site, web, operation)


def fail(site: Site, web: WebService, operation: Operation) -> None:
    """Leave *web* as it was, but for its state; one that never came to be has failed."""
    if operation.method in {"DELETE", "POST"}:
        return
    state = "Failed" if web.properties is None else site.settings.gaps.state_after_failure
    failed = replace(web, state=state, modified=operation.ends)
    site.store.change(WebService, web.id, lambda _: failed)


def _redefine(site: Site, web: WebService, operation: Operation) -> None:
    wanted = _unpacked(site, web, operation.wanted)
    if operation.method == "PUT" or web.properties is None:
        properties = definitions.created(wanted)
    else:
        properties = definitions.merged(web.properties, wanted, site.settings.gaps.assets)
    changed = replace(
        _entrusted(web, operation, keys=site.settings.gaps.put_without_keys),
        state="Succeeded",
        modified=operation.ends,
        tags=web.tags if operation.tags is None else operation.tags,
        properties=properties,
        before=web.properties,
    )
    endpoint = site.store.get(Endpoint, web.guid)
    model, version = _model(site, changed, endpoint, operation)
    service = service_of(changed, properties, model, version)
    serving = _endpoint(changed, endpoint, version)
    if endpoint is None:
        site.store.add(service)
        site.store.add(serving)
    else:
        site.store.change(Service, service.id, lambda _: service)
        site.store.change(Endpoint, serving.id, lambda _: serving)
    site.store.change(WebService, web.id, lambda _: changed)


def _unpacked(site: Site, web: WebService, wanted: Properties) -> Properties:
    """*wanted* with what lies in a blob, if it says that something does."""
    location = wanted.get("payloadsLocation")
    if not wanted.get("payloadsInBlobStorage") or location is None:
        return wanted
    try:
        payload = json.loads(_read(site, web, location))
    except Unreadable as exc:
        raise Rejected("PayloadNotFound", f"The payload could not be downloaded: {exc}.") from exc
    except ValueError as exc:
        raise Rejected("InvalidPayload", "The payload is not JSON.") from exc
    return definitions.unpacked(wanted, payload)


def _read(site: Site, web: WebService, location: object) -> bytes:
    reference = site.storage.located(
        str(member(location, "uri") or ""),
        account=web.storage_account,
        key=web.storage_key,
        credentials=str(member(location, "credentials") or ""),
    )
    return site.storage.read(reference)


def _entrusted(web: WebService, operation: Operation, *, keys: str) -> WebService:
    """*web* with the keys that *operation* brings or, being a PUT of what there is, makes anew."""
    wanted = operation.wanted
    given, storage = wanted.get("keys"), wanted.get("storageAccount")
    anew = (
        operation.method == "PUT"
        and keys == "generated"
        and web.properties is not None
        and not given
    )
    return replace(
        web,
        primary_key=new_key() if anew else member(given, "primary") or web.primary_key,
        secondary_key=new_key() if anew else member(given, "secondary") or web.secondary_key,
        storage_key=member(storage, "key") or web.storage_key,
    )


def _model(
    site: Site, web: WebService, endpoint: Endpoint | None, operation: Operation
) -> tuple[Model | None, ModelVersion | None]:
    """The one trained model of *web*, where it lies and from when on it answers."""
    known = {uri_of(asset) for _, asset in definitions.resources(web.before)}
    versions = endpoint.versions if endpoint else ()
    found: list[tuple[Model, ModelVersion]] = []
    for number, asset in definitions.resources(web.properties):
        uri = uri_of(asset)
        kept = next((v for v in reversed(versions) if v.base + v.relative == uri), None)
        if uri in known and kept is not None:
            found.append((_load(site, kept), kept))
            continue
        live_from = _live_from(site, operation, is_first=not versions)
        found.append(_taken(site, web, number, asset, live_from))
    return found[0] if len(found) == 1 else (None, None)


def _live_from(site: Site, operation: Operation, *, is_first: bool) -> float:
    if operation.unserved:
        return NEVER
    return 0.0 if is_first else operation.ends + site.settings.propagation


def _load(site: Site, version: ModelVersion) -> Model:
    return models.load(site.storage.read(site.storage.own(ASSETS, version.asset)))


def _taken(
    site: Site, web: WebService, number: str, asset: Mapping[str, Any], live_from: float
) -> tuple[Model, ModelVersion]:
    """Our own copy of the model of an asset, once it has shown to be one."""
    try:
        data = _read(site, web, member(asset, "locationInfo"))
        model = models.load(data)
    except Unreadable as exc:
        message = f"The resource of asset {number} could not be downloaded: {exc}."
        raise Rejected("ResourceDownload", message) from exc
    except NotAModel as exc:
        message = f"The resource of asset {number} is {exc}."
        raise Rejected("UpdateWebServiceResourceFailed", message) from exc
    copy = f"{uuid.uuid4().hex}.ilearner"
    site.storage.write(site.storage.own(ASSETS, copy), data)
    # The uri in two parts that make it whole again; nobody needs them apart.
    version = ModelVersion(base="", relative=uri_of(asset), asset=copy, live_from=live_from)
    return model, version


def _endpoint(web: WebService, found: Endpoint | None, version: ModelVersion | None) -> Endpoint:
    properties = web.properties or {}
    versions = found.versions if found else ()
    if version is not None and version not in versions:
        versions = (*versions, version)
    calls = member(properties.get("realtimeConfiguration"), "maxConcurrentCalls")
    return Endpoint(
        id=web.guid,
        service_id=web.guid,
        workspace_id=holder(web.subscription_id),
        name=_ENDPOINT,
        is_default=True,
        primary_key=web.primary_key,
        secondary_key=web.secondary_key,
        versions=versions,
        created=web.created,
        description=str(properties.get("description") or ""),
        max_concurrent_calls=calls or _CALLS,
        holder="subscriptions",
    )
