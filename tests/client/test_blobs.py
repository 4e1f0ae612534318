"""What storage promises us: what was written is read, and nobody overwrites another unseen."""

import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import parse_qs

import pytest

from airflow_aml_retrain.client.blobs import (
    BlobStore,
    DocumentChanged,
    open_foreign,
    split_path,
)
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.errors import BadInput, LeaseHeld, NotConfigured
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.secret import Secret

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient


@pytest.fixture
def store(blob_service: "BlobServiceClient") -> BlobStore:
    return BlobStore(blob_service)


def test_what_is_written_in_pieces_is_read_in_ranges(store: BlobStore, container: str) -> None:
    store.write(container, "a/b.csv", (b"x" * 1000 for _ in range(50)))

    with store.open(container, "a/b.csv") as stream:
        assert stream.read(3) == b"xxx"
        assert len(stream.read()) == 49_997


def test_an_empty_blob_reads_as_nothing(store: BlobStore, container: str) -> None:
    store.write(container, "empty.csv", b"")

    assert store.read(container, "empty.csv") == b""


def test_a_container_is_made_when_something_is_first_written(
    store: BlobStore, container: str
) -> None:
    store.write(f"{container}-new", "a.csv", b"1")

    assert store.exists(f"{container}-new", "a.csv")


def test_a_listing_is_in_the_order_of_names_and_of_one_prefix(
    store: BlobStore, container: str
) -> None:
    for name in ("b/2.csv", "b/1.csv", "c/1.csv"):
        store.write(container, name, b"12345")

    found = list(store.list(container, "b/"))

    assert [(blob.name, blob.size) for blob in found] == [("b/1.csv", 5), ("b/2.csv", 5)]


@pytest.mark.parametrize("deed", ["read", "open", "list"])
def test_what_is_not_there_is_named(store: BlobStore, container: str, deed: str) -> None:
    ask: Callable[[], object] = {
        "read": lambda: store.read(container, "no.csv"),
        "open": lambda: store.open(container, "no.csv"),
        "list": lambda: list(store.list(f"{container}-no", "no.csv")),
    }[deed]

    with pytest.raises(BadInput, match=r"no blob or container .*no\.csv"):
        ask()


@pytest.mark.parametrize("place", ["", "container", "/container/"])
def test_a_place_is_a_container_and_a_path(place: str) -> None:
    with pytest.raises(BadInput, match="container/path"):
        split_path(place)


def test_a_reference_can_be_read_and_not_written_by_its_token_alone(
    store: BlobStore, container: str
) -> None:
    store.write(container, "model.ilearner", b"weights")
    blob = store.reference(container, "model.ilearner", minutes=5)

    with open_foreign(blob) as stream:
        assert stream.read() == b"weights"
    assert blob.sas is not None
    url = blob.location + blob.sas.reveal()
    put = urllib.request.Request(  # noqa: S310 - Azurite on loopback
        url, b"poison", {"x-ms-blob-type": "BlockBlob"}, method="PUT"
    )
    with pytest.raises(HTTPError, match="403") as refused:
        urllib.request.urlopen(put)  # noqa: S310 - the same
    refused.value.close()
    assert store.read(container, "model.ilearner") == b"weights"


def test_a_token_begins_before_now_and_ends_when_it_was_asked_to(
    blob_service: "BlobServiceClient", container: str
) -> None:
    now = datetime(2026, 11, 1, 12, tzinfo=UTC)
    store = BlobStore(blob_service, clock=now.timestamp)

    sas = store.reference(container, "a.csv", minutes=30).sas

    assert sas is not None
    said = parse_qs(sas.reveal().lstrip("?"))
    assert said["st"] == ["2026-11-01T11:55:00Z"]
    assert said["se"] == ["2026-11-01T12:30:00Z"]
    assert said["sp"] == ["r"]
    assert said["sr"] == ["b"]


def test_a_token_that_storage_refuses_is_an_error_without_the_token(
    store: BlobStore, container: str
) -> None:
    store.write(container, "a.csv", b"1")
    place = ModelBlob(store.location("", "").rstrip("/") + "/", f"{container}/a.csv")
    bad = ModelBlob(place.base, place.relative, Secret("?sv=2021-08-06&sig=nonsense"))

    with pytest.raises(Exception, match=f"{container}/a.csv") as refused:
        open_foreign(bad)

    assert "nonsense" not in str(refused.value)


def test_a_copy_has_the_hash_of_what_was_copied(store: BlobStore, container: str) -> None:
    store.write(container, "from.ilearner", b"weights")

    copied = store.copy_from(store.reference(container, "from.ilearner"), container, "to.ilearner")

    assert copied.size == 7
    assert copied.sha256 == sha256(b"weights").hexdigest()
    assert store.read(container, "to.ilearner") == b"weights"


def test_a_document_is_changed_only_over_the_version_that_was_read(
    store: BlobStore, container: str
) -> None:
    first = store.put_document(container, "d.json", b"1", etag=None)
    store.put_document(container, "d.json", b"2", etag=first)

    with pytest.raises(DocumentChanged):
        store.put_document(container, "d.json", b"3", etag=first)
    with pytest.raises(DocumentChanged):
        store.put_document(container, "d.json", b"3", etag=None)
    found = store.document(container, "d.json")
    assert found is not None
    assert found.data == b"2"


def test_a_lease_excludes_and_whoever_lost_it_writes_nothing(
    store: BlobStore, blob_service: "BlobServiceClient", container: str
) -> None:
    from azure.storage.blob import BlobLeaseClient

    etag = store.put_document(container, "d.json", b"1", etag=None)
    lease = store.acquire(container, "d.json", seconds=15)

    with pytest.raises(LeaseHeld):
        store.acquire(container, "d.json", seconds=15)
    lease.renew()
    BlobLeaseClient(blob_service.get_blob_client(container, "d.json")).break_lease(0)
    other = store.acquire(container, "d.json", seconds=15)
    with pytest.raises(LeaseHeld):
        lease.renew()
    with pytest.raises(DocumentChanged):
        store.put_document(container, "d.json", b"2", etag=etag, lease=lease.id)
    other.release()


def test_a_key_that_storage_refuses_says_so(azurite: Azurite, container: str) -> None:
    from azure.storage.blob import BlobServiceClient

    wrong = azurite.connection_string.replace("AccountKey=", "AccountKey=AAAA")
    with (
        BlobServiceClient.from_connection_string(wrong) as service,
        pytest.raises(NotConfigured, match="refused the credential"),
    ):
        BlobStore(service).read(container, "a.csv")
