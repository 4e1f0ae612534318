"""
Publishing a web service, which the real Studio does from an experiment and we do from a CSV.

A scoring service is published with a model trained at once; a training service needs its CSV
only for the columns. Both get a default endpoint.
"""

import uuid

from airflow_aml_retrain.emulator import tables
from airflow_aml_retrain.emulator.dispatch import SEED
from airflow_aml_retrain.emulator.endpoints import new_key
from airflow_aml_retrain.emulator.messages import Publication
from airflow_aml_retrain.emulator.models import Recipe
from airflow_aml_retrain.emulator.records import Endpoint, Kind, ModelVersion, Service, Workspace
from airflow_aml_retrain.emulator.refusals import Refusal
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.storage import ASSETS
from airflow_aml_retrain.emulator.tables import BadData

DEFAULT_ENDPOINT = "default"
"""The name of every service's default endpoint."""


def workspace(
    site: Site, workspace_id: str | None, name: str | None, token: str | None
) -> Workspace:
    """A new workspace, or the one of that id."""
    found = site.store.get(Workspace, workspace_id) if workspace_id else None
    if found is not None:
        return found
    made = Workspace(
        id=workspace_id or uuid.uuid4().hex,
        name=name or "Workspace",
        token=token or uuid.uuid4().hex,
        created=site.clock(),
    )
    site.store.add(made)
    return made


def service(site: Site, workspace_id: str, wanted: Publication) -> Service:
    """A new service with its default endpoint, or the one of that id."""
    found = site.store.get(Service, wanted.web_service_id) if wanted.web_service_id else None
    if found is not None:
        return found
    try:
        made = _service(site, workspace_id, wanted)
    except BadData as exc:
        raise Refusal(400, exc.code, exc.message) from exc
    site.store.add(made)
    site.store.add(_default_endpoint(site, made))
    return made


def default_endpoint(site: Site, service_id: str) -> Endpoint:
    return next(e for e in site.store.all(Endpoint, service_id) if e.is_default)


def _service(site: Site, workspace_id: str, wanted: Publication) -> Service:
    data = wanted.training_csv.encode()
    table = tables.parse(data) if data else {}
    blank = "\u00a0" if wanted.nbsp else " "
    return Service(
        id=wanted.web_service_id or uuid.uuid4().hex,
        workspace_id=workspace_id,
        name=wanted.name,
        kind=wanted.kind,
        task=wanted.task,
        label=wanted.label,
        resource_name=wanted.resource_name or f"{wanted.name}{blank}[trained model]",
        input_name=wanted.input,
        output_names=tuple(wanted.outputs or _OUTPUTS[wanted.kind]),
        parameters=_parameters(wanted),
        schema=tuple((name, tables.type_of(values)) for name, values in table.items()),
        example=tuple(values[0] for values in table.values()),
        model=_model(site, data, wanted) if wanted.kind is Kind.SCORING else None,
        created=site.clock(),
    )


_OUTPUTS = {Kind.TRAINING: ["output1", "output2"], Kind.SCORING: ["output1"]}


def _parameters(wanted: Publication) -> dict[str, str | None]:
    if wanted.parameters is not None:
        return wanted.parameters
    return {SEED: "0"} if wanted.kind is Kind.TRAINING else {}


def _model(site: Site, data: bytes, wanted: Publication) -> ModelVersion:
    trained = site.trainer.learn(data, Recipe(wanted.task, wanted.label))
    asset = f"{uuid.uuid4().hex}.ilearner"
    place = site.storage.own(ASSETS, asset)
    site.storage.write(place, trained.model)
    return ModelVersion(base=place.base, relative=place.relative, asset=asset, live_from=0.0)


def _default_endpoint(site: Site, made: Service) -> Endpoint:
    return Endpoint(
        id=uuid.uuid4().hex,
        service_id=made.id,
        workspace_id=made.workspace_id,
        name=DEFAULT_ENDPOINT,
        is_default=True,
        primary_key=new_key(),
        secondary_key=new_key(),
        versions=() if made.model is None else (made.model,),
        created=site.clock(),
    )
