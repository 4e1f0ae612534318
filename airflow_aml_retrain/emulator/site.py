"""Everything with an effect that the routes need, in one value."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

from airflow_aml_retrain.emulator.models import Recipe, Trained
from airflow_aml_retrain.emulator.records import Endpoint
from airflow_aml_retrain.emulator.refusals import bad_argument
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from airflow_aml_retrain.emulator.storage import Storage
from airflow_aml_retrain.emulator.store import Store
from airflow_aml_retrain.emulator.work import Failure, Order

Clock = Callable[[], float]


class Trainer(Protocol):
    """Who trains: worker processes, or what a test puts in their place."""

    def submit(self, order: Order, done: Callable[[Failure | None], None]) -> Future[object]: ...
    def learn(self, data: bytes, recipe: Recipe) -> Trained: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Site:
    settings: EmulatorSettings
    store: Store
    trainer: Trainer
    storage: Storage
    clock: Clock

    def url(self, request: Request) -> str:
        """How the client of *request* reaches us, without a slash at the end."""
        return (self.settings.public_url or str(request.base_url)).rstrip("/")

    def api_location(self, request: Request, endpoint: Endpoint) -> str:
        path = f"/{endpoint.holder}/{endpoint.workspace_id}/services/{endpoint.id}"
        return self.url(request) + path


async def body_of(request: Request) -> bytes:
    """The body; refused where it is larger than the service takes."""
    site: Site = request.app.state.site
    largest = site.settings.gaps.largest_request
    if int(request.headers.get("content-length") or 0) > largest:
        raise bad_argument("RequestBodyInvalid")
    return await request.body()
