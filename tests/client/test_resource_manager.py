"""What is promised of a subscription: services and their keys are looked up when needed, once."""

import asyncio
import gc
import time
import weakref
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.identity import IdentitySettings
from airflow_aml_retrain.client.resource_manager import ArmSettings, aconnect, connect, manager
from airflow_aml_retrain.client.trial import try_subscription
from airflow_aml_retrain.errors import NoSuchName, NotConfigured
from airflow_aml_retrain.wire.arm import ArmVerbs
from airflow_aml_retrain.wire.jobs import JobId, JobState
from airflow_aml_retrain.wire.secret import Secret
from tests.client.loopback import Heard, Loopback, Reply, Say

GROUP = "/subscriptions/S1/resourceGroups/Retail"
PLACE = f"{GROUP}/providers/Microsoft.MachineLearning/webServices/Census"
LIST = "GET /subscriptions/S1/providers/Microsoft.MachineLearning/webServices"
READ = f"GET {PLACE}"
KEYS = f"{READ}/listKeys"
SIGN_IN = "GET /identity/token"
API = "/subscriptions/0a1b/services/e1"
JOB = JobId("j1")


class Subscription:
    """The other side: one service, whose key can be changed, and a token that can be refused."""

    def __init__(self, server: Loopback) -> None:
        self.server = server
        self.key = "key-1"
        self.issued = 0
        self.refused: set[str] = set()
        self.created = "2016-03-31T21:00:00Z"
        server.script = self.script

    @property
    def settings(self) -> ArmSettings:
        return ArmSettings(
            url=f"{self.server.url}/", subscription="S1", identity=IdentitySettings()
        )

    def lines(self) -> list[str]:
        """What was asked, without queries."""
        return [line.partition("?")[0] for line in self.server.lines]

    def script(self, heard: Heard) -> Reply:
        path = heard.path.partition("?")[0]
        if path == "/identity/token":
            return self.token()
        key = heard.headers["authorization"].removeprefix("Bearer ")
        if path.startswith(API):
            return Say({"StatusCode": "Running"}) if key == self.key else Say(None, 401)
        if key != f"token-{self.issued}" or key in self.refused:
            return Say(None, 401)
        pages: dict[str, object] = {
            LIST.partition(" ")[2]: {"value": [self.definition()]},
            PLACE: self.definition(),
            f"{PLACE}/listKeys": {"primary": self.key, "secondary": "k2"},
        }
        page = pages.get(path)
        return Say(page) if page else Say(None, 404)

    def token(self) -> Reply:
        self.issued += 1
        ends = str(int(time.time()) + 3600)
        what = {"resource": "https://management.azure.com", "token_type": "Bearer"}
        said = {"access_token": f"token-{self.issued}", "expires_on": ends, **what}
        return Say(said, headers={"Content-Type": "application/json"})

    def definition(self) -> dict[str, object]:
        properties = {
            "packageType": "Graph",
            "provisioningState": "Succeeded",
            "createdOn": self.created,
            "swaggerLocation": f"{self.server.url}{API}/swagger.json",
            "assets": {},
        }
        return {"id": PLACE, "name": "Census", "location": "West", "properties": properties}


@pytest.fixture
def subscription(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Subscription:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/identity/token")
    monkeypatch.setenv("IDENTITY_HEADER", "this machine")
    return Subscription(server)


def blocking(settings: ArmSettings, service: str) -> Backend:
    return connect(settings, service)


def asynchronous(settings: ArmSettings, service: str) -> Backend:
    return asyncio.run(aconnect(settings, service))


Connect = Callable[[ArmSettings, str], Backend]
BOTH = pytest.mark.parametrize("connected", [blocking, asynchronous])


@BOTH
@pytest.mark.parametrize("name", ["Retail/Census", PLACE, "Census"])
def test_a_service_is_found_by_any_of_its_names(
    subscription: Subscription, connected: Connect, name: str
) -> None:
    backend = connected(subscription.settings, name)

    host = urlsplit(subscription.server.url).netloc
    assert backend.name == "Retail/Census"
    assert backend.uri == f"azureml-arm://{host}{PLACE.lower()}"
    assert backend.api_url == f"{subscription.server.url}{API}"
    listing = [LIST] if name == "Census" else []
    assert subscription.lines() == [SIGN_IN, *listing, READ]


@BOTH
def test_it_is_polled_with_a_key_that_is_read_when_it_is_needed(
    subscription: Subscription, connected: Connect
) -> None:
    backend = connected(subscription.settings, "Retail/Census")
    before = subscription.lines()

    with backend:
        states = [backend.run(backend.verbs.poll(JOB)).state for _ in range(2)]

    assert states == [JobState.RUNNING] * 2
    assert KEYS not in before
    assert subscription.lines().count(KEYS) == 1
    assert "key-1" not in f"{backend!r} {vars(backend)} {vars(backend.keyring)}"
    assert "token-1" not in f"{backend!r} {vars(backend)} {vars(backend.keyring)}"


def test_the_token_does_not_go_where_the_service_answers(subscription: Subscription) -> None:
    with connect(subscription.settings, "Retail/Census") as backend:
        backend.run(backend.verbs.poll(JOB))

    [poll] = [heard for heard in subscription.server.heard if heard.path.startswith(API)]
    assert poll.headers["authorization"] == "Bearer key-1"


def test_a_group_in_the_connection_spares_the_look_up(subscription: Subscription) -> None:
    settings = ArmSettings(
        url=subscription.server.url,
        subscription="S1",
        identity=IdentitySettings(),
        resource_group="Retail",
    )

    assert connect(settings, "Census").name == "Retail/Census"
    assert LIST not in subscription.lines()


def test_an_unknown_name_is_an_error_that_names_the_existing_ones(
    subscription: Subscription,
) -> None:
    with pytest.raises(NoSuchName, match=r"no web service named 'Flights'.*'Retail/Census'"):
        connect(subscription.settings, "Flights")


def test_a_changed_key_is_read_again_once_and_the_poll_goes_on(subscription: Subscription) -> None:
    with connect(subscription.settings, "Retail/Census") as backend:
        backend.run(backend.verbs.poll(JOB))
        subscription.key = "key-2"

        for _ in range(3):
            backend.run(backend.verbs.poll(JOB))

    assert subscription.lines().count(KEYS) == 2


async def test_a_crowd_of_triggers_shares_one_look_up_one_token_and_one_key(
    subscription: Subscription,
) -> None:
    found = await asyncio.gather(
        *[aconnect(subscription.settings, "Retail/Census") for _ in range(50)]
    )
    await asyncio.gather(*[backend.arun(backend.verbs.poll(JOB)) for backend in found])

    assert len({id(backend) for backend in found}) == 1
    lines = subscription.lines()
    assert [lines.count(line) for line in (SIGN_IN, READ, KEYS)] == [1, 1, 1]


async def test_two_services_of_a_subscription_share_a_token(subscription: Subscription) -> None:
    one = await aconnect(subscription.settings, "Retail/Census")
    two = await aconnect(subscription.settings, "Census")

    assert one is not two
    assert subscription.lines().count(SIGN_IN) == 1


async def test_a_key_and_a_token_that_are_refused_together_are_both_renewed(
    subscription: Subscription,
) -> None:
    backend = await aconnect(subscription.settings, "Retail/Census")
    await backend.arun(backend.verbs.poll(JOB))
    subscription.key, subscription.refused = "key-2", {"token-1"}

    polls = [backend.arun(backend.verbs.poll(JOB)) for _ in range(10)]
    async with asyncio.timeout(20):
        reports = await asyncio.gather(*polls)

    assert {report.state for report in reports} == {JobState.RUNNING}
    lines = subscription.lines()
    assert [lines.count(line) for line in (SIGN_IN, KEYS)] == [2, 3]


def test_an_event_loop_that_is_gone_takes_its_backends_and_tokens_along(
    subscription: Subscription,
) -> None:
    async def looked_up() -> list[weakref.ref[object]]:
        backend = await aconnect(subscription.settings, "Retail/Census")
        return [weakref.ref(backend), weakref.ref(backend.keyring.tokens)]

    gone = asyncio.run(looked_up())
    gc.collect()

    assert [each() for each in gone] == [None, None]


@BOTH
def test_whoever_masks_secrets_is_told_each(subscription: Subscription, connected: Connect) -> None:
    told: list[Secret] = []
    if connected is blocking:
        backend = connect(subscription.settings, "Retail/Census", told=told.append)
    else:
        backend = asyncio.run(aconnect(subscription.settings, "Retail/Census", told=told.append))

    with backend:
        backend.run(backend.verbs.poll(JOB))
        subscription.refused = {"token-1"}
        subscription.key = "key-2"
        backend.run(backend.verbs.poll(JOB))

    assert told == [Secret("token-1"), Secret("key-1"), Secret("token-2"), Secret("key-2")]


@pytest.mark.parametrize(
    ("scope", "resource"),
    [
        ("", "https://management.azure.com"),
        ("https://management.usgovcloudapi.net/.default", "https://management.usgovcloudapi.net"),
    ],
)
def test_a_token_is_asked_for_the_cloud_of_the_connection(
    subscription: Subscription, scope: str, resource: str
) -> None:
    settings = ArmSettings(
        url=subscription.server.url, subscription="S1", identity=IdentitySettings(), scope=scope
    )

    connect(settings, "Retail/Census")

    asked = parse_qs(urlsplit(subscription.server.heard[0].path).query)
    assert asked["resource"] == [resource]


@pytest.mark.parametrize("url", ["http://management.example", "ftp://management.azure.com"])
def test_a_token_goes_to_no_host_that_is_not_safe(subscription: Subscription, url: str) -> None:
    settings = ArmSettings(url=url, subscription="S1", identity=IdentitySettings())

    with pytest.raises(NotConfigured):
        connect(settings, "Retail/Census")

    assert subscription.lines() == []


@pytest.mark.parametrize(("ago", "settling"), [(0.0, 60.0), (20.0, 40.0), (900.0, 0.0)])
def test_only_a_service_made_a_moment_ago_is_given_time_to_settle(
    subscription: Subscription, ago: float, settling: float
) -> None:
    made = time.time()
    subscription.created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made))

    backend = connect(subscription.settings, "Retail/Census", clock=lambda: int(made) + ago)

    assert isinstance(backend.verbs, ArmVerbs)
    assert backend.verbs.settling == pytest.approx(settling)


def test_a_subscription_is_tried_by_listing_its_services(subscription: Subscription) -> None:
    with manager(subscription.settings) as arm:
        well, saw = try_subscription(arm)

    assert well
    assert saw.endswith("knows the principal and shows 1 web services: 'Retail/Census'.")
