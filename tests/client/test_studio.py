"""What is promised of a workspace: endpoints are looked up when needed, and by a crowd once."""

import asyncio
import gc
import threading
from collections.abc import Callable

import pytest

from airflow_aml_retrain.client import studio as module
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.studio import StudioSettings, aconnect, connect, studio
from airflow_aml_retrain.errors import NoSuchName, UnexpectedAnswer
from airflow_aml_retrain.wire.classic import ClassicVerbs
from airflow_aml_retrain.wire.jobs import JobId, JobState
from airflow_aml_retrain.wire.secret import Secret
from tests.client.loopback import Heard, Loopback, Reply, Say

MANAGEMENT = "/workspaces/w/webservices"
CREATED = 1459458000.0  # 2016-03-31T21:00:00Z


class Workspace:
    """The other side: one service with two endpoints, whose key can be changed."""

    def __init__(self, server: Loopback) -> None:
        self.server = server
        self.key = "key-1"
        self.token = "t0ken"
        self.created = "2016-03-31T21:00:00Z"
        server.script = self.script

    @property
    def settings(self) -> StudioSettings:
        return StudioSettings(self.server.url, "w", Secret("t0ken"))

    def script(self, heard: Heard) -> Reply:
        management = heard.path.startswith(MANAGEMENT)
        key = self.token if management else self.key
        if heard.headers["authorization"] != f"Bearer {key}":
            return Say(None, 401)
        return self.manage(heard) if management else Say({"StatusCode": "Running"})

    def manage(self, heard: Heard) -> Reply:
        service = {"Id": "s1", "Name": "census", "DefaultEndpointName": "default"}
        endpoints = {name: self.endpoint(name) for name in ("default", "retrain")}
        pages: dict[str, object] = {
            "": [service],
            "/s1": service,
            "/s1/endpoints": list(endpoints.values()),
            **{f"/s1/endpoints/{name}": each for name, each in endpoints.items()},
        }
        page = pages.get(heard.path.removeprefix(MANAGEMENT))
        return Say(page) if page else Say(None, 404)

    def endpoint(self, name: str) -> dict[str, object]:
        return {
            "Name": name,
            "WebServiceId": "s1",
            "ApiLocation": f"{self.server.url}/workspaces/w/services/{name}-id",
            "PrimaryKey": self.key,
            "CreationTime": self.created,
            "Resources": [],
        }


@pytest.fixture
def workspace(server: Loopback) -> Workspace:
    return Workspace(server)


def blocking(workspace: Workspace, service: str, endpoint: str | None = None) -> Backend:
    return connect(workspace.settings, service, endpoint)


def asynchronous(workspace: Workspace, service: str, endpoint: str | None = None) -> Backend:
    return asyncio.run(aconnect(workspace.settings, service, endpoint))


Connect = Callable[..., Backend]
BOTH = pytest.mark.parametrize("connected", [blocking, asynchronous])


@BOTH
def test_an_endpoint_is_found_by_names_and_polled_with_its_own_key(
    workspace: Workspace, connected: Connect
) -> None:
    backend = connected(workspace, "census", "retrain")

    with backend:
        report = backend.run(backend.verbs.poll(JobId("j1")))

    assert report.state is JobState.RUNNING
    assert backend.api_url == f"{workspace.server.url}/workspaces/w/services/retrain-id"
    assert backend.name == "w/census/retrain"
    host = workspace.server.url.removeprefix("http://")
    assert backend.uri == f"azureml-studio://{host}{MANAGEMENT}/s1/endpoints/retrain"
    assert "key-1" not in f"{backend!r} {vars(backend)}"
    assert "t0ken" not in f"{backend!r} {vars(backend)}"


@BOTH
def test_no_endpoint_named_means_the_default_one(workspace: Workspace, connected: Connect) -> None:
    assert connected(workspace, "census").name == "w/census/default"


@BOTH
def test_unknown_names_are_errors_that_name_the_existing_ones(
    workspace: Workspace, connected: Connect
) -> None:
    with pytest.raises(NoSuchName, match=r"no web service named 'flights'.*: 'census'"):
        connected(workspace, "flights")
    with pytest.raises(NoSuchName, match=r"no endpoint named 'prod'.*: 'default', 'retrain'"):
        connected(workspace, "census", "prod")


def test_a_key_that_was_changed_is_read_again_once_and_the_poll_goes_on(
    workspace: Workspace,
) -> None:
    with blocking(workspace, "census", "retrain") as backend:
        workspace.key = "key-2"

        for _ in range(3):
            backend.run(backend.verbs.poll(JobId("j1")))

    assert workspace.server.lines.count(f"GET {MANAGEMENT}/s1/endpoints/retrain") == 2


async def test_a_key_that_was_changed_is_read_again_in_a_trigger_too(
    workspace: Workspace,
) -> None:
    backend = await aconnect(workspace.settings, "census", "retrain")
    workspace.key = "key-2"

    await asyncio.gather(*[backend.arun(backend.verbs.poll(JobId("j1"))) for _ in range(10)])

    assert workspace.server.lines.count(f"GET {MANAGEMENT}/s1/endpoints/retrain") == 2


async def test_a_key_and_a_token_that_are_both_refused_end_the_wait(workspace: Workspace) -> None:
    backend = await aconnect(workspace.settings, "census", "retrain")
    workspace.key, workspace.token = "key-2", "an0ther"

    async with asyncio.timeout(20):
        with pytest.raises(UnexpectedAnswer, match=r"endpoints/retrain.*got 401"):
            await backend.arun(backend.verbs.poll(JobId("j1")))


def test_a_wrong_token_is_told_as_what_it_is(workspace: Workspace) -> None:
    wrong = StudioSettings(workspace.server.url, "w", Secret("other"))

    with pytest.raises(UnexpectedAnswer, match="got 401"):
        connect(wrong, "census")


async def test_a_crowd_of_triggers_shares_one_look_up_and_one_backend(
    workspace: Workspace,
) -> None:
    backends = await asyncio.gather(
        *[aconnect(workspace.settings, "census", "retrain") for _ in range(50)]
    )

    assert len({id(backend) for backend in backends}) == 1
    assert len(workspace.server.heard) == 2


async def test_what_nobody_waits_with_any_more_is_forgotten(workspace: Workspace) -> None:
    backend = await aconnect(workspace.settings, "census", "retrain")

    del backend
    gc.collect()
    again = await aconnect(workspace.settings, "census", "retrain")

    assert again.name == "w/census/retrain"
    assert len(workspace.server.heard) == 4


async def test_a_look_up_that_failed_or_was_cancelled_spoils_no_other(
    workspace: Workspace,
) -> None:
    with pytest.raises(NoSuchName):
        await aconnect(workspace.settings, "census", "prod")
    hasty = asyncio.create_task(aconnect(workspace.settings, "census", "retrain"))
    patient = asyncio.create_task(aconnect(workspace.settings, "census", "retrain"))
    await asyncio.sleep(0)

    hasty.cancel()

    assert (await patient).name == "w/census/retrain"
    assert workspace.server.lines[-2:] == [
        f"GET {MANAGEMENT}",
        f"GET {MANAGEMENT}/s1/endpoints/retrain",
    ]


async def test_a_crowd_shares_the_trouble_of_a_look_up_and_does_not_line_up_for_its_own(
    workspace: Workspace,
) -> None:
    with pytest.raises(NoSuchName):
        await aconnect(workspace.settings, "census", "prod")
    asked = len(workspace.server.heard)

    crowd = [aconnect(workspace.settings, "census", "prod") for _ in range(50)]
    said = await asyncio.gather(*crowd, return_exceptions=True)

    assert all(isinstance(each, NoSuchName) for each in said)
    assert len(workspace.server.heard) == 2 * asked


async def test_a_look_up_ends_with_the_last_who_waits_for_it_and_is_in_nobody_s_way(
    workspace: Workspace,
) -> None:
    arrived, may_answer = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hangs(_heard: Heard) -> Reply:
        loop.call_soon_threadsafe(arrived.set)
        may_answer.wait(10)
        return Say(None, 500)

    workspace.server.script = hangs
    waiting = [
        asyncio.create_task(aconnect(workspace.settings, "census", "retrain")) for _ in range(3)
    ]
    await arrived.wait()
    workspace.server.script = workspace.script

    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert (await aconnect(workspace.settings, "census", "retrain")).name == "w/census/retrain"
    may_answer.set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_an_event_loop_that_is_gone_takes_its_backends_along(workspace: Workspace) -> None:
    others = set(module._backends._loops)

    asynchronous(workspace, "census")
    gc.collect()

    assert set(module._backends._loops) <= others


@pytest.mark.parametrize(
    ("created", "now", "settling"),
    [
        ("2016-03-31T21:00:00Z", CREATED, 60.0),
        ("2016-03-31T21:00:00", CREATED + 20, 40.0),
        ("2016-03-31T21:00:00.1234567Z", CREATED + 60.2, 0.0),
        ("2016-03-31T21:00:00Z", CREATED - 900, 60.0),
        ("2016-03-31T21:00:00Z", CREATED + 86400, 0.0),
        ("", CREATED, 0.0),
        ("yesterday", CREATED, 0.0),
    ],
)
def test_only_an_endpoint_made_a_moment_ago_is_given_time_to_settle(
    workspace: Workspace, created: str, now: float, settling: float
) -> None:
    workspace.created = created

    backend = connect(workspace.settings, "census", "retrain", clock=lambda: now)

    assert isinstance(backend.verbs, ClassicVerbs)
    assert backend.verbs.settling == pytest.approx(settling)


def test_a_workspace_is_managed_without_an_endpoint(workspace: Workspace) -> None:
    with studio(workspace.settings) as manager:
        services = manager.run(manager.workspace.services())

    assert [each.name for each in services] == ["census"]
    assert asyncio.run(manager.arun(manager.workspace.services())) == services


def test_a_workspace_may_be_named_by_its_region() -> None:
    manager = studio(StudioSettings("West Europe", "w", Secret("t")))

    assert manager.workspace.url == "https://europewest.management.azureml.net/workspaces/w"
