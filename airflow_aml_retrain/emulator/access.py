"""
Who may ask what.

The data plane takes either key of the endpoint. The management plane takes the workspace's
token, or for what stands under one endpoint that endpoint's own keys. The scheme is matched
without regard to case and to extra blanks, because Microsoft's own clients differ in both.
"""

import hmac

from fastapi import Request

from airflow_aml_retrain.emulator.records import Endpoint, Service, Workspace
from airflow_aml_retrain.emulator.refusals import Answer, Refusal, bad_argument, not_found, refusal
from airflow_aml_retrain.emulator.site import Site

_SCORING = Answer("Unauthorized", "ScoreRequestUnauthorized")
_MANAGEMENT = Answer("Unauthorized", "ManagementRequestUnauthorized")


def endpoint_by_key(site: Site, request: Request, workspace: str, guid: str) -> Endpoint:
    """The endpoint of a data plane URL, once its key was shown."""
    if not _credential(request):
        raise refusal(_SCORING)
    endpoint = endpoint_by_id(site, request, workspace, guid)
    if not _is_any(_credential(request), endpoint.primary_key, endpoint.secondary_key):
        raise refusal(_SCORING)
    return endpoint


def endpoint_by_id(site: Site, request: Request, workspace: str, guid: str) -> Endpoint:
    """The endpoint of a data plane URL; *workspace* is a subscription's id in a new service's."""
    endpoint = site.store.get(Endpoint, guid)
    _, holder, *_ = request.url.path.split("/")
    if holder == "workspaces" and site.store.get(Workspace, workspace) is None:
        raise not_found("WorkspaceNotFound")
    if endpoint is None:
        raise _no_service(guid)
    if (endpoint.holder, endpoint.workspace_id) != (holder, workspace):
        raise not_found("WebServiceIdNotFoundInWorkspace")
    return endpoint


def workspace_by_token(site: Site, request: Request, workspace: str) -> Workspace:
    """The workspace, once its token was shown."""
    found = site.store.get(Workspace, workspace)
    if not _credential(request):
        raise refusal(_MANAGEMENT)
    if found is None:
        raise not_found("WorkspaceNotFound")
    if not _is_any(_credential(request), found.token):
        raise refusal(_MANAGEMENT)
    return found


def managed_endpoint(
    site: Site, request: Request, workspace: str, service: str, name: str
) -> Endpoint:
    """The endpoint of a management URL, once the workspace's token or its own key was shown."""
    try:
        workspace_by_token(site, request, workspace)
    except Refusal as exc:
        endpoint = named_endpoint(site, service, name)
        keys = (endpoint.primary_key, endpoint.secondary_key) if endpoint else ()
        if exc.status != 401 or not _is_any(_credential(request), *keys):
            raise
    service_in(site, workspace, service)
    endpoint = named_endpoint(site, service, name)
    if endpoint is None:
        raise not_found("WebServiceNotFound")
    return endpoint


def service_in(site: Site, workspace: str, service: str) -> Service:
    found = site.store.get(Service, service)
    if found is None or found.workspace_id != workspace:
        raise not_found("WebServiceIdNotFoundInWorkspace")
    return found


def named_endpoint(site: Site, service: str, name: str) -> Endpoint | None:
    endpoints = site.store.all(Endpoint, service)
    return next((endpoint for endpoint in endpoints if endpoint.name == name), None)


def _credential(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _is_any(given: str, *known: str) -> bool:
    return any(hmac.compare_digest(given.encode(), one.encode()) for one in known)


def _no_service(guid: str) -> Refusal:
    digits = guid.replace("-", "").lower()
    if len(digits) == 32 and set(digits) <= set("0123456789abcdef"):
        return not_found("WebServiceNotFound")
    return bad_argument("WebServiceIdInvalid")
