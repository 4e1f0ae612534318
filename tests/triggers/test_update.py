"""What waiting for an update promises: any end is told once, with what the task carried along."""

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.errors import WireError
from airflow_aml_retrain.triggers.update import UpdateTrigger, carried_by
from tests.resources import Resources
from tests.world import census_like

CARRIED = {"before": "container/definition.json"}


@pytest.fixture
def service(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    for name, value in {**resources.connections(), **resources.identity}.items():
        monkeypatch.setenv(name, value)
    with resources.new_service() as service:
        yield service
    resources.emulator.control.clear_faults()


@pytest.fixture
def update(resources: Resources, service: Backend, container: str) -> Any:
    """Begins an update of *service*, and returns the trigger that waits for its end."""
    candidate = resources.foundry.candidate("good", census_like(300), container)
    blob = resources.store.reference(*candidate.archive.split("/", 1))

    def begun(fault: dict[str, object] | None = None, deadline: float = 9e9) -> UpdateTrigger:
        if fault:
            resources.emulator.control.fail_next(fault, plane="resources", method="PATCH")
        (resource,) = service.run(service.verbs.serving()).models
        return UpdateTrigger(
            service.run(service.verbs.publish(blob, resource)),
            resource=resource,
            location=candidate.location,
            conn_id="azure_default",
            service=service.name,
            poll_interval=0.1,
            deadline=deadline,
            carried=CARRIED,
        )

    return begun


async def told(trigger: UpdateTrigger) -> tuple[str, dict[str, Any]]:
    (event,) = [event async for event in trigger.run()]
    return carried_by(event.payload)


async def test_an_update_that_ended_is_told_with_what_was_carried(update: Any) -> None:
    assert await told(update()) == ("", CARRIED)


async def test_an_update_that_failed_is_told_with_the_services_reason(update: Any) -> None:
    trouble, carried = await told(update({"fail_operation": "no such package"}))

    assert "no such package" in trouble
    assert carried == CARRIED


async def test_an_update_that_hangs_is_told_when_its_time_is_up(update: Any) -> None:
    trouble, carried = await told(update({"hang_operation": True}, deadline=1.0))

    assert "deadline" in trouble
    assert carried == CARRIED


async def test_an_outage_ends_nothing(update: Any, resources: Resources) -> None:
    trigger = update()
    resources.emulator.control.fail_next({"status": 503}, plane="resources", path="/operations")

    assert await told(trigger) == ("", CARRIED)


async def test_what_the_operation_says_beyond_its_protocol_is_told(
    update: Any, resources: Resources
) -> None:
    trigger = update()
    resources.emulator.control.fail_next({"status": 501}, plane="resources", path="/operations")

    trouble, carried = await told(trigger)

    assert "/operationsStatus/" in trouble
    assert "got 501" in trouble
    assert carried == CARRIED


@pytest.mark.parametrize("event", [None, {}, {"trouble": "", "carried": []}])
def test_an_event_that_is_none_of_ours_is_not_believed(event: object) -> None:
    with pytest.raises(WireError, match="expected the end of an update"):
        carried_by(event)
