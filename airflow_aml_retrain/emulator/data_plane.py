"""
The routes of the data plane: BES and RRS of one endpoint, and its swagger.json.

A new web service is a service of its subscription and has one endpoint, a classic one is a
service of its workspace; what stands below them is the same.
"""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response

from airflow_aml_retrain.emulator import messages, swagger
from airflow_aml_retrain.emulator.access import endpoint_by_id, endpoint_by_key
from airflow_aml_retrain.emulator.batch import Batch
from airflow_aml_retrain.emulator.front import DEED
from airflow_aml_retrain.emulator.messages import Deed, Execution, Submission
from airflow_aml_retrain.emulator.operations import Operations
from airflow_aml_retrain.emulator.records import Endpoint, Service
from airflow_aml_retrain.emulator.refusals import bad_argument, not_emulated, not_found
from airflow_aml_retrain.emulator.scoring import Scorer
from airflow_aml_retrain.emulator.site import Site, body_of

_plane = APIRouter()

Body = Annotated[bytes, Depends(body_of)]
_VERSION = "2.0"


@_plane.post("/jobs")
def submit(request: Request, workspace: str, guid: str, body: Body) -> str:
    endpoint, service = _asked(request, workspace, guid, feature="jobs of version 1")
    return _batch(request).submit(endpoint, service, messages.parse(Submission, body)).id


@_plane.post("/jobs/{job}/start")
def start(request: Request, workspace: str, guid: str, job: str) -> Response:
    endpoint, _ = _asked(request, workspace, guid)
    _batch(request).start(endpoint, job, _deed(request).fail_job)
    return Response(status_code=_site(request).settings.gaps.start_status)


@_plane.get("/jobs/{job}")
def status(request: Request, workspace: str, guid: str, job: str) -> dict[str, object]:
    endpoint, _ = _asked(request, workspace, guid)
    return _batch(request).status(endpoint, job, expired=_deed(request).expire_sas)


@_plane.delete("/jobs/{job}")
def cancel(request: Request, workspace: str, guid: str, job: str) -> Response:
    endpoint, _ = _asked(request, workspace, guid)
    _batch(request).cancel(endpoint, job)
    return Response(status_code=_site(request).settings.gaps.cancel_status)


@_plane.get("/jobs")
@_plane.get("/jobs/")
@_plane.delete("/jobs/")
def no_job(request: Request, workspace: str, guid: str) -> None:
    """There is no listing: a job id is the only way to a job."""
    _asked(request, workspace, guid)
    raise bad_argument("MissingJobId")


@_plane.post("/execute")
def execute(request: Request, workspace: str, guid: str, body: Body) -> dict[str, object]:
    endpoint, service = _asked(request, workspace, guid)
    scorer = cast("Scorer", request.app.state.scorer)
    return scorer.answer(
        endpoint,
        service,
        messages.parse(Execution, body),
        swagger=request.query_params.get("format", "").lower() == "swagger",
        types=request.query_params.get("details", "").lower() == "true",
    )


@_plane.get("/swagger.json")
def describe(request: Request, workspace: str, guid: str) -> dict[str, object]:
    """No key is asked for."""
    site = _site(request)
    _settle(request, guid)
    endpoint = endpoint_by_id(site, request, workspace, guid)
    if site.clock() - endpoint.created < site.settings.gaps.swagger_after:
        raise not_found("WebServiceNotFound")
    return swagger.of(_service(site, endpoint), endpoint, site.api_location(request, endpoint))


def _asked(
    request: Request, workspace: str, guid: str, *, feature: str = ""
) -> tuple[Endpoint, Service]:
    """Whose call it is, once key and api-version are right; *feature* is what no version means."""
    site = _site(request)
    _settle(request, guid)
    endpoint = endpoint_by_key(site, request, workspace, guid)
    version = request.query_params.get("api-version")
    if feature and version in {None, "1.0"}:
        raise not_emulated(feature)
    if version != _VERSION:
        raise bad_argument("BadVersionCall", version or "")
    return endpoint, _service(site, endpoint)


def _service(site: Site, endpoint: Endpoint) -> Service:
    service = site.store.get(Service, endpoint.service_id)
    if service is None:
        raise not_found("WebServiceNotFound")
    if service.missing:
        raise not_emulated(service.missing)
    return service


def _settle(request: Request, guid: str) -> None:
    """Let the definition come into force whose time has come."""
    cast("Operations", request.app.state.operations).settle_service(guid)


def _site(request: Request) -> Site:
    return cast("Site", request.app.state.site)


def _batch(request: Request) -> Batch:
    return cast("Batch", request.app.state.batch)


def _deed(request: Request) -> Deed:
    return cast("Deed", request.scope[DEED])


def _mounted(*places: str) -> APIRouter:
    mounted = APIRouter()
    for place in places:
        mounted.include_router(_plane, prefix=place)
    return mounted


router = _mounted(
    "/workspaces/{workspace}/services/{guid}", "/subscriptions/{workspace}/services/{guid}"
)
