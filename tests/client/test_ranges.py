"""A blob is read in ranges, from anywhere in it, and never as two versions of itself."""

import io
from typing import TYPE_CHECKING

import pytest
from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.ranges import RangedBlob, buffered
from airflow_aml_retrain.errors import BadInput, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def fetched() -> list[tuple[int, int]]:
    return []


@pytest.fixture
def fetch(fetched: list[tuple[int, int]]) -> "Callable[[int, int], bytes]":
    def part(offset: int, length: int) -> bytes:
        fetched.append((offset, length))
        return CONTENT[offset : offset + length]

    return part


def test_it_reads_like_a_file(fetch: "Callable[[int, int], bytes]") -> None:
    file = buffered(len(CONTENT), fetch)

    assert file.read(10) == CONTENT[:10]
    assert file.seek(-5, io.SEEK_END) == len(CONTENT) - 5
    assert file.read() == CONTENT[-5:]
    assert file.seek(100) == 100
    assert file.seek(5, io.SEEK_CUR) == file.tell() == 105
    assert file.read(3) == CONTENT[105:108]
    assert file.read() == CONTENT[108:]
    assert file.read(1) == b""


def test_only_what_is_asked_for_is_fetched(
    fetch: "Callable[[int, int], bytes]", fetched: list[tuple[int, int]]
) -> None:
    blob = RangedBlob(len(CONTENT), fetch)
    blob.seek(8000)
    blob.read(100)
    blob.seek(len(CONTENT) + 7)
    blob.read(100)

    assert fetched == [(8000, 100)]


def test_nobody_seeks_before_the_beginning(fetch: "Callable[[int, int], bytes]") -> None:
    with pytest.raises(ValueError, match="before the beginning"):
        RangedBlob(len(CONTENT), fetch).seek(-1)


def test_a_blob_is_sought_in_and_its_change_ends_the_reading(
    blob_service: BlobServiceClient, container: str
) -> None:
    store = BlobStore(blob_service)
    long = CONTENT * 1000  # more than what is fetched at once
    store.write(container, "data.bin", long)

    with store.seekable(f"{container}/data.bin") as file:
        file.seek(-3, io.SEEK_END)
        assert file.read() == long[-3:]
        store.write(container, "data.bin", long)
        file.seek(0)
        with pytest.raises(ServiceUnavailable, match=r"data\.bin"):
            file.read(10)


def test_a_blob_that_is_not_there_is_named(blob_service: BlobServiceClient, container: str) -> None:
    with pytest.raises(BadInput, match=r"missing\.csv"):
        BlobStore(blob_service).seekable(f"{container}/missing.csv")
