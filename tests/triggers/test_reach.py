"""What looking a backend up promises to triggers: patience with Airflow, and looks in common."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from airflow.sdk.bases.secrets_backend import BaseSecretsBackend
from airflow.sdk.configuration import clear_secrets_backends_cache
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied

from airflow_aml_retrain.errors import DeadlineExceeded, NotConfigured, ServiceUnavailable
from airflow_aml_retrain.triggers import reach
from airflow_aml_retrain.triggers.reach import backend_in_time
from tests.hooks.safe import Safe
from tests.triggers.triggerer import until


class Forbidden(BaseSecretsBackend):
    """A secrets backend that lets nobody in."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        raise AirflowSecretsBackendAccessDenied(conn_id)


def used(kind: type[BaseSecretsBackend], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", f"{kind.__module__}.{kind.__qualname__}")
    clear_secrets_backends_cache()


@pytest.fixture(autouse=True)
def safe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where Airflow looks for connections, empty; looks follow each other closely."""
    used(Safe, monkeypatch)
    monkeypatch.setattr(reach, "_FIRST_PAUSE", 0.05)
    yield
    Safe.empty()
    clear_secrets_backends_cache()


def laid() -> None:
    """Lay the connection in that is looked for."""
    Safe.put("aml", "aml_service", host="https://h/subscriptions/s/services/e", password="key")


async def test_a_crowd_shares_the_looks_and_the_trouble_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    deadline = time.time() + 60
    crowd = [
        asyncio.create_task(backend_in_time("aml", None, None, deadline + number))
        for number in range(50)
    ]
    await until(lambda: len(Safe.asked) >= 3)
    assert not any(task.done() for task in crowd)
    looks = len(Safe.asked)
    laid()

    backends = await asyncio.gather(*crowd)

    assert len({id(backend) for backend in backends}) == 1
    assert len(Safe.asked) == looks + 1
    assert caplog.text.count("'aml' could not be read") == 1


async def test_looks_are_ever_farther_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_FIRST_PAUSE", 0.2)

    with pytest.raises(DeadlineExceeded, match="'aml'"):
        await backend_in_time("aml", None, None, time.time() + 2)

    # At once, and after 0.2, 0.6 and 1.4 s, each up to a quarter sooner or later.
    assert 3 <= len(Safe.asked) <= 5


async def test_who_has_no_deadline_gives_up_once_patience_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.5)

    with pytest.raises(ServiceUnavailable, match="'aml' could not be read"):
        await backend_in_time("aml", None, None, None)


async def test_who_may_wait_longer_goes_on_when_the_patience_of_a_look_up_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.2)
    hasty, patient = (
        asyncio.create_task(backend_in_time("aml", None, None, deadline))
        for deadline in (None, time.time() + 60)
    )
    await asyncio.wait([hasty])
    laid()

    assert (await patient).api_url.startswith("https://h/")
    assert isinstance(hasty.exception(), ServiceUnavailable)


async def test_what_airflow_refuses_to_look_for_is_not_looked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used(Forbidden, monkeypatch)

    with pytest.raises(NotConfigured, match="may not be read"):
        await backend_in_time("aml", None, None, time.time() + 60)
