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

from airflow_aml_retrain.emulator import control, data_plane, management, page
from airflow_aml_retrain.emulator.answers import Json
from airflow_aml_retrain.emulator.batch import Batch
from airflow_aml_retrain.emulator.dispatch import Dispatcher
from airflow_aml_retrain.emulator.endpoints import Endpoints
from airflow_aml_retrain.emulator.faults import Faults
from airflow_aml_retrain.emulator.front import Front, Journal
from airflow_aml_retrain.emulator.refusals import Answer, Refusal, not_emulated, refusal
from airflow_aml_retrain.emulator.scoring import Scorer
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from airflow_aml_retrain.emulator.site import Clock, Site, Trainer
from airflow_aml_retrain.emulator.storage import Storage, Unreadable
from airflow_aml_retrain.emulator.store import Store

ROUTERS: Final = (data_plane.router, management.router, control.router, page.router)

ROUTES: Final = tuple(
    f"{method} {route.path}"
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
)
"""Every route as "METHOD /path", for the table in the README."""

MISSING: Final = {
    r"/subscriptions/.*": "new web services and workspaces of Azure Resource Manager",
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
    dispatcher = Dispatcher(site)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        storage.make_ready()
        dispatcher.resume()
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
    app.state.faults, app.state.journal = Faults(), Journal()
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(Unreadable, _storage_away)
    app.add_exception_handler(404, _unknown)
    app.add_exception_handler(405, _unknown)
    app.add_exception_handler(Exception, _broken)
    return Front(app, app.state.faults, app.state.journal)


async def _refused(_: Request, exc: Exception) -> Json:
    if not isinstance(exc, Refusal):
        raise exc
    return Json(exc.body, exc.status)


async def _storage_away(request: Request, _: Exception) -> Json:
    """Our own account does not answer: the service's own 503."""
    said = refusal(Answer("ServiceUnavailable", "NoMoreResources"))
    return await _refused(request, said)


async def _unknown(request: Request, _: Exception) -> Json:
    path = request.url.path
    line = f"{request.method} {path}"
    missing = [name for pattern, name in MISSING.items() if re.fullmatch(pattern, path)]
    said = not_emulated(f"{missing[0]} ({line})" if missing else line)
    return await _refused(request, said)


async def _broken(request: Request, _: Exception) -> Json:
    """A fault of ours, which the log tells in full."""
    return await _refused(request, refusal(Answer("InternalError", "UnknownError")))
