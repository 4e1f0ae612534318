"""
The routes of one web service in the Resource Manager: put, patch, get, head, delete, keys, regions.

Law: what changes a web service answers at once with an operation, in 2017-01-01 with a stub, in
the preview with the whole body. Resource groups are there when something is in them.
"""

import uuid
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from airflow_aml_retrain.emulator import acceptance, definitions, doors, views
from airflow_aml_retrain.emulator.answers import Json
from airflow_aml_retrain.emulator.definitions import Properties, member, written
from airflow_aml_retrain.emulator.doors import (
    Asked,
    AskedOf,
    Body,
    operations_of,
    site_of,
    version_of,
)
from airflow_aml_retrain.emulator.endpoints import new_key
from airflow_aml_retrain.emulator.operations import Method, shown
from airflow_aml_retrain.emulator.records import Operation, WebService
from airflow_aml_retrain.emulator.views import PREVIEW, STABLE, region

router = doors.router()

_KIND: Final = "webServices"
_SERVICE: Final = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearning/webServices/{name}"
)
_PLACE: Final = (
    "/subscriptions/{subscription}/providers/Microsoft.MachineLearning/locations/{location}"
)


@router.put(_SERVICE)
def put(request: Request, asked: AskedOf, body: Body) -> Json:
    version, site = version_of(request, _KIND), asked.site
    sent = acceptance.document(body)
    wanted, location = written(member(sent, "properties")), acceptance.location_of(sent)
    tags = acceptance.tags_of(sent) or {}
    acceptance.require_sound(site, wanted)
    found = asked.found
    if found is not None:
        acceptance.require_place(found, location)
        _require_changeable(asked, found, wanted)
        return _begun(asked, found, _begin(asked, found, "PUT", wanted, tags))
    plan = acceptance.require_plan(site, wanted, version)
    made = new(site.clock(), asked.path, wanted, location=location, tags=tags, plan=plan)
    site.store.add(made)
    return _begun(asked, made, _begin(asked, made, "PUT", wanted, tags), status=201)


def new(
    now: float, path: str, wanted: Properties, *, location: str, tags: dict[str, str], plan: str
) -> WebService:
    """A web service of which nothing has succeeded yet."""
    _, _, subscription, _, group, *_, name = path.split("/")
    keys, storage = wanted.get("keys"), wanted.get("storageAccount")
    return WebService(
        path=path,
        subscription_id=subscription,
        group=group,
        name=name,
        location=location,
        guid=uuid.uuid4().hex,
        created=now,
        modified=now,
        primary_key=member(keys, "primary") or new_key(),
        secondary_key=member(keys, "secondary") or new_key(),
        tags=tags,
        storage_account=member(storage, "name") or "",
        storage_key=member(storage, "key") or "",
        commitment_plan=plan,
    )


@router.patch(_SERVICE)
def patch(request: Request, asked: AskedOf, body: Body) -> Json:
    version_of(request, _KIND)
    sent = acceptance.document(body)
    wanted = written(member(sent, "properties"))
    acceptance.require_sound(asked.site, wanted)
    found = asked.known
    _require_changeable(asked, found, wanted)
    operation = _begin(asked, found, "PATCH", wanted, acceptance.tags_of(sent))
    return _begun(asked, found, operation)


@router.get(_SERVICE)
def get(request: Request, asked: AskedOf) -> dict[str, Any]:
    version, found = version_of(request, _KIND), asked.known
    _require_region(found, request.query_params.get("region") or found.location)
    under_way = asked.operations.under_way(found.id)
    if found.state == "Provisioning" and under_way:
        return _first_answer(asked, found, under_way[0], version)
    if asked.deed.stale_read and found.before is not None:
        return views.whole(found, found.before, version, asked.url)
    if found.state == "Succeeded" and under_way:
        found = replace(found, state=asked.site.settings.gaps.state_while_updating)
    return views.whole(found, found.properties, version, asked.url)


@router.head(_SERVICE)
def head(request: Request, asked: AskedOf) -> Response:
    """Not recorded; Microsoft's own client asks so whether a resource is there."""
    version_of(request, _KIND)
    return doors.there(is_there=asked.found is not None)


@router.delete(_SERVICE)
def delete(request: Request, asked: AskedOf) -> Response:
    """204 means that there was nothing to delete."""
    version, found = version_of(request, _KIND), asked.found
    if found is None:
        return Response(status_code=204)
    headers = _headers(asked, asked.operations.begin(found, "DELETE", version, asked.deed))
    status = headers["Azure-AsyncOperation"]
    headers["Location"] = status.replace("/operationsStatus/", "/operationresults/")
    return Response(status_code=202, headers=headers)


@router.get(_SERVICE + "/listKeys")
def keys(request: Request, asked: AskedOf) -> dict[str, str]:
    version_of(request, _KIND)
    found = asked.known
    return {"primary": found.primary_key, "secondary": found.secondary_key}


@router.post(_SERVICE + "/CreateRegionalBlob")
def create_regional(request: Request, asked: AskedOf) -> Json:
    """Make the payload that another region needs; the answer's id is the bare name."""
    version, found = version_of(request, _KIND, (STABLE,)), asked.known
    wanted = request.query_params.get("region")
    if not wanted:
        raise acceptance.invalid("RegionMissing", "The query parameter region is required.")
    operation = asked.operations.begin(found, "POST", version, asked.deed, region=region(wanted))
    stub = views.resource(found, {"provisioningState": "Provisioning"}) | {"id": found.name}
    return Json(stub, 202, _headers(asked, operation))


@router.get(_PLACE + "/operationsStatus/{operation}")
def status(request: Request, subscription: str, operation: str) -> dict[str, object]:
    return shown(_operation(request, subscription, operation), site_of(request))


@router.get(_PLACE + "/operationresults/{operation}")
def result(request: Request, subscription: str, operation: str) -> Response:
    """202 until the operation has ended."""
    found = _operation(request, subscription, operation)
    return Response(status_code=200 if found.status else 202)


def _begin(
    asked: Asked, web: WebService, method: Method, wanted: Properties, tags: dict[str, str] | None
) -> Operation:
    version = version_of(asked.request, _KIND)
    return asked.operations.begin(web, method, version, asked.deed, wanted=wanted, tags=tags)


def _begun(asked: Asked, web: WebService, operation: Operation, status: int = 200) -> Json:
    said = _first_answer(asked, web, operation, operation.version)
    return Json(said, status, _headers(asked, operation))


def _first_answer(
    asked: Asked, web: WebService, operation: Operation, version: str
) -> dict[str, Any]:
    if version == PREVIEW:
        coming = replace(web, state="Provisioning")
        return views.whole(coming, _coming(asked, web, operation), version, asked.url)
    state = {"provisioningState": "Provisioning"}
    payloads = {"payloadsInBlobStorage": False} if operation.method == "PUT" else {}
    return views.resource(web, payloads | state)


def _coming(asked: Asked, web: WebService, operation: Operation) -> Properties:
    """The definition that there will be if *operation* succeeds."""
    if operation.method == "PUT" or web.properties is None:
        return definitions.created(operation.wanted)
    assets = asked.site.settings.gaps.assets
    return definitions.merged(web.properties, operation.wanted, assets)


def _headers(asked: Asked, operation: Operation) -> dict[str, str]:
    host = asked.site.settings.gaps.operation_host
    elsewhere = urlsplit("" if host == "own" else host)
    url = f"{elsewhere.scheme}://{elsewhere.netloc}" if elsewhere.netloc else asked.url
    query = elsewhere.query or f"api-version={operation.version}"
    return {
        "Azure-AsyncOperation": f"{url}{shown(operation, asked.site)['id']}?{query}",
        "Azure-AsyncOperationPercentComplete": "0",
    }


def _operation(request: Request, subscription: str, number: str) -> Operation:
    version_of(request, "locations/operationsStatus")
    found = operations_of(request).find(number)
    if found is None or found.subscription_id.lower() != subscription.lower():
        raise acceptance.no_such("OperationNotFound", f"There is no operation {number}.")
    return found


def _require_changeable(asked: Asked, web: WebService, wanted: Properties) -> None:
    busy = bool(asked.operations.under_way(web.id))
    acceptance.require_changeable(asked.site, web, wanted, busy=busy)


def _require_region(web: WebService, wanted: str) -> None:
    if region(wanted) not in {region(web.location), *web.regions}:
        message = f"The web service {web.name} has no payload for the region {wanted}."
        raise acceptance.no_such("PerRegionPayloadNotFound", message)
