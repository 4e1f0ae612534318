"""What is promised of storage connections: the Microsoft provider's own form, and masked keys."""

import json
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk._shared.secrets_masker import redact

from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.errors import ServiceUnavailable
from airflow_aml_retrain.hooks.storage import blob_store, secrets_of, shared_blobs
from tests.hooks.conftest import Connect


def test_a_storage_connection_reads_and_writes_blobs(
    connection: Connect, azurite: Azurite, container: str
) -> None:
    extra = {"connection_string": azurite.connection_string}

    store = blob_store(connection("wasb", conn_id="wasb_default", extra=extra))
    store.write(container, "a/b.csv", b"x\n1\n")

    assert store.read(container, "a/b.csv") == b"x\n1\n"
    assert redact(azurite.connection_string) == "***"


async def test_a_connection_that_triggers_cannot_read_may_be_there_all_the_same() -> None:
    with pytest.raises(ServiceUnavailable, match="'nowhere' could not be read"):
        async with shared_blobs("nowhere").used():
            pass


@pytest.mark.parametrize(
    ("said", "secrets"),
    [
        (
            {"extra": {"connection_string": "AccountName=a;AccountKey=k1==;BlobEndpoint=http://x"}},
            ["AccountName=a;AccountKey=k1==;BlobEndpoint=http://x", "k1=="],
        ),
        ({"extra": {"extra__wasb__sas_token": "sig=1"}}, ["sig=1"]),
        ({"password": "key", "extra": {"tenant_id": "t"}}, ["key"]),
        ({"extra": None}, []),
    ],
)
def test_every_secret_of_a_storage_connection_is_known(
    said: dict[str, Any], secrets: list[str]
) -> None:
    extra = json.dumps(said["extra"]) if said["extra"] else None
    conn = Connection(conn_id="w", conn_type="wasb", password=said.get("password"), extra=extra)

    assert list(secrets_of(conn)) == secrets
