"""
What is promised of signing in at the emulator: its own words for who is not let in.

That Microsoft's credentials obtain tokens here is shown in `tests/client/test_tokens.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import requests

from airflow_aml_retrain.emulator.serving import Served
from tests.emulator.studio import HandClock

SCOPE: Final = "https://management.azure.com/.default"
LIFETIME: Final = 3600
LIST: Final = (
    "/subscriptions/s/providers/Microsoft.MachineLearning/webServices?api-version=2017-01-01"
)


@dataclass(frozen=True)
class Tenant:
    """One principal of the emulator at *url*, and plain HTTP on its behalf."""

    url: str
    principal: dict[str, str] = field(default_factory=dict)

    def sign_in(self, **form: str | None) -> requests.Response:
        given: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_id": self.principal["client_id"],
            "client_secret": self.principal["client_secret"],
            "scope": SCOPE,
        }
        url = f"{self.url}/{self.principal['tenant_id']}/oauth2/v2.0/token"
        return requests.post(url, data={**given, **form}, timeout=30)

    def token(self) -> str:
        return str(self.sign_in().json()["access_token"])

    def identity(self, header: str | None = None, **query: str) -> requests.Response:
        """Ask the machine's endpoint."""
        asked = {"api-version": "2019-08-01", "resource": "https://management.azure.com", **query}
        headers = {"X-IDENTITY-HEADER": header or self.principal["identity_header"]}
        url = f"{self.url}/identity/token"
        return requests.get(url, params=asked, headers=headers, timeout=30)

    def listed(self, authorization: str | None) -> requests.Response:
        """Ask the Resource Manager for something."""
        headers = {"Authorization": authorization} if authorization is not None else {}
        return requests.get(self.url + LIST, headers=headers, timeout=30)

    def control(self, method: str, path: str, body: object = None) -> Any:
        url = f"{self.url}/_emulator/{path}"
        answer = requests.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@pytest.fixture
def tenant(served: Served, hand_clock: HandClock) -> Iterator[Tenant]:
    principal = Tenant(served.url).control("POST", "principals", {})
    yield Tenant(served.url, principal)
    hand_clock.ahead = 0.0
    Tenant(served.url).control("DELETE", "faults")


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def number(answer: requests.Response) -> tuple[int, str, int]:
    said = answer.json()
    assert said["error_description"].startswith(f"AADSTS{said['error_codes'][0]}: ")
    return answer.status_code, said["error"], said["error_codes"][0]


def test_who_may_sign_in_is_registered_once_and_may_bring_their_own_names(tenant: Tenant) -> None:
    wish = {
        "tenant_id": "T1",
        "client_id": "App",
        "client_secret": "s3cret",
        "identity_header": "H1",
    }

    made = tenant.control("POST", "principals", wish)
    again = tenant.control("POST", "principals", {**wish, "client_secret": "another"})

    assert made == again
    assert (made["tenant_id"], made["client_id"], made["client_secret"]) == ("t1", "app", "s3cret")
    assert made["identity_header"] == "H1"
    assert tenant.principal["identity_header"]


def test_a_token_says_what_a_client_needs_to_know(tenant: Tenant) -> None:
    said = tenant.sign_in().json()

    assert said["token_type"] == "Bearer"
    assert LIFETIME - 5 <= said["expires_in"] <= LIFETIME
    assert tenant.listed(f"Bearer {said['access_token']}").status_code == 200


def test_the_machine_s_endpoint_speaks_as_app_service_does(
    tenant: Tenant, hand_clock: HandClock
) -> None:
    said = tenant.identity().json()

    assert abs(int(said["expires_on"]) - hand_clock() - LIFETIME) < 5
    assert said["client_id"] == tenant.principal["client_id"]
    assert said["resource"] == "https://management.azure.com"
    assert tenant.listed(f"bearer  {said['access_token']}").status_code == 200


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"header": "wrong"}, 401),
        ({"resource": ""}, 400),
        ({"api-version": "2017-09-01"}, 400),
        ({"client_id": "another"}, 400),
    ],
)
def test_the_machine_s_endpoint_gives_a_token_to_nobody_else(
    tenant: Tenant, asked: dict[str, Any], status: int
) -> None:
    answer = tenant.identity(**asked)

    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert "access_token" not in answer.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_secret": None}, (401, "invalid_client", 7000218)),
        ({"client_id": "nobody"}, (400, "unauthorized_client", 700016)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": "https://management.azure.com"}, (400, "invalid_scope", 1002012)),
    ],
)
def test_who_is_not_let_in_is_told_in_azure_ad_s_words(
    tenant: Tenant, form: dict[str, str | None], said: tuple[int, str, int]
) -> None:
    assert number(tenant.sign_in(**form)) == said


@pytest.mark.parametrize("assertion", ["", "no.jwt.atall", "of-the-cluster "])
def test_an_assertion_that_proves_nothing_is_refused(tenant: Tenant, assertion: str) -> None:
    wish = {"tenant_id": "t2", "client_id": "cluster", "federated_token": "of-the-cluster"}
    cluster = Tenant(tenant.url, tenant.control("POST", "principals", wish))
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    answer = cluster.sign_in(client_assertion_type=kind, client_assertion=assertion)
    good = cluster.sign_in(client_assertion_type=kind, client_assertion="of-the-cluster")

    assert number(answer) == (401, "invalid_client", 700027)
    assert good.status_code == 200


def test_a_tenant_that_nobody_registered_is_not_found(tenant: Tenant) -> None:
    url = f"{tenant.url}/nobody/v2.0/.well-known/openid-configuration"

    assert number(requests.get(url, timeout=30)) == (400, "invalid_tenant", 90002)


def test_a_tenant_says_where_its_tokens_are(tenant: Tenant) -> None:
    place = f"{tenant.url}/{tenant.principal['tenant_id']}"

    said = requests.get(f"{place}/v2.0/.well-known/openid-configuration", timeout=30).json()

    assert said["token_endpoint"] == f"{place}/oauth2/v2.0/token"
    assert said["issuer"] == f"{place}/v2.0"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "AuthenticationFailed"),
        ("Basic abc", "AuthenticationFailedInvalidHeader"),
        ("Bearer", "AuthenticationFailedInvalidHeader"),
        ("Bearer nonsense", "InvalidAuthenticationToken"),
    ],
)
def test_the_resource_manager_lets_nobody_in_without_a_token(
    tenant: Tenant, authorization: str | None, code: str
) -> None:
    answer = tenant.listed(authorization)

    assert error(answer) == (401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer authorization_uri=")
    assert "details" not in answer.json()["error"]


def test_a_token_for_something_else_is_refused(tenant: Tenant) -> None:
    vault = tenant.sign_in(scope="https://vault.azure.net/.default").json()["access_token"]

    answer = tenant.listed(f"Bearer {vault}")

    assert error(answer) == (401, "InvalidAuthenticationTokenAudience")
    assert "'https://vault.azure.net'" in answer.text


def test_a_token_ends_after_its_lifetime(tenant: Tenant, hand_clock: HandClock) -> None:
    token = tenant.token()

    hand_clock.ahead = LIFETIME - 5
    before = tenant.listed(f"Bearer {token}")
    hand_clock.ahead = LIFETIME + 5

    assert before.status_code == 200
    assert error(tenant.listed(f"Bearer {token}")) == (401, "ExpiredAuthenticationToken")


def test_a_token_can_be_made_to_expire_and_stays_so(tenant: Tenant) -> None:
    token = tenant.token()
    tenant.control("POST", "faults", {"do": {"expire_tokens": True}})

    answers = [tenant.listed(f"Bearer {token}") for _ in range(2)]

    assert [error(answer) for answer in answers] == [(401, "ExpiredAuthenticationToken")] * 2
    assert tenant.listed(f"Bearer {tenant.token()}").status_code == 200


def test_signing_in_can_be_made_to_fail(tenant: Tenant) -> None:
    fault = {"plane": "identity", "times": 2, "do": {"status": 503}}
    tenant.control("POST", "faults", fault)

    statuses = [tenant.sign_in().status_code, tenant.identity().status_code]

    assert statuses == [503, 503]
    assert tenant.sign_in().status_code == 200


def test_the_log_shows_that_a_token_was_asked_for_and_no_secret(tenant: Tenant) -> None:
    tenant.identity()
    tenant.sign_in()

    seen = tenant.control("GET", "requests")[-2:]

    place = f"/{tenant.principal['tenant_id']}/oauth2/v2.0/token"
    assert [each["path"] for each in seen] == ["/identity/token", place]
    assert [each["plane"] for each in seen] == ["identity"] * 2
