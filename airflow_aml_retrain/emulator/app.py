"""
The application: every route of every plane, over what it is given.

`ROUTES` says what is emulated; everything else answers 501 with the name of what is missing.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from airflow_aml_retrain.emulator import (
    acceptance,
    control,
    data_plane,
    identity,
    lists,
    management,
    page,
    plans,
    resources,
)
from airflow_aml_retrain.emulator.answers import Json
from airflow_aml_retrain.emulator.batch import Batch
from airflow_aml_retrain.emulator.dispatch import Dispatcher
from airflow_aml_retrain.emulator.doors import INTERNAL
from airflow_aml_retrain.emulator.endpoints import Endpoints
from airflow_aml_retrain.emulator.faults import Faults, plane_of
from airflow_aml_retrain.emulator.front import Front, Journal
from airflow_aml_retrain.emulator.letterhead import Letterhead
from airflow_aml_retrain.emulator.operations import Operations
from airflow_aml_retrain.emulator.refusals import Answer, Refusal, not_emulated, refusal
from airflow_aml_retrain.emulator.scoring import Scorer
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from airflow_aml_retrain.emulator.site import Clock, Site, Trainer
from airflow_aml_retrain.emulator.storage import Storage, Unreadable
from airflow_aml_retrain.emulator.store import Store

ROUTERS: Final = (
    data_plane.router,
    management.router,
    resources.router,
    lists.router,
    plans.router,
    identity.router,
    control.router,
    page.router,
)

ROUTES: Final = tuple(
    f"{method} {route.path}"
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
)
"""Every route as "METHOD /path", for the table in the README."""

MISSING: Final = {
    r"/subscriptions/.*/workspaces.*": "workspaces of Azure Resource Manager",
    r"/subscriptions/[^/]+(/resourcegroups(/[^/]+)?)?": (
        "subscriptions and resource groups of Azure Resource Manager"
    ),
    r"/subscriptions/.*/commitmentassociations.*": "commitment associations",
    r"/subscriptions/.*": "this resource of Azure Resource Manager",
    r"/providers/.*": "what resource providers can do",
    r"/workspaces/[^/]+/services/[^/]+/score": "RRS of version 1",
    r"/workspaces/[^/]+/webservices/[^/]+": "publishing code as a web service",
    r"/(apihelp|apidocument)/.*": "help pages",
    r"/(api|Home)/.*": "Studio itself: experiments, datasets, deployment",
}
"""What is not emulated, by its path."""


def create_app(
    settings: EmulatorSettings, *, store: Store, trainer: Trainer, storage: Storage, clock: Clock
) -> Front:
    """The emulator over *store*, *trainer*, *storage* and *clock* (seconds since the epoch)."""
    site = Site(settings, store, trainer, storage, clock)
    dispatcher, operations = Dispatcher(site), Operations(site)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        storage.make_ready()
        dispatcher.resume()
        operations.resume()
        yield
        trainer.close()
        store.close()

    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        default_response_class=Json,
    )
    app.state.site = site
    app.state.batch = Batch(site, dispatcher)
    app.state.scorer = Scorer(site)
    app.state.endpoints = Endpoints(site)
    app.state.operations = operations
    app.state.faults, app.state.journal = Faults(), Journal()
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(Unreadable, _storage_away)
    app.add_exception_handler(404, _unknown)
    app.add_exception_handler(405, _unknown)
    app.add_exception_handler(Exception, _broken)
    return Front(app, app.state.faults, app.state.journal, Letterhead(clock))


async def _refused(_: Request, exc: Exception) -> Json:
    if not isinstance(exc, Refusal):
        raise exc
    return Json(exc.body, exc.status, exc.headers)


async def _storage_away(request: Request, _: Exception) -> Json:
    """Our own account does not answer: the service's own 503."""
    said = refusal(Answer("ServiceUnavailable", "NoMoreResources"))
    return await _refused(request, said)


async def _unknown(request: Request, _: Exception) -> Json:
    path = request.url.path
    if _is_internal(request):
        return await _refused(request, acceptance.unauthorized())
    line = f"{request.method} {path}"
    missing = [what for where, what in MISSING.items() if re.fullmatch(where, path, re.IGNORECASE)]
    said = not_emulated(f"{missing[0]} ({line})" if missing else line)
    return await _refused(request, said)


def _is_internal(request: Request) -> bool:
    """Tell whether *request* was meant for a host inside the service, whose paths nobody knows."""
    path, version = request.url.path, request.query_params.get("api-version")
    is_resource = plane_of(path) == "resources" or "/operationsstatus/" in path.lower()
    return version == INTERNAL and is_resource


async def _broken(request: Request, _: Exception) -> Json:
    """A fault of ours, which the log tells in full."""
    return await _refused(request, refusal(Answer("InternalError", "UnknownError")))
