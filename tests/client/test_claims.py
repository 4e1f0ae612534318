"""What a claim on staging promises: one holder at a time, over retries, and not for ever."""

from typing import TYPE_CHECKING

import pytest

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.claims import Claims
from airflow_aml_retrain.errors import LeaseHeld

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

ENDPOINT = "azureml-studio://host/workspaces/w/webservices/s/endpoints/staging"


@pytest.fixture
def claims(blob_service: "BlobServiceClient", container: str) -> Claims:
    return Claims(BlobStore(blob_service), f"{container}/records")


def test_a_claim_excludes_others_and_names_its_holder(claims: Claims) -> None:
    claims.take(ENDPOINT, holder="run 1", now=0, seconds=60)

    with pytest.raises(LeaseHeld, match="run 1"):
        claims.take(ENDPOINT, holder="run 2", now=59, seconds=60)


def test_a_retry_takes_its_own_claim_again_and_for_longer(claims: Claims) -> None:
    claims.take(ENDPOINT, holder="run 1", now=0, seconds=60)
    claims.take(ENDPOINT, holder="run 1", now=30, seconds=60)

    with pytest.raises(LeaseHeld):
        claims.take(ENDPOINT, holder="run 2", now=80, seconds=60)


def test_a_claim_runs_out_by_itself(claims: Claims) -> None:
    claims.take(ENDPOINT, holder="run 1", now=0, seconds=60)

    claims.take(ENDPOINT, holder="run 2", now=60, seconds=60)


def test_whose_a_claim_is_can_be_asked_without_taking_it(claims: Claims) -> None:
    claims.take(ENDPOINT, holder="run 1", now=0, seconds=60)

    assert claims.holder(ENDPOINT, now=59) == "run 1"
    assert claims.holder(ENDPOINT, now=60) == ""
    assert claims.holder(f"{ENDPOINT}-other", now=0) == ""


def test_a_claim_that_was_given_back_is_free_at_once(claims: Claims) -> None:
    claims.take(ENDPOINT, holder="run 1", now=0, seconds=60)

    assert claims.release(ENDPOINT, holder="run 1")
    claims.take(ENDPOINT, holder="run 2", now=1, seconds=60)


def test_nobody_gives_back_what_another_holds(claims: Claims) -> None:
    claims.take(ENDPOINT, holder="run 1", now=0, seconds=60)

    assert not claims.release(ENDPOINT, holder="run 2")
    with pytest.raises(LeaseHeld):
        claims.take(ENDPOINT, holder="run 2", now=1, seconds=60)


def test_endpoints_are_claimed_one_by_one(claims: Claims) -> None:
    claims.take(ENDPOINT, holder="run 1", now=0, seconds=60)

    claims.take(ENDPOINT + "-2", holder="run 2", now=0, seconds=60)


def test_work_that_fails_gives_its_claim_back_and_work_that_ends_well_keeps_it(
    claims: Claims,
) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        claims.taken(ENDPOINT, holder="run 1", now=0, seconds=60),
    ):
        _ = 1 / 0
    with claims.taken(ENDPOINT, holder="run 2", now=1, seconds=60):
        pass

    with pytest.raises(LeaseHeld, match="run 2"):
        claims.take(ENDPOINT, holder="run 3", now=2, seconds=60)
