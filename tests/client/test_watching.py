"""What watching a container promises while storage does not answer, without a clock."""

import asyncio
from itertools import pairwise

import pytest

from airflow_aml_retrain.client.async_blobs import AsyncBlobs, SharedBlobs
from airflow_aml_retrain.client.watching import Interest, sights
from airflow_aml_retrain.errors import ServiceUnavailable


async def test_while_storage_does_not_answer_it_is_asked_ever_less_often_and_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses, warnings, sleep = list[float](), list[str](), asyncio.sleep

    async def refuse() -> AsyncBlobs:
        msg = "storage did not answer"
        raise ServiceUnavailable(msg)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", pause)
    looks = sights(SharedBlobs(refuse), "data", Interest(), 10.0, warnings.append)
    looking = asyncio.create_task(anext(looks))
    while len(pauses) < 12:
        await sleep(0)
    looking.cancel()

    assert all(later > 1.5 * earlier for earlier, later in pairwise(pauses[:4]))
    assert all(200 < seconds < 400 for seconds in pauses[5:])
    assert len(warnings) == 1
