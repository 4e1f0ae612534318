"""What the anchor's endpoint promises when two tasks, or two tries of one, are at it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from airflow_aml_retrain.client.anchor import AnchorEndpoint
from airflow_aml_retrain.client.archive import Archive
from airflow_aml_retrain.client.claims import Claims
from airflow_aml_retrain.client.publisher import Publisher
from airflow_aml_retrain.errors import LeaseHeld, UnexpectedAnswer
from airflow_aml_retrain.wire.champion import Model
from tests.world import World, answers, census_like

ROWS: Final = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


@pytest.fixture
def endpoint(world: World, container: str) -> Iterator[AnchorEndpoint]:
    with world.new_endpoint("anchor") as backend:
        [resource] = backend.run(backend.verbs.resources()).models
        archive = Archive(world.store, container)
        yield AnchorEndpoint(
            Publisher(backend, world.store, resource, archive, every=0.1),
            Claims(world.store, container),
            holder="run 1",
            within=0.3,
            working=60.0,
        )
    world.emulator.control.clear_faults()


@pytest.fixture
def anchor(world: World, container: str) -> Model:
    return world.candidate("good", census_like(300), container)


def test_what_lies_there_already_is_left_alone(endpoint: AnchorEndpoint, anchor: Model) -> None:
    location, placed = endpoint.put(anchor, rows=ROWS)
    assert placed
    endpoint.see(placed, location, rows=ROWS, every=0.1)

    assert endpoint.put(anchor, rows=ROWS) == (location, None)


def test_the_first_champion_is_what_the_service_was_published_with(
    endpoint: AnchorEndpoint, anchor: Model
) -> None:
    before = answers(endpoint.backend, ROWS)
    published = endpoint.backend.run(endpoint.backend.verbs.published())
    first = published.models[endpoint.publisher.resource].location
    endpoint.put(anchor, rows=ROWS)
    assert answers(endpoint.backend, ROWS) != before

    location, _ = endpoint.put(Model(location=first), rows=ROWS)

    assert location == first
    assert answers(endpoint.backend, ROWS) == before


def test_while_one_task_puts_it_there_another_waits(
    endpoint: AnchorEndpoint, anchor: Model
) -> None:
    endpoint.put(anchor, rows=ROWS)

    with pytest.raises(LeaseHeld, match="run 1"):
        replace(endpoint, holder="run 2").put(anchor, rows=ROWS)


def test_a_try_that_died_before_it_saw_the_anchor_answer_is_taken_up_and_waited_out(
    endpoint: AnchorEndpoint, anchor: Model
) -> None:
    location, _ = endpoint.put(anchor, rows=ROWS)

    again, placed = endpoint.put(anchor, rows=ROWS)

    assert placed
    assert placed.again
    assert again == location


def test_a_change_that_was_refused_keeps_others_waiting_no_longer_than_it_could_spread(
    world: World, endpoint: AnchorEndpoint, anchor: Model
) -> None:
    world.emulator.control.fail_next({"status": 400}, method="PATCH", path="/endpoints/")
    with pytest.raises(UnexpectedAnswer):
        endpoint.put(anchor, rows=ROWS)

    later = endpoint.publisher.clock() + endpoint.within
    assert endpoint.claims.holder(endpoint.backend.uri, now=later) == ""
