"""A record is written once, in its place in the chain, whoever races, dies or is tried again."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local
from typing import TYPE_CHECKING

import pytest

from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.chain import Chain
from airflow_aml_retrain.errors import GateError, ServiceUnavailable
from airflow_aml_retrain.gate.records.chain import Entry, Summary
from airflow_aml_retrain.gate.records.record import DecisionRecord

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

ENDPOINT = "azureml-studio://host/workspaces/w/webservices/s/endpoints/e"
SUMMARY = Summary("auc", 0.8, 0.7, 0.9)


class Dying(BlobStore):
    """Storage whose worker is lost before it can write a decision record."""

    def put_document(
        self, container: str, path: str, data: bytes, *, etag: str | None, lease: str | None = None
    ) -> str:
        if "/decisions/" in path:
            msg = "the worker was killed"
            raise ServiceUnavailable(msg)
        return super().put_document(container, path, data, etag=etag, lease=lease)


@pytest.fixture
def store(blob_service: "BlobServiceClient") -> BlobStore:
    return BlobStore(blob_service)


@pytest.fixture
def chain(store: BlobStore, container: str) -> Chain:
    return Chain(store, f"{container}/records", ENDPOINT)


def decision(number: int) -> DecisionRecord:
    body = {"verdict": "REJECT", "headline": f"REJECT: run {number}.", "models": {}}
    return DecisionRecord(body, {"run_id": f"run {number}"})


def appended(
    chain: Chain, number: int, *, at: str = "noon", then: Callable[[], object] = str
) -> tuple[Entry, DecisionRecord]:
    """Append the decision *number*; *then* is done between reading the chain and writing it."""

    def place_for(mark: str) -> str:
        then()
        return f"{chain.place}/decisions/{mark[:16]}.json"

    return chain.append(
        decision(number),
        key=f"run {number}",
        place_for=place_for,
        decided_at=at,
        summary=SUMMARY,
    )


def stored(chain: Chain, place: str) -> bytes:
    return chain.store.read(*split_path(place))


def test_a_record_lies_at_its_place_and_says_what_came_before(chain: Chain) -> None:
    first, _ = appended(chain, 1)
    second, record = appended(chain, 2, at="night")

    assert DecisionRecord.from_json(stored(chain, second.place)) == record
    assert record.envelope == {
        "run_id": "run 2",
        "decided_at": "night",
        "previous": first.place,
        "previous_chain_sha256": first.chain_sha256,
        "chain_sha256": second.chain_sha256,
        "history": [
            {
                "decided_at": when,
                "verdict": "REJECT",
                "headline": f"REJECT: run {number}.",
                "metric": "auc",
                "value": 0.8,
                "low": 0.7,
                "high": 0.9,
            }
            for number, when in ((1, "noon"), (2, "night"))
        ],
    }
    assert chain.read().entries == (first, second)
    assert chain.breaks() == ()


def test_the_first_record_has_nothing_before_it(chain: Chain) -> None:
    _, record = appended(chain, 1)

    assert (record.envelope["previous"], record.envelope["previous_chain_sha256"]) == (None, None)


def test_a_retry_finds_its_entry_and_its_record_and_changes_nothing(chain: Chain) -> None:
    first = appended(chain, 1)
    appended(chain, 2)
    before = (stored(chain, chain.document), stored(chain, first[0].place))

    again = appended(chain, 1, at="later")

    assert again == first
    assert (stored(chain, chain.document), stored(chain, first[0].place)) == before


def test_a_writer_that_dies_before_its_record_is_made_good_by_its_retry(
    chain: Chain, blob_service: "BlobServiceClient"
) -> None:
    appended(chain, 1)
    with pytest.raises(ServiceUnavailable, match="killed"):
        appended(Chain(Dying(blob_service), chain.place, ENDPOINT), 2)
    appended(chain, 3)
    [broken] = chain.breaks()
    assert broken.place == chain.read().entries[1].place

    entry, record = appended(chain, 2, at="an hour later")

    assert chain.breaks() == ()
    assert entry == chain.read().entries[1]
    assert record.envelope["decided_at"] == entry.decided_at == "noon"
    assert record.envelope["previous"] == chain.read().entries[0].place
    assert [each.key for each in chain.read().entries] == ["run 1", "run 2", "run 3"]


def test_decisions_that_race_follow_each_other(chain: Chain) -> None:
    runners = 4
    barrier, seen = Barrier(runners, timeout=30), local()

    def once() -> None:
        if not hasattr(seen, "once"):
            seen.once = True
            barrier.wait()

    with ThreadPoolExecutor(runners) as pool:
        list(pool.map(lambda number: appended(chain, number, then=once), range(runners)))

    assert {each.key for each in chain.read().entries} == {f"run {at}" for at in range(runners)}
    assert chain.breaks(f"{chain.place}/decisions/") == ()


def test_the_same_decision_by_two_workers_at_once_is_one_entry(chain: Chain) -> None:
    barrier, seen = Barrier(2, timeout=30), local()

    def once() -> None:
        if not hasattr(seen, "once"):
            seen.once = True
            barrier.wait()

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: appended(chain, 1, then=once), range(2))

    assert one == other
    assert len(chain.read().entries) == 1
    assert chain.breaks(f"{chain.place}/decisions/") == ()


def test_a_record_edited_in_storage_is_found(chain: Chain) -> None:
    entries = [appended(chain, number)[0] for number in range(4)]
    assert chain.breaks() == ()

    edited = stored(chain, entries[2].place).replace(b"run 2.", b"run 9.")
    chain.store.write(*split_path(entries[2].place), edited)
    [broken] = chain.breaks()

    assert broken.place == entries[2].place
    assert "was changed" in broken.why


def test_an_entry_dropped_in_storage_is_found(chain: Chain) -> None:
    entries = [appended(chain, number)[0] for number in range(4)]
    document = json.loads(stored(chain, chain.document))

    del document["entries"][1]
    chain.store.write(*split_path(chain.document), json.dumps(document).encode())
    assert chain.breaks()[0].place == entries[2].place

    del document["entries"][1:]
    chain.store.write(*split_path(chain.document), json.dumps(document).encode())
    assert chain.breaks() == ()
    assert [each.place for each in chain.breaks(f"{chain.place}/decisions/")] == [entries[1].place]


def test_no_record_is_overwritten(chain: Chain) -> None:
    place = f"{chain.place}/decisions/mine.json"
    chain.store.write(*split_path(place), decision(7).to_json())

    with pytest.raises(GateError, match=r"another record lies at .*mine\.json"):
        chain.append(
            decision(1), key="run 1", place_for=lambda _: place, decided_at="noon", summary=SUMMARY
        )

    assert stored(chain, place) == decision(7).to_json()


def test_a_chain_of_a_newer_version_is_refused_and_left_alone(chain: Chain) -> None:
    newer = b'{"schema": "gate.chain/2"}'
    chain.store.write(*split_path(chain.document), newer)

    with pytest.raises(GateError, match=r"newer version.*upgrade"):
        appended(chain, 1)

    assert stored(chain, chain.document) == newer
