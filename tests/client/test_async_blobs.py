"""What reading a listing promises that Azurite cannot be made to say."""

import asyncio

import pytest

from airflow_aml_retrain.client.async_blobs import AsyncBlobs, SharedBlobs, _read
from airflow_aml_retrain.errors import ServiceUnavailable
from airflow_aml_retrain.wire.arrivals import BlobVersion

LISTING = b"""<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs><Blob>
<Name Encoded="true">landing/a%0Ab.csv</Name><Properties><Etag>"0x1"</Etag>
<Last-Modified>Sun, 01 Nov 2026 12:00:00 GMT</Last-Modified><Content-Length>7</Content-Length>
</Properties></Blob></Blobs><NextMarker>more</NextMarker></EnumerationResults>"""


def test_a_name_that_xml_cannot_hold_is_read_as_it_is() -> None:
    known = BlobVersion("landing/a\nb.csv", "0x1", 7, "2026-11-01T12:00:00+00:00")

    assert _read(LISTING) == ([known], "more")


@pytest.mark.parametrize("answer", [b"", b"<html>", LISTING.replace(b">7<", b">seven<")])
def test_a_listing_that_cannot_be_read_is_an_outage(answer: bytes) -> None:
    with pytest.raises(ServiceUnavailable, match="cannot be read"):
        _read(answer)


async def test_one_client_is_shared_closed_by_the_last_and_made_anew() -> None:
    made: list[Client] = []

    async def connect() -> AsyncBlobs:
        await asyncio.sleep(0)
        made.append(Client())
        return made[-1]

    shared = SharedBlobs(connect)
    async with shared.used() as one, shared.used() as other:
        assert one is other
    async with shared.used():
        pass

    assert [client.closed for client in made] == [1, 1]


class Client(AsyncBlobs):
    """A client that only counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1
