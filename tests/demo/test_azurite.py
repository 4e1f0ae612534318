"""Azurite: found where it says it is, speaking to the client that we use."""

from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.demo.azurite import Azurite


def test_a_blob_written_is_a_blob_read(
    azurite: Azurite, blob_service: BlobServiceClient, container: str
) -> None:
    blob = blob_service.get_blob_client(container, "a/b.csv")

    blob.upload_blob(b"age\n41\n")

    assert blob.download_blob().readall() == b"age\n41\n"
    assert blob.url.startswith(azurite.blob_url)
