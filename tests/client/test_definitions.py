"""Definitions as the service takes them: read where it reads, large, without a model."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.definitions import (
    changed_since,
    definition_of,
    ensure_twin,
    keep_definition,
    require_readable,
)
from airflow_aml_retrain.client.resource_manager import manager
from airflow_aml_retrain.errors import BadInput, NotConfigured, NotUpdatable, UpdateFailed
from airflow_aml_retrain.wire.blobs import choose_resource
from airflow_aml_retrain.wire.definition import Definition
from airflow_aml_retrain.wire.payloads import LIMIT
from airflow_aml_retrain.wire.transfer import exported
from tests.resources import GROUP, Resources
from tests.world import answers, census_like

ROWS = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]
ELSEWHERE = "DefaultEndpointsProtocol=https;AccountName=elsewhere;AccountKey=a2V5;"


@pytest.fixture
def service(resources: Resources) -> Iterator[Backend]:
    with resources.signed_in(), resources.new_service() as service:
        yield service


def update(backend: Backend, properties: Mapping[str, Any]) -> Definition:
    """The definition once *properties* are merged in."""
    verbs: Any = backend.verbs
    operation = backend.run(verbs.definition.update(properties))
    backend.run(verbs.definition.followed(operation, every=0.1, seen=lambda _: False))
    return definition_of(backend)


def twin_of(resources: Resources, backend: Backend, container: str, name: str) -> bool:
    with manager(resources.settings) as arm:
        return ensure_twin(
            arm,
            resources.store,
            backend.name,
            f"{GROUP}/{name}",
            commitment_plan=resources.plan,
            place=container,
            every=0.1,
            until=9e9,
        )


def test_models_must_lie_where_the_service_reads_them(service: Backend) -> None:
    other = BlobStore(BlobServiceClient.from_connection_string(ELSEWHERE))

    with pytest.raises(NotConfigured, match=r"'devstoreaccount1', and the storage .* 'elsewhere'"):
        require_readable(service, other)


def test_what_a_foreign_hand_changed_is_named_and_what_we_changed_is_not(
    resources: Resources, service: Backend, container: str
) -> None:
    kept = keep_definition(service, resources.store, container)
    (model,) = definition_of(service).serving().models

    update(
        service, {"title": "Somebody was here", "realtimeConfiguration": {"maxConcurrentCalls": 9}}
    )

    changed = changed_since(service, resources.store, kept, but=model)
    assert changed == ("realtimeConfiguration.maxConcurrentCalls", "title")


def test_without_a_trained_model_there_is_nothing_to_update_and_the_assets_are_listed(
    service: Backend,
) -> None:
    assets = dict(definition_of(service).assets)
    modules = {key: asset for key, asset in assets.items() if "Module" in str(asset)}
    assert modules

    definition = update(service, {"assets": modules})

    with pytest.raises(NotUpdatable, match="aml://module/"):
        choose_resource(definition.serving())


def test_of_two_trained_models_one_must_be_named(service: Backend) -> None:
    definition = definition_of(service)
    ((key, asset),) = ((k, a) for k, a in definition.assets.items() if "Resource" in str(a))
    second = {**dict(asset), "name": "Second [trained model]"}  # type: ignore[call-overload] # JSON

    serving = update(service, {"assets": {**definition.assets, f"{key}b": second}}).serving()

    assert choose_resource(serving, "Second [trained model]") == "Second [trained model]"
    with pytest.raises(BadInput, match="expected one updatable resource, got 2"):
        choose_resource(serving)


@pytest.fixture(scope="module")
def large(resources: Resources) -> Iterator[Backend]:
    """A web service whose definition is larger than a request may be."""
    name = f"large-{uuid.uuid4().hex[:8]}"
    with resources.signed_in(), resources.new_service(name) as service:
        row = ["x" * 1000] * 1000
        update(service, {"exampleRequest": {"inputs": {"input1": [row, row]}}})
        # Nothing of more than 3 MB is taken at once, but it adds up.
        described = {**definition_of(service).properties["input"], "description": "x" * 1_500_000}  # type: ignore[dict-item] # JSON
        update(service, {"input": described})
        yield service


def test_the_model_of_a_definition_over_3_mb_is_updated_since_only_the_assets_are_sent(
    resources: Resources, large: Backend, container: str
) -> None:
    verbs: Any = large.verbs
    before = answers(large, ROWS)
    candidate = resources.foundry.candidate("good", census_like(300), container)
    blob = resources.store.reference(*candidate.archive.split("/", 1))

    (resource,) = large.run(verbs.serving()).models
    operation = large.run(verbs.publish(blob, resource))
    large.run(verbs.followed(operation, resource=resource, location=blob.location, every=0.1))

    assert len(exported(definition_of(large))) > LIMIT
    assert answers(large, ROWS) != before


def test_a_twin_with_a_definition_over_3_mb_is_made_by_way_of_a_blob(
    resources: Resources, large: Backend, container: str
) -> None:
    name = f"twin-{uuid.uuid4().hex[:8]}"

    assert twin_of(resources, large, container, name)

    with resources.backend(f"{GROUP}/{name}") as twin:
        assert [blob.size for blob in resources.store.list(container)] > [LIMIT]
        assert answers(twin, ROWS) == answers(large, ROWS)


def test_a_twin_whose_creation_failed_is_made_by_the_next_try(
    resources: Resources, service: Backend, container: str
) -> None:
    name = f"twin-{uuid.uuid4().hex[:8]}"
    resources.emulator.control.fail_next(
        {"fail_operation": "no such plan"}, plane="resources", method="PUT", path=name
    )
    with pytest.raises(UpdateFailed, match="no such plan"):
        twin_of(resources, service, container, name)

    assert twin_of(resources, service, container, name)

    with resources.backend(f"{GROUP}/{name}") as twin:
        assert answers(twin, ROWS) == answers(service, ROWS)


def test_a_twin_may_hold_another_model_and_another_title_and_is_left_as_it_is(
    resources: Resources, service: Backend, container: str
) -> None:
    name = f"twin-{uuid.uuid4().hex[:8]}"
    twin_of(resources, service, container, name)
    candidate = resources.foundry.candidate("good", census_like(300), container)
    place = split_path(candidate.archive)
    with resources.backend(f"{GROUP}/{name}") as twin:
        verbs: Any = twin.verbs
        (resource,) = twin.run(verbs.serving()).models
        operation = twin.run(verbs.publish(resources.store.reference(*place)))
        twin.run(
            verbs.followed(operation, resource=resource, location=candidate.location, every=0.1)
        )
        update(twin, {"title": "For nobody's use"})

        assert not twin_of(resources, service, container, name)
        assert twin.run(verbs.serving()).models[resource].location == candidate.location


def test_a_twin_that_answers_by_another_pipeline_is_refused_and_what_differs_is_said(
    resources: Resources, service: Backend, container: str
) -> None:
    name = f"twin-{uuid.uuid4().hex[:8]}"
    twin_of(resources, service, container, name)
    with resources.backend(f"{GROUP}/{name}") as twin:
        other = {**definition_of(twin).properties["input"], "description": "Another"}  # type: ignore[dict-item] # JSON
        update(twin, {"input": other})

    with pytest.raises(NotConfigured, match=r"differs from .* in input.description: .* Delete it"):
        twin_of(resources, service, container, name)
