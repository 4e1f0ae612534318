"""
Publishing a new web service, which the real Studio does from an experiment and we do from a CSV.

Law: what is published goes the way of a PUT, by an operation that takes no time, so that a
published definition and one put through the API come to the same.
"""

import uuid

from airflow_aml_retrain.emulator import plans, resources, tables, templates
from airflow_aml_retrain.emulator.definitions import Properties
from airflow_aml_retrain.emulator.messages import DefinitionWish
from airflow_aml_retrain.emulator.models import Recipe
from airflow_aml_retrain.emulator.operations import Operations
from airflow_aml_retrain.emulator.records import CommitmentPlan, Kind, WebService
from airflow_aml_retrain.emulator.refusals import Refusal
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.storage import ASSETS
from airflow_aml_retrain.emulator.tables import BadData, Table
from airflow_aml_retrain.emulator.views import STABLE


def definition_of(site: Site, operations: Operations, wish: DefinitionWish) -> WebService:
    """A new web service as *wish* says, or the one of that id."""
    provider = (
        f"/subscriptions/{wish.subscription_id}/resourceGroups/{wish.resource_group}"
        "/providers/Microsoft.MachineLearning"
    )
    path = f"{provider}/webServices/{wish.name}"
    operations.settle(path.lower())
    found = site.store.get(WebService, path.lower())
    if found is not None:
        return found
    plan = _plan(site, f"{provider}/commitmentPlans/plan", wish.location)
    try:
        wanted = _properties(site, wish, plan)
    except BadData as exc:
        raise Refusal(400, exc.code, exc.message) from exc
    made = resources.new(
        site.clock(), path, wanted, location=wish.location, tags={}, plan=plan.path
    )
    site.store.add(made)
    operations.at_once(made, STABLE, wanted)
    return site.store.get(WebService, made.id) or made


def _plan(site: Site, path: str, location: str) -> CommitmentPlan:
    found = site.store.get(CommitmentPlan, path.lower())
    return found or plans.made(site, path, location, dict(plans.S1), {})


def _properties(site: Site, wish: DefinitionWish, plan: CommitmentPlan) -> Properties:
    table = tables.parse(wish.training_csv.encode())
    told: Properties = {
        "packageType": "Graph",
        "title": wish.name,
        "description": "",
        "readOnly": False,
        "exposeSampleData": True,
        "realtimeConfiguration": {"maxConcurrentCalls": 20},
        "diagnostics": {"level": "None"},
        "storageAccount": {"name": site.storage.account, "key": site.storage.key},
        "machineLearningWorkspace": {"id": uuid.uuid5(uuid.NAMESPACE_URL, plan.id).hex},
        "commitmentPlan": {"id": plan.path},
    }
    if wish.kind is Kind.TRAINING:
        return told | templates.training(table, wish.task, wish.label)
    return told | _scoring(site, wish, table)


def _scoring(site: Site, wish: DefinitionWish, table: Table) -> Properties:
    recipe = Recipe(wish.task, wish.label)
    trained = site.trainer.learn(wish.training_csv.encode(), recipe)
    place = site.storage.own(ASSETS, f"{uuid.uuid4().hex}.ilearner")
    site.storage.write(place, trained.model)
    name = wish.resource_name or f"{wish.name}{chr(0xA0) if wish.nbsp else ' '}[trained model]"
    uri = place.base + place.relative
    return templates.scoring(table, wish.task, wish.label, name, uri)
