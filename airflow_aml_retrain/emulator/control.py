"""The routes of our own: publish, make trouble, look on. They ask for no credential."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from airflow_aml_retrain.emulator import identity, publishing
from airflow_aml_retrain.emulator.batch import shown
from airflow_aml_retrain.emulator.definitions import member, resources
from airflow_aml_retrain.emulator.experiments import definition_of
from airflow_aml_retrain.emulator.faults import Faults
from airflow_aml_retrain.emulator.front import Journal
from airflow_aml_retrain.emulator.messages import (
    DefinitionWish,
    Fault,
    M,
    PrincipalWish,
    Publication,
    WorkspaceWish,
)
from airflow_aml_retrain.emulator.operations import Operations
from airflow_aml_retrain.emulator.records import Endpoint, Job, Service, Workspace
from airflow_aml_retrain.emulator.refusals import Refusal, not_found
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.views import service_path

router = APIRouter(prefix="/_emulator")


async def _any_body(request: Request) -> bytes:
    """The body, however large: a publication carries a whole CSV."""
    return await request.body()


Body = Annotated[bytes, Depends(_any_body)]


@router.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@router.post("/workspaces")
def workspace(request: Request, body: Body) -> dict[str, str]:
    wish = _parsed(WorkspaceWish, body or b"{}")
    made = publishing.workspace(_site(request), wish.workspace_id, wish.name, wish.token)
    return {"workspace_id": made.id, "token": made.token, "name": made.name}


@router.post("/principals")
def principal(request: Request, body: Body) -> dict[str, str]:
    """Register who may sign in."""
    made = identity.registered(_site(request), _parsed(PrincipalWish, body or b"{}"))
    return {
        "tenant_id": made.tenant_id,
        "client_id": made.client_id,
        "client_secret": made.client_secret,
        "identity_header": made.identity_header,
    }


@router.post("/workspaces/{workspace}/services")
def service(request: Request, workspace: str, body: Body) -> dict[str, object]:
    """Publish a service; it answers when its model is trained."""
    site = _site(request)
    if site.store.get(Workspace, workspace) is None:
        raise not_found("WorkspaceNotFound")
    made = publishing.service(site, workspace, _parsed(Publication, body))
    endpoint = publishing.default_endpoint(site, made.id)
    return {
        "web_service_id": made.id,
        "name": made.name,
        "default_endpoint": endpoint.name,
        "endpoint_id": endpoint.id,
        "api_location": site.api_location(request, endpoint),
        "primary_key": endpoint.primary_key,
        "secondary_key": endpoint.secondary_key,
        "resource_name": made.resource_name,
    }


@router.post("/webservices")
def web_service(request: Request, body: Body) -> dict[str, object]:
    """Publish a new web service; it answers when its model is trained and its definition made."""
    site = _site(request)
    operations = cast("Operations", request.app.state.operations)
    made = definition_of(site, operations, _parsed(DefinitionWish, body))
    names = [member(asset, "name") for _, asset in resources(made.properties)]
    return {
        "id": made.path,
        "subscription_id": made.subscription_id,
        "resource_group": made.group,
        "name": made.name,
        "api_location": site.url(request) + service_path(made),
        "primary_key": made.primary_key,
        "secondary_key": made.secondary_key,
        "resource_name": names[0] if names else "",
        "storage_account": made.storage_account,
        "commitment_plan": made.commitment_plan,
    }


@router.get("/faults")
def faults(request: Request) -> list[dict[str, Any]]:
    return [fault.model_dump(exclude_defaults=True) for fault in _faults(request).left()]


@router.post("/faults")
def add_fault(request: Request, body: Body) -> Response:
    _faults(request).add(_parsed(Fault, body))
    return Response(status_code=204)


@router.delete("/faults")
def clear_faults(request: Request) -> Response:
    _faults(request).clear()
    return Response(status_code=204)


@router.get("/requests")
def requests(request: Request, since: int = 0) -> list[dict[str, Any]]:
    return cast("Journal", request.app.state.journal).since(since)


@router.get("/jobs")
def jobs(request: Request) -> list[dict[str, object]]:
    """Every job there ever was; `started` is how often it was started."""
    site = _site(request)
    return [_job(site, job) for job in site.store.all(Job)]


def _job(site: Site, job: Job) -> dict[str, object]:
    endpoint = site.store.get(Endpoint, job.endpoint_id)
    service = site.store.get(Service, job.service_id)
    return {
        "job_id": job.id,
        "status": shown(job, site),
        "queued": job.queued,
        "started": job.starts,
        "polls": job.polls,
        "details": job.details,
        "workspace_id": job.workspace_id,
        "web_service_id": job.service_id,
        "service": service.name if service else "",
        "endpoint_id": job.endpoint_id,
        "endpoint": endpoint.name if endpoint else "",
        "kind": service.kind if service else "",
        "created_at": job.created,
        "started_at": job.started,
        "ended_at": job.ended,
        "inputs": {name: blob.relative for name, blob in job.inputs.items()},
        "outputs": {name: blob.relative for name, blob in job.outputs.items()},
        "parameters": job.parameters,
    }


def _parsed(kind: type[M], body: bytes) -> M:
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in exc.errors(include_input=False, include_url=False)
        )
        raise Refusal(400, "BadControlRequest", wrong) from exc


def _site(request: Request) -> Site:
    return cast("Site", request.app.state.site)


def _faults(request: Request) -> Faults:
    return cast("Faults", request.app.state.faults)
