"""What is promised of credentials: who may ask what, and how a refusal reads."""

import base64

import pytest
import requests

from tests.emulator.studio import VERSION, Service, Studio, details


@pytest.fixture(scope="module")
def known() -> dict[str, Service]:
    return {}


@pytest.fixture
def scoring(studio: Studio, known: dict[str, Service]) -> Service:
    """One service for the whole file: nothing here changes it."""
    if "scoring" not in known:
        known["scoring"] = studio.publish("scoring")
    return known["scoring"]


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "Bearer  ", "BEARER   "])
def test_the_scheme_is_matched_without_case_and_with_extra_blanks(
    studio: Studio, scoring: Service, scheme: str
) -> None:
    headers = {"Authorization": scheme + scoring.key}

    answer = requests.get(f"{scoring.api}/jobs/x{VERSION}", headers=headers, timeout=30)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}]
)
def test_the_data_plane_refuses_in_documented_words(
    scoring: Service, headers: dict[str, str]
) -> None:
    answer = requests.post(f"{scoring.api}/jobs{VERSION}", json={}, headers=headers, timeout=30)

    assert details(answer) == (401, "Unauthorized", ["ScoreRequestUnauthorized"])
    assert answer.json()["error"]["details"][0]["message"] == "Invalid credentials provided."


def test_the_management_plane_refuses_in_documented_words(studio: Studio, scoring: Service) -> None:
    answer = studio.manage("GET", scoring, key="wrong")

    assert details(answer) == (401, "Unauthorized", ["ManagementRequestUnauthorized"])


def test_both_keys_are_88_characters_and_both_open(studio: Studio, scoring: Service) -> None:
    endpoint = studio.manage("GET", scoring, f"/{scoring.id}/endpoints/default").json()

    for key in (endpoint["PrimaryKey"], endpoint["SecondaryKey"]):
        assert len(key) == 88
        assert len(base64.b64decode(key, validate=True)) == 64
        assert studio.data("GET", f"{scoring.api}/jobs/x{VERSION}", key).status_code == 404
    assert endpoint["PrimaryKey"] != endpoint["SecondaryKey"]


def test_an_endpoints_key_reads_its_own_endpoint_and_no_other(
    studio: Studio, scoring: Service
) -> None:
    other = studio.endpoint(scoring, "other")
    path = f"/{scoring.id}/endpoints"

    own = studio.manage("GET", scoring, f"{path}/other", key=other["PrimaryKey"])
    foreign = studio.manage("GET", scoring, f"{path}/default", key=other["PrimaryKey"])
    listed = studio.manage("GET", scoring, path, key=other["PrimaryKey"])

    assert own.status_code == 200
    assert foreign.status_code == listed.status_code == 401


def test_adding_an_endpoint_needs_the_workspaces_token(studio: Studio, scoring: Service) -> None:
    path = f"/{scoring.id}/endpoints/another"

    assert studio.manage("PUT", scoring, path, {}, key=scoring.key).status_code == 401


def test_what_does_not_exist_is_named_in_documented_words(studio: Studio, scoring: Service) -> None:
    other = studio.publish("training")
    guid = scoring.api.rpartition("/")[2]
    services = f"{studio.url}/workspaces/{scoring.workspace}/services"

    def data(url: str) -> tuple[int, str, list[str]]:
        return details(studio.data("GET", f"{url}/jobs/x{VERSION}", scoring.key))

    assert data(f"{services}/{'0' * 32}") == (404, "NotFound", ["WebServiceNotFound"])
    assert data(f"{services}/nonsense") == (400, "BadArgument", ["WebServiceIdInvalid"])
    assert data(f"{studio.url}/workspaces/none/services/{guid}") == (
        404,
        "NotFound",
        ["WorkspaceNotFound"],
    )
    assert data(f"{studio.url}/workspaces/{other.workspace}/services/{guid}") == (
        404,
        "NotFound",
        ["WebServiceIdNotFoundInWorkspace"],
    )
    assert details(studio.manage("GET", scoring, f"/{other.id}")) == (
        404,
        "NotFound",
        ["WebServiceIdNotFoundInWorkspace"],
    )


def test_the_api_version_is_required_and_version_1_is_not_emulated(
    studio: Studio, scoring: Service
) -> None:
    jobs = f"{scoring.api}/jobs"

    first = studio.data("POST", jobs, scoring.key, {})
    other = studio.data("POST", f"{jobs}?api-version=3.0", scoring.key, {})
    none = studio.data("GET", f"{jobs}/x", scoring.key)

    assert details(first)[:2] == (501, "NotImplemented")
    assert "jobs of version 1" in first.text
    assert details(other) == details(none) == (400, "BadArgument", ["BadVersionCall"])


def test_an_answer_carries_a_request_id(studio: Studio, scoring: Service) -> None:
    assert studio.manage("GET", scoring, key="wrong").headers["x-ms-request-id"]
