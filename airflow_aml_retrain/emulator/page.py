"""The page at `/`: what runs, with which services, endpoints, keys, models and jobs."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from airflow_aml_retrain.emulator.batch import shown
from airflow_aml_retrain.emulator.records import (
    Endpoint,
    Job,
    ModelVersion,
    Service,
    WebService,
    Workspace,
)
from airflow_aml_retrain.emulator.site import Site

router = APIRouter()

_PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
_JOBS_SHOWN = 100


@router.get("/")
def show(request: Request) -> HTMLResponse:
    site = cast("Site", request.app.state.site)
    workspaces = site.store.all(Workspace)
    parts = [_workspace(request, site, workspace) for workspace in workspaces]
    parts += _subscriptions(request, site)
    text = _PAGE.substitute(
        url=escape(site.url(request)),
        storage=escape(site.storage.base),
        propagation=f"{site.settings.propagation:g}",
        workers=site.settings.workers,
        now=_date(site.clock()),
        workspaces="".join(parts) or _nothing("No workspace yet: POST /_emulator/workspaces."),
        jobs=_jobs(site),
    )
    return HTMLResponse(text)


def _subscriptions(request: Request, site: Site) -> list[str]:
    """The new web services, by subscription."""
    found: dict[str, list[str]] = {}
    for web in site.store.all(WebService):
        service = site.store.get(Service, web.guid)
        inside = (
            _service(request, site, service) if service else _nothing(f"{web.name} is not made")
        )
        found.setdefault(web.subscription_id, []).append(
            f"<p><code>{escape(web.path)}</code></p>{inside}"
        )
    return [
        f"<section><h2>Subscription {escape(number)}</h2>{''.join(inside)}</section>"
        for number, inside in found.items()
    ]


def _workspace(request: Request, site: Site, workspace: Workspace) -> str:
    services = site.store.all(Service, workspace.id)
    inside = "".join(_service(request, site, service) for service in services)
    return (
        f"<section><h2>{escape(workspace.name)}</h2><dl>"
        f"<dt>Workspace id</dt><dd><code>{escape(workspace.id)}</code></dd>"
        f"<dt>Authorization token</dt><dd><code>{escape(workspace.token)}</code></dd></dl>"
        f"{inside or _nothing('No web service yet.')}</section>"
    )


def _service(request: Request, site: Site, service: Service) -> str:
    endpoints = site.store.all(Endpoint, service.id)
    rows = "".join(_endpoint(request, site, endpoint) for endpoint in endpoints)
    resource = service.resource_name if service.model else "none (nothing can be updated)"
    return (
        f"<article><h3>{escape(service.name)} <span class=tag>{service.kind}</span></h3><dl>"
        f"<dt>Web service id</dt><dd><code>{escape(service.id)}</code></dd>"
        f"<dt>Learns</dt><dd>{service.task} of <code>{escape(service.label)}</code></dd>"
        f"<dt>Updatable resource</dt><dd><code>{escape(resource)}</code></dd></dl>"
        "<div class=wide><table><thead><tr><th>Endpoint</th><th>API location and keys</th>"
        f"<th>Model</th></tr></thead><tbody>{rows}</tbody></table></div></article>"
    )


def _endpoint(request: Request, site: Site, endpoint: Endpoint) -> str:
    keys = "".join(
        f"<details><summary>{name} key</summary><code>{escape(key)}</code></details>"
        for name, key in (("Primary", endpoint.primary_key), ("Secondary", endpoint.secondary_key))
    )
    return (
        f"<tr><td>{escape(endpoint.name)}</td>"
        f"<td><code>{escape(site.api_location(request, endpoint))}</code>{keys}</td>"
        f"<td>{_model(site, endpoint)}</td></tr>"
    )


def _model(site: Site, endpoint: Endpoint) -> str:
    serving = endpoint.serving(site.clock())
    newest = endpoint.versions[-1] if endpoint.versions else None
    said = "trains models, serves none" if serving is None else _version(serving)
    if newest is not None and newest != serving:
        said += f"<br><span class=tag>propagating</span> {_version(newest)}"
    return said


def _version(version: ModelVersion) -> str:
    return f"<code>{escape(version.relative)}</code>"


def _jobs(site: Site) -> str:
    jobs = site.store.all(Job)[: -_JOBS_SHOWN - 1 : -1]
    rows = "".join(_job(site, job) for job in jobs)
    if not rows:
        return _nothing("No job yet.")
    return (
        "<div class=wide><table><thead><tr><th>Job</th><th>Service</th><th>Status</th>"
        f"<th>Started</th><th>Took</th><th>Details</th></tr></thead><tbody>{rows}</tbody>"
        "</table></div>"
    )


def _job(site: Site, job: Job) -> str:
    service = site.store.get(Service, job.service_id)
    name, status = service.name if service else job.service_id, shown(job, site)
    took = "" if job.started is None or job.ended is None else f"{job.ended - job.started:.1f} s"
    queued = " <span class=tag>queued</span>" if job.queued else ""
    return (
        f"<tr><td><code>{job.id}</code></td><td>{escape(name)}</td>"
        f'<td class="{status}">{status}{queued}</td>'
        f"<td>{'' if job.started is None else _date(job.started)}</td>"
        f"<td>{took}</td><td>{escape(job.details)}</td></tr>"
    )


def _nothing(text: str) -> str:
    return f"<p class=nothing>{escape(text)}</p>"


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
