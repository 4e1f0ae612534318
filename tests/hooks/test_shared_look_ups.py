"""What is promised of triggers that begin together: one look-up, one backend, and no mix-ups."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Final

import pytest
from airflow.sdk.configuration import clear_secrets_backends_cache

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.demo.control import Emulator, Json
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.hooks.retrain import abackend_for
from airflow_aml_retrain.hooks.studio import AmlStudioHook
from airflow_aml_retrain.wire.conversation import Credential
from tests.hooks.safe import Safe

LATER: Final = 15.0


@pytest.fixture(autouse=True)
def safe(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Safe]]:
    """Where Airflow looks for connections, and nothing else is in there."""
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", f"{Safe.__module__}.{Safe.__qualname__}")
    clear_secrets_backends_cache()
    yield Safe
    Safe.empty()
    clear_secrets_backends_cache()


def workspace(studio: Json, conn_id: str = "aml", **changes: str) -> str:
    """The id of a connection to the workspace."""
    fields = {"host": studio["url"], "password": studio["token"], **changes}
    extra = {"workspace_id": studio["workspace_id"]}
    return Safe.put(conn_id, "aml_studio", extra=extra, **fields)


def web_service(studio: Json, conn_id: str = "aml", key: str = "key-1") -> str:
    """The id of a connection to one endpoint."""
    return Safe.put(conn_id, "aml_service", host=studio["service"]["api_location"], password=key)


def key_of(backend: Backend) -> str:
    secret = backend.keyring.secret(Credential.SERVICE_KEY)
    assert secret
    return secret.reveal()


async def crowd(*about: str, size: int = 50) -> list[Backend]:
    return await asyncio.gather(*[abackend_for(*about) for _ in range(size)])


def time_goes_by(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the running loop's clock be *seconds* ahead from now on."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + seconds)


async def test_a_crowd_reads_the_connection_of_one_service_once(studio: Json) -> None:
    backends = await crowd(web_service(studio))

    assert Safe.asked == ["aml"]
    assert len({id(backend) for backend in backends}) == 1


async def test_a_crowd_reads_the_connection_and_the_workspace_once(
    studio: Json, emulator: Emulator
) -> None:
    seen = emulator.control.requests()[-1]["n"]

    await crowd(workspace(studio), "Census")

    paths = [each["path"] for each in emulator.control.requests(seen)]
    kinds = [path.split("/")[3:5:2] for path in paths if path.startswith("/workspaces/")]
    assert Safe.asked == ["aml"]
    assert kinds == [["webservices"], ["webservices"]]


async def test_who_comes_a_little_later_shares_what_is_in_use(studio: Json) -> None:
    first = await abackend_for(web_service(studio))

    assert await abackend_for("aml") is first
    assert Safe.asked == ["aml"]


async def test_who_begins_later_sees_a_connection_that_a_person_changed(
    studio: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = await abackend_for(web_service(studio))
    web_service(studio, key="key-2")

    time_goes_by(monkeypatch, LATER)
    late, later = await crowd("aml", size=2)

    assert (key_of(early), key_of(late)) == ("key-1", "key-2")
    assert later is late


async def test_what_nobody_uses_any_more_is_forgotten(studio: Json) -> None:
    await abackend_for(web_service(studio))
    gc.collect()
    web_service(studio, key="key-2")

    assert key_of(await abackend_for("aml")) == "key-2"


async def test_each_connection_keeps_its_own_key(studio: Json) -> None:
    web_service(studio, "one", "key-1")
    web_service(studio, "other", "key-2")

    one, other = await asyncio.gather(abackend_for("one"), abackend_for("other"))

    assert (key_of(one), key_of(other)) == ("key-1", "key-2")


async def test_each_endpoint_keeps_its_own_key(studio: Json) -> None:
    workspace(studio)
    await asyncio.to_thread(AmlStudioHook("aml").ensure_endpoint, "Census", "shared")

    default, named = await asyncio.gather(
        abackend_for("aml", "Census"), abackend_for("aml", "Census", "shared")
    )

    assert key_of(default) != key_of(named)
    assert default.api_url != named.api_url


async def test_a_look_up_that_failed_is_not_kept(studio: Json) -> None:
    web_service(studio, key="")
    with pytest.raises(NotConfigured, match="set its password"):
        await abackend_for("aml")

    web_service(studio)

    assert key_of(await abackend_for("aml")) == "key-1"


async def test_a_look_up_that_was_cancelled_spoils_no_other(studio: Json) -> None:
    web_service(studio)
    hasty, patient = (asyncio.create_task(abackend_for("aml")) for _ in range(2))
    await asyncio.sleep(0)

    hasty.cancel()

    assert key_of(await patient) == "key-1"
    assert hasty.cancelled()
