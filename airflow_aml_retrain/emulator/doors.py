"""
The way into the Resource Manager plane: paths in any case, an api-version, a token.

Law: whatever says api-version 2.0 here was meant for a host inside the service, which lets no
client in.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from airflow_aml_retrain.emulator import acceptance, tokens
from airflow_aml_retrain.emulator.front import DEED
from airflow_aml_retrain.emulator.messages import Deed
from airflow_aml_retrain.emulator.operations import Operations
from airflow_aml_retrain.emulator.records import WebService
from airflow_aml_retrain.emulator.site import Site

INTERNAL = "2.0"
"""The api-version of a host inside the service."""


class _AnyCase(APIRoute):
    """A route whose words may be written in capitals or not, as Azure takes them."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        self.path_regex = re.compile(self.path_regex.pattern, re.IGNORECASE)


def guard(request: Request) -> None:
    """Refuse who is not let in."""
    if request.query_params.get("api-version") == INTERNAL:
        raise acceptance.unauthorized()
    tokens.require(site_of(request), request)


def router() -> APIRouter:
    return APIRouter(route_class=_AnyCase, dependencies=[Depends(guard)])


async def _any_body(request: Request) -> bytes:
    """The body; the routes say themselves what is too large."""
    return await request.body()


Body = Annotated[bytes, Depends(_any_body)]


def there(*, is_there: bool) -> Response:
    """What HEAD is answered with, which asks whether a resource is there."""
    return Response(status_code=204 if is_there else 404)


def site_of(request: Request) -> Site:
    return cast("Site", request.app.state.site)


def operations_of(request: Request) -> Operations:
    return cast("Operations", request.app.state.operations)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request about one web service, which need not be there."""

    request: Request
    path: str
    name: str

    @property
    def site(self) -> Site:
        return site_of(self.request)

    @property
    def operations(self) -> Operations:
        return operations_of(self.request)

    @property
    def deed(self) -> Deed:
        return cast("Deed", self.request.scope[DEED])

    @property
    def url(self) -> str:
        return self.site.url(self.request)

    @property
    def found(self) -> WebService | None:
        """The web service as it is now, what has come to its end having ended."""
        self.operations.settle(self.path.lower())
        return self.site.store.get(WebService, self.path.lower())

    @property
    def known(self) -> WebService:
        """The web service, or its 404."""
        found = self.found
        if found is None:
            raise acceptance.no_service(self.name)
        return found


def _asked(request: Request, subscription: str, group: str, name: str) -> Asked:
    where = f"/subscriptions/{subscription}/resourceGroups/{group}"
    path = f"{where}/providers/Microsoft.MachineLearning/webServices/{name}"
    return Asked(request, path, name)


AskedOf = Annotated[Asked, Depends(_asked)]


def version_of(request: Request, kind: str, known: tuple[str, ...] = acceptance.VERSIONS) -> str:
    return acceptance.require_version(kind, request.query_params.get("api-version"), known)
