"""
Commitment plans, as far as a new web service needs one: put, get, head, delete, list.

Nothing is counted and nothing is billed. The numbers of S1 are recorded ones; another size says
the same.
"""

import uuid
from typing import Any, Final

from fastapi import Request, Response

from airflow_aml_retrain.emulator import acceptance, doors
from airflow_aml_retrain.emulator.definitions import member
from airflow_aml_retrain.emulator.doors import Body, site_of, version_of
from airflow_aml_retrain.emulator.records import CommitmentPlan
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.views import PREVIEW, date

router = doors.router()

_KIND: Final = "commitmentPlans"
_PROVIDER: Final = "/providers/Microsoft.MachineLearning/commitmentPlans"
_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{group}"
_PLAN: Final = _GROUP + _PROVIDER + "/{name}"

S1: Final = {"name": "S1", "tier": "Standard", "capacity": 1}


@router.put(_PLAN)
def put(request: Request, subscription: str, group: str, name: str, body: Body) -> dict[str, Any]:
    """200 for a new one, too: so it was recorded."""
    version_of(request, _KIND, (PREVIEW,))
    sent = acceptance.document(body)
    location, sku = acceptance.location_of(sent), member(sent, "sku")
    if not isinstance(sku, dict):
        raise acceptance.invalid("SkuMissing", "The member sku is required.")
    path = f"/subscriptions/{subscription}/resourceGroups/{group}{_PROVIDER}/{name}"
    tags = acceptance.tags_of(sent) or {}
    return _shown(made(site_of(request), path, location, sku, tags))


def made(
    site: Site, path: str, location: str, sku: dict[str, Any], tags: dict[str, str]
) -> CommitmentPlan:
    """The plan at *path*, new or changed."""
    found, now = site.store.get(CommitmentPlan, path.lower()), site.clock()
    plan = CommitmentPlan(
        path=found.path if found else path,
        subscription_id=path.split("/")[2],
        name=found.name if found else path.rpartition("/")[2],
        location=location,
        etag=f"{uuid.uuid4().hex[:8]}-0000-0000-0000-{int(now):08x}0000",
        created=found.created if found else now,
        sku=sku,
        tags=tags,
    )
    if found is None:
        site.store.add(plan)
    else:
        site.store.change(CommitmentPlan, plan.id, lambda _: plan)
    return plan


@router.get(_PLAN)
def get(request: Request, subscription: str, group: str, name: str) -> dict[str, Any]:
    version_of(request, _KIND, (PREVIEW,))
    found = site_of(request).store.get(CommitmentPlan, _id(subscription, group, name))
    if found is None:
        message = f"No Commitment Plan could be found with the provided name: {name}."
        raise acceptance.no_such("CommitmentPlanNotFound", message)
    return _shown(found)


@router.head(_PLAN)
def head(request: Request, subscription: str, group: str, name: str) -> Response:
    version_of(request, _KIND, (PREVIEW,))
    found = site_of(request).store.get(CommitmentPlan, _id(subscription, group, name))
    return doors.there(is_there=found is not None)


@router.delete(_PLAN)
def delete(request: Request, subscription: str, group: str, name: str) -> Response:
    version_of(request, _KIND, (PREVIEW,))
    site_of(request).store.remove(CommitmentPlan, _id(subscription, group, name))
    return Response(status_code=200)


@router.get(_GROUP + _PROVIDER)
def in_group(request: Request, subscription: str, group: str) -> dict[str, Any]:
    prefix = _id(subscription, group, "")
    plans = _plans(request, subscription)
    return {"value": [_shown(plan) for plan in plans if plan.id.startswith(prefix)]}


@router.get("/subscriptions/{subscription}" + _PROVIDER)
def in_subscription(request: Request, subscription: str) -> dict[str, Any]:
    return {"value": [_shown(plan) for plan in _plans(request, subscription)]}


def _plans(request: Request, subscription: str) -> list[CommitmentPlan]:
    version_of(request, _KIND, (PREVIEW,))
    return site_of(request).store.all(CommitmentPlan, subscription.lower())


def _id(subscription: str, group: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}{_PROVIDER}/{name}".lower()


def _shown(plan: CommitmentPlan) -> dict[str, Any]:
    return {
        "etag": plan.etag,
        "id": plan.path,
        "location": plan.location,
        "name": plan.name,
        "properties": {
            "chargeForOverage": True,
            "chargeForPlan": True,
            "creationDate": date(plan.created),
            "includedQuantities": _QUANTITIES,
            "maxAssociationLimit": 10000,
            "maxCapacityLimit": 10,
            "minCapacityLimit": 1,
            "planMeter": "4a5a4b83-6216-47c5-b3db-fe430fa6e2c3",
            "refillFrequencyInDays": 30,
            "suspendPlanOnOverage": False,
        },
        "sku": plan.sku,
        "tags": plan.tags,
        "type": "Microsoft.MachineLearning/commitmentPlans",
    }


_QUANTITIES: Final = {
    "machineLearningWebServiceComputeHours": {
        "allowance": 25.0,
        "amount": 0.0,
        "includedQuantityMeter": "29187de1-b4a1-4503-a6f6-078271b3fc9d",
        "overageMeter": "842f92f7-a46b-4522-ac62-8134271dc591",
    },
    "machineLearningWebServiceTransactions": {
        "allowance": 100000.0,
        "amount": 0.0,
        "includedQuantityMeter": "303743b6-4cd0-44df-8ec2-a93c8f14943b",
        "overageMeter": "c906e161-98b8-41b1-81e2-b59e0b263740",
    },
}
