"""A use of a hold-out is spent once, by one decision, whoever races or is tried again."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Barrier, local
from typing import TYPE_CHECKING

import pytest

from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.contested import rewrite
from airflow_aml_retrain.client.ledger import LedgerStore
from airflow_aml_retrain.errors import GateError, ServiceUnavailable
from airflow_aml_retrain.gate.holdout.ledger import Use
from airflow_aml_retrain.gate.rows import Holdout
from airflow_aml_retrain.gate.rules.sections import HoldoutRules, Reuse

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

ENDPOINT = "azureml-studio://host/workspaces/w/webservices/s/endpoints/e"
HOLDOUT = Holdout(3, sha256(b"rows").hexdigest())
ALPHA = 0.05
NOON = 1_767_268_800.0


def rules(max_uses: int) -> HoldoutRules:
    return HoldoutRules(reuse=Reuse(max_uses=max_uses))


@pytest.fixture
def store(blob_service: "BlobServiceClient") -> BlobStore:
    return BlobStore(blob_service)


@pytest.fixture
def ledger(store: BlobStore, container: str) -> LedgerStore:
    return LedgerStore(store, f"{container}/records", ENDPOINT, clock=lambda: NOON)


def starting_together(runners: int) -> Callable[[], float]:
    """
    A clock that no one passes before all *runners* threads have come to it.

    The ledger asks for the time between reading and writing: so all have read before one writes.
    """
    barrier, seen = Barrier(runners, timeout=30), local()

    def clock() -> float:
        if not hasattr(seen, "once"):
            seen.once = True
            barrier.wait()
        return NOON

    return clock


def raced(ledger: LedgerStore, keys: list[str], max_uses: int) -> list[Use | GateError]:
    clock = starting_together(len(keys))
    racing = LedgerStore(ledger.store, ledger.place, ledger.endpoint, clock)

    def spend(key: str) -> Use | GateError:
        try:
            return racing.spend(HOLDOUT, rules(max_uses), ALPHA, key)
        except GateError as exc:
            return exc

    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(spend, keys))


def test_a_use_is_written_down_with_who_when_and_how_much(ledger: LedgerStore) -> None:
    use = ledger.spend(HOLDOUT, rules(12), ALPHA, "run 1")

    [entry] = ledger.read().entries
    assert (entry.key, entry.holdout, entry.use) == ("run 1", HOLDOUT.sha256, use)
    assert entry.at == "2026-01-01T12:00:00+00:00"
    assert use.alpha == pytest.approx(0.045)


def test_a_retry_gets_the_same_use_and_writes_nothing(
    ledger: LedgerStore, store: BlobStore
) -> None:
    first = ledger.spend(HOLDOUT, rules(12), ALPHA, "run 1")
    ledger.spend(HOLDOUT, rules(12), ALPHA, "run 2")
    before = store.document(*split_path(ledger.document))

    again = ledger.spend(HOLDOUT, rules(12), ALPHA, "run 1")

    assert again == first
    assert store.document(*split_path(ledger.document)) == before


def test_of_two_decisions_that_race_for_the_last_use_one_has_it(ledger: LedgerStore) -> None:
    ledger.spend(HOLDOUT, rules(2), ALPHA, "before")

    outcomes = raced(ledger, ["one", "other"], max_uses=2)

    [use] = [outcome for outcome in outcomes if isinstance(outcome, Use)]
    [refusal] = [outcome for outcome in outcomes if isinstance(outcome, GateError)]
    assert (use.number, use.remaining) == (2, 0)
    assert "hold-out exhausted: it has decided 2 times, and 2 are allowed" in str(refusal)
    assert len(ledger.read().entries) == 2


def test_a_crowd_is_counted_one_by_one(ledger: LedgerStore) -> None:
    outcomes = raced(ledger, [f"run {at}" for at in range(6)], max_uses=12)

    uses = [outcome for outcome in outcomes if isinstance(outcome, Use)]
    assert sorted(use.number for use in uses) == [1, 2, 3, 4, 5, 6]
    weighed = sum(entry.use.number * entry.use.alpha for entry in ledger.read().entries)
    assert weighed <= ALPHA


def test_one_decision_that_is_tried_by_two_workers_at_once_is_one_use(ledger: LedgerStore) -> None:
    one, other = raced(ledger, ["run 1", "run 1"], max_uses=1)

    assert one == other
    assert len(ledger.read().entries) == 1


def test_each_endpoint_has_a_ledger_of_its_own(store: BlobStore, container: str) -> None:
    for name in ("a", "b"):
        ledger = LedgerStore(store, f"{container}/records", f"{ENDPOINT}{name}")
        assert ledger.spend(HOLDOUT, rules(1), ALPHA, f"run {name}").number == 1


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(
    ledger: LedgerStore, store: BlobStore
) -> None:
    newer = json.dumps({"schema": "gate.ledger/2", "uses": "all different"}).encode()
    store.write(*split_path(ledger.document), newer)

    with pytest.raises(GateError, match=r"written by a newer version.*upgrade"):
        ledger.spend(HOLDOUT, rules(12), ALPHA, "run 1")

    assert store.read(*split_path(ledger.document)) == newer


def test_a_document_that_never_stands_still_is_given_up(store: BlobStore, container: str) -> None:
    place = f"{container}/busy.json"

    def meddled(content: bytes | None) -> tuple[None, bytes]:
        store.write(*split_path(place), b"%d" % len(calls))
        calls.append(content)
        return None, b"ours"

    calls: list[bytes | None] = []
    with pytest.raises(ServiceUnavailable, match=r"busy\.json was changed by others \d+ times"):
        rewrite(store, place, meddled)
