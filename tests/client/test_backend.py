"""What is promised of a backend: two ways of speaking, no secret shown, no connection left."""

import asyncio
import copy
import gc
from threading import Event, Semaphore

import aiohttp
import pytest

from airflow_aml_retrain.client import pool
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.studio import ServiceSettings, service_backend
from airflow_aml_retrain.errors import BadInput, DeadlineExceeded, NotConfigured
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.jobs import JobId, JobState, started, wait
from airflow_aml_retrain.wire.secret import Secret
from tests.client.loopback import Heard, Loopback, Reply, Say, loopback

PATH = "/workspaces/w/services/s"
TRAIN = ModelBlob("https://a.test/", "c/train.csv", Secret("?sig=a%2Bb%3D"))
JOB = JobId("j1")


def backend_of(server: Loopback) -> Backend:
    return service_backend(ServiceSettings(server.url + PATH, Secret("k3y")))


def hanging(server: Loopback) -> tuple[Semaphore, Event]:
    """Have *server* say of each request that it has arrived, and answer when it may."""
    arrived, may_answer = Semaphore(0), Event()

    def script(heard: Heard) -> Reply:
        arrived.release()
        may_answer.wait(10)
        return Say({"StatusCode": "Running"})

    server.script = script
    return arrived, may_answer


def training(server: Loopback) -> None:
    """Have *server* create, start and finish one job, with a hiccup in the middle."""
    polls: list[Reply] = [Say(None, 503), Say({"StatusCode": "Finished"})]

    def script(heard: Heard) -> Reply:
        if heard.method == "GET":
            return polls.pop(0)
        return Say("j1" if heard.path.startswith(f"{PATH}/jobs?") else None)

    server.script = script


LINES = [
    f"POST {PATH}/jobs?api-version=2.0",
    f"POST {PATH}/jobs/j1/start?api-version=2.0",
    *[f"GET {PATH}/jobs/j1?api-version=2.0"] * 2,
]


def test_a_job_is_trained_blocking(server: Loopback) -> None:
    training(server)

    with backend_of(server) as backend:
        job = backend.run(backend.verbs.submit({"input1": TRAIN}, {}))
        backend.run(started(backend.verbs, job))
        report = backend.run(wait(backend.verbs, job, every=0.01))

    assert report.state is JobState.SUCCEEDED
    assert server.lines == LINES


async def test_a_job_is_trained_asynchronously_in_the_same_steps(server: Loopback) -> None:
    training(server)
    backend = backend_of(server)

    job = await backend.arun(backend.verbs.submit({"input1": TRAIN}, {}))
    await backend.arun(started(backend.verbs, job))
    report = await backend.arun(wait(backend.verbs, job, every=0.01))

    assert report.state is JobState.SUCCEEDED
    assert server.lines == LINES


def test_a_deadline_that_has_passed_ends_the_wait(server: Loopback) -> None:
    server.says(Say({"StatusCode": "Running"}))
    backend = backend_of(server)

    with backend, pytest.raises(DeadlineExceeded, match="2001-09-09T01:46:40"):
        backend.run(wait(backend.verbs, JOB, every=60), until=1e9)
    with pytest.raises(DeadlineExceeded):
        asyncio.run(backend.arun(wait(backend.verbs, JOB, every=60), until=1e9))

    assert len(server.heard) == 2


def test_the_end_of_the_with_closes_the_connections(server: Loopback) -> None:
    server.says(Say({"StatusCode": "Running"}))

    with backend_of(server) as backend:
        backend.run(backend.verbs.poll(JOB))
        assert len(server.open_connections) == 1

    assert server.all_closed.wait(5)


def test_a_backend_that_was_forgotten_leaves_no_open_socket(server: Loopback) -> None:
    server.says(Say({"StatusCode": "Running"}))
    backend = backend_of(server)
    backend.run(backend.verbs.poll(JOB))

    del backend
    gc.collect()  # a socket left open would be a ResourceWarning, and that an error

    assert server.all_closed.wait(5)


async def test_all_waits_of_an_event_loop_share_one_session(server: Loopback) -> None:
    server.says(Say({"StatusCode": "Running"}))
    one, other = backend_of(server), backend_of(server)

    async with one, other:
        for backend in (one, other, one):
            await backend.arun(backend.verbs.poll(JOB))
        assert len(server.open_connections) == 1

    assert await asyncio.to_thread(server.all_closed.wait, 5)
    assert asyncio.get_running_loop() not in pool._shared


async def test_the_last_of_a_crowd_of_conversations_closes_the_session(server: Loopback) -> None:
    server.says(Say({"StatusCode": "Running"}), Say({"StatusCode": "Finished"}))
    backend = backend_of(server)

    await asyncio.gather(*[backend.arun(wait(backend.verbs, JOB, every=0.01)) for _ in range(20)])

    assert await asyncio.to_thread(server.all_closed.wait, 5)
    assert asyncio.get_running_loop() not in pool._shared


async def test_of_a_crowd_no_more_requests_are_made_than_are_under_way(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "AT_ONCE", 3)
    arrived, may_answer = hanging(server)
    backend = backend_of(server)
    crowd = [asyncio.create_task(backend.arun(backend.verbs.poll(JOB))) for _ in range(20)]
    for _ in range(3):
        assert await asyncio.to_thread(arrived.acquire, timeout=10)

    made = sum(isinstance(each, aiohttp.ClientRequest) for each in gc.get_objects())
    may_answer.set()

    assert made == 3
    assert len(await asyncio.gather(*crowd)) == 20


async def test_a_service_that_hangs_keeps_nobody_from_another(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "AT_ONCE", 2)
    arrived, may_answer = hanging(server)
    away = backend_of(server)
    crowd = [asyncio.create_task(away.arun(away.verbs.poll(JOB))) for _ in range(5)]
    for _ in range(2):
        assert await asyncio.to_thread(arrived.acquire, timeout=10)

    with loopback() as other:
        other.says(Say({"StatusCode": "Finished"}))
        well = backend_of(other)
        report = await asyncio.wait_for(well.arun(well.verbs.poll(JOB)), 5)
    may_answer.set()

    assert report.state is JobState.SUCCEEDED
    assert len(await asyncio.gather(*crowd)) == 5


async def test_a_cancelled_conversation_gives_its_lease_back(server: Loopback) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def script(heard: Heard) -> Reply:
        loop.call_soon_threadsafe(asked.set)
        return Say({"StatusCode": "Running"})

    server.script = script
    backend = backend_of(server)
    task = asyncio.create_task(backend.arun(wait(backend.verbs, JOB, every=1000.0)))
    await asked.wait()

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop not in pool._shared


def test_no_session_passes_from_one_event_loop_to_another(server: Loopback) -> None:
    server.says(Say({"StatusCode": "Running"}))
    backend = backend_of(server)

    for _ in range(3):
        asyncio.run(backend.arun(backend.verbs.poll(JOB)))

    assert len(pool._shared) == 0


def test_a_reference_leads_back_to_its_job_and_to_no_other_service(server: Loopback) -> None:
    backend = backend_of(server)

    assert backend.reference(JOB) == f"{server.url}{PATH}/jobs/j1"
    assert backend.job(backend.reference(JOB)) == JOB
    with pytest.raises(BadInput, match="use the connection it came from"):
        backend.job("https://evil.test/workspaces/w/services/s/jobs/j1")


def test_a_backend_shows_no_key_and_is_not_copied_about(server: Loopback) -> None:
    backend = backend_of(server)

    assert "k3y" not in f"{backend!r} {backend.name} {backend.uri} {vars(backend)}"
    with pytest.raises(TypeError):
        copy.deepcopy(backend)


def test_a_service_is_known_by_any_of_its_urls_and_its_patch_url() -> None:
    backend = service_backend(
        ServiceSettings(
            "https://region.services.azureml.net/workspaces/w/services/e1/jobs?api-version=2.0",
            Secret("k3y"),
            "https://management.azureml.net/workspaces/w/webservices/s1/endpoints/retrain/",
        )
    )

    assert backend.api_url == "https://region.services.azureml.net/workspaces/w/services/e1"
    assert backend.name == "w/s1/retrain"
    assert backend.uri == (
        "azureml-studio://management.azureml.net/workspaces/w/webservices/s1/endpoints/retrain"
    )


def test_a_service_on_a_plain_http_host_needs_it_in_insecure_hosts() -> None:
    url = f"http://emulator.test:8080{PATH}"
    refused = service_backend(ServiceSettings(url, Secret("k3y")))

    with pytest.raises(NotConfigured, match=r"add 'emulator\.test' to insecure_hosts"):
        refused.run(refused.verbs.poll(JOB))
    service_backend(ServiceSettings(url, Secret("k3y"), None, ("emulator.test",))).hosts.require(
        url
    )
