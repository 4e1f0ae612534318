"""The routes of the classic management plane: web services and their endpoints. No api-version."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Request, Response

from airflow_aml_retrain.emulator import access, messages, publishing
from airflow_aml_retrain.emulator.answers import Json
from airflow_aml_retrain.emulator.endpoints import Endpoints
from airflow_aml_retrain.emulator.front import DEED
from airflow_aml_retrain.emulator.messages import EMPTY, Deed, EndpointMessage, RefreshMessage
from airflow_aml_retrain.emulator.records import Endpoint, Service
from airflow_aml_retrain.emulator.site import Site, body_of

router = APIRouter(prefix="/workspaces/{workspace}/webservices")

Body = Annotated[bytes, Depends(body_of)]


@router.get("")
def services(request: Request, workspace: str) -> list[dict[str, object]]:
    site = _site(request)
    access.workspace_by_token(site, request, workspace)
    return [_service_object(site, service) for service in site.store.all(Service, workspace)]


@router.get("/{service}")
def service(request: Request, workspace: str, service: str) -> dict[str, object]:
    site = _site(request)
    access.workspace_by_token(site, request, workspace)
    return _service_object(site, access.service_in(site, workspace, service))


@router.delete("/{service}")
def delete_service(request: Request, workspace: str, service: str) -> Response:
    site = _site(request)
    access.workspace_by_token(site, request, workspace)
    access.service_in(site, workspace, service)
    for endpoint in site.store.all(Endpoint, service):
        site.store.remove(Endpoint, endpoint.id)
    site.store.remove(Service, service)
    return Response(status_code=site.settings.gaps.write_status)


@router.get("/{service}/endpoints")
def endpoints(request: Request, workspace: str, service: str) -> list[dict[str, object]]:
    site = _site(request)
    access.workspace_by_token(site, request, workspace)
    found = access.service_in(site, workspace, service)
    return [_endpoint_object(request, found, e) for e in site.store.all(Endpoint, service)]


@router.get("/{service}/endpoints/{name}")
def endpoint(request: Request, workspace: str, service: str, name: str) -> dict[str, object]:
    site = _site(request)
    found = access.managed_endpoint(site, request, workspace, service, name)
    return _endpoint_object(request, access.service_in(site, workspace, service), found)


@router.put("/{service}/endpoints/{name}")
def create(request: Request, workspace: str, service: str, name: str, body: Body) -> Json:
    """Adding an endpoint needs the workspace's token; the answer holds its keys."""
    site = _site(request)
    access.workspace_by_token(site, request, workspace)
    found = access.service_in(site, workspace, service)
    wanted = messages.parse(EndpointMessage, body or EMPTY)
    made = _endpoints(request).create(found, name, wanted)
    status = site.settings.gaps.write_status
    # An answer with a body cannot be a 204.
    return Json(_endpoint_object(request, found, made), 200 if status == 204 else status)


@router.patch("/{service}/endpoints/{name}")
def patch(request: Request, workspace: str, service: str, name: str, body: Body) -> Response:
    site, deed = _site(request), cast("Deed", request.scope[DEED])
    found = access.managed_endpoint(site, request, workspace, service, name)
    wanted = messages.parse(EndpointMessage, body)
    owner = access.service_in(site, workspace, service)
    if deed.ignore_patch is not True:
        served = deed.ignore_patch != "served"
        found = _endpoints(request).patch(found, owner, wanted, served=served)
    if site.settings.gaps.patch_body == "endpoint":
        return Json(_endpoint_object(request, owner, found))
    return Response(status_code=site.settings.gaps.write_status)


@router.delete("/{service}/endpoints/{name}")
def delete(request: Request, workspace: str, service: str, name: str) -> Response:
    site = _site(request)
    found = access.managed_endpoint(site, request, workspace, service, name)
    _endpoints(request).delete(found)
    return Response(status_code=site.settings.gaps.write_status)


@router.post("/{service}/endpoints/{name}/refresh")
def refresh(request: Request, workspace: str, service: str, name: str, body: Body) -> Response:
    """304 means that there was nothing to change."""
    site = _site(request)
    found = access.managed_endpoint(site, request, workspace, service, name)
    overwrite = messages.parse(RefreshMessage, body or EMPTY).overwrite_resources
    owner = access.service_in(site, workspace, service)
    changed = _endpoints(request).refresh(found, owner, overwrite=overwrite)
    return Response(status_code=site.settings.gaps.write_status if changed else 304)


def _service_object(site: Site, service: Service) -> dict[str, object]:
    return {
        "Id": service.id,
        "Name": service.name,
        "Description": "",
        "CreationTime": _date(service.created),
        "WorkspaceId": service.workspace_id,
        "DefaultEndpointName": publishing.DEFAULT_ENDPOINT,
        "EndpointCount": len(site.store.all(Endpoint, service.id)),
    }


def _endpoint_object(request: Request, service: Service, found: Endpoint) -> dict[str, object]:
    url = _site(request).url(request)
    path = f"/workspaces/{service.workspace_id}/webservices/{service.id}/endpoints/{found.id}"
    return {
        "Name": found.name,
        "Description": found.description,
        "CreationTime": _date(found.created),
        "WebServiceId": service.id,
        "WorkspaceId": service.workspace_id,
        "HelpLocation": f"{url}/apihelp{path}",
        "PrimaryKey": found.primary_key,
        "SecondaryKey": found.secondary_key,
        "ApiLocation": _site(request).api_location(request, found),
        "Version": _date(found.created),
        "PreventUpdate": found.prevent_update,
        "SampleDataEnabled": False,
        # There is no experiment here.
        "ExperimentLocation": None,
        "MaxConcurrentCalls": found.max_concurrent_calls,
        "DiagnosticsTraceLevel": found.diagnostics,
        "ThrottleLevel": found.throttle_level,
        "Resources": _resources(service, found, read_back=_site(request).settings.gaps.read_back),
    }


def _resources(
    service: Service, found: Endpoint, *, read_back: Literal["with SAS", "without SAS"]
) -> list[dict[str, Any]]:
    """The updatable resources, with the model last put in."""
    location = [
        {
            "BaseLocation": version.base,
            "RelativeLocation": version.relative,
            "SasBlobToken": (version.sas or None) if read_back == "with SAS" else None,
        }
        for version in found.versions[-1:]
    ]
    return [
        {"Name": service.resource_name, "Kind": "TrainedModel", "Location": place}
        for place in location
    ]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _site(request: Request) -> Site:
    return cast("Site", request.app.state.site)


def _endpoints(request: Request) -> Endpoints:
    return cast("Endpoints", request.app.state.endpoints)
