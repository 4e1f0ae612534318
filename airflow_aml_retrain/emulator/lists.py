"""
Lists of web services, page by page, and what the resource provider says of itself.

A `$skiptoken` names the last item before it, so a page follows its predecessor whatever was
deleted meanwhile. Where a token leads that is not ours is not known: to the first page.
"""

import base64
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request

from airflow_aml_retrain.emulator import doors, views
from airflow_aml_retrain.emulator.doors import operations_of, site_of, version_of
from airflow_aml_retrain.emulator.records import WebService

router = doors.router()

_PROVIDER: Final = "/providers/Microsoft.MachineLearning"
_TYPES: Final = Path(__file__).with_name("resource_types.json")


@router.get("/subscriptions/{subscription}/resourceGroups/{group}" + _PROVIDER + "/webServices")
def in_group(request: Request, subscription: str, group: str) -> dict[str, Any]:
    return _page(request, subscription, group)


@router.get("/subscriptions/{subscription}" + _PROVIDER + "/webServices")
def in_subscription(request: Request, subscription: str) -> dict[str, Any]:
    return _page(request, subscription)


@router.get("/subscriptions/{subscription}" + _PROVIDER)
def provider(subscription: str) -> dict[str, Any]:
    """Asked of Azure itself, which has api-versions of its own."""
    known: dict[str, Any] = json.loads(_TYPES.read_text(encoding="utf-8"))
    return {"id": f"/subscriptions/{subscription}{_PROVIDER}"} | known


def _page(request: Request, subscription: str, group: str | None = None) -> dict[str, Any]:
    site, version = site_of(request), version_of(request, "webServices")
    rest = _after(_listed(request, subscription, group), request.query_params.get("$skiptoken"))
    page = rest[: site.settings.page_size]
    url = site.url(request)
    said: dict[str, Any] = {"value": [views.listed(web, version, url) for web in page]}
    if len(rest) > len(page):
        token = quote(_token(page[-1]), safe="")
        query = f"api-version={version}&%24skiptoken={token}"
        said["nextLink"] = f"{url}{request.url.path}?{query}"
    return said


def _listed(request: Request, subscription: str, group: str | None) -> list[WebService]:
    store = site_of(request).store
    for web in store.all(WebService, subscription.lower()):
        operations_of(request).settle_service(web.guid)
    found = sorted(store.all(WebService, subscription.lower()), key=_place)
    return [web for web in found if group is None or web.group.lower() == group.lower()]


def _place(web: WebService) -> tuple[float, str]:
    return web.created, web.id


def _token(web: WebService) -> str:
    return base64.b64encode(json.dumps(_place(web)).encode()).decode()


def _after(webs: list[WebService], token: str | None) -> list[WebService]:
    try:
        created, number = json.loads(base64.b64decode(token or "", validate=True))
        return [web for web in webs if _place(web) > (float(created), str(number))]
    except (ValueError, TypeError):
        return webs
