"""What is promised of URLs: copied in any of their forms, and no job of another service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import BadInput, NotConfigured, WireError
from airflow_aml_retrain.wire.jobs import JobId
from airflow_aml_retrain.wire.references import (
    api_url_of,
    endpoint_path,
    endpoint_url_of,
    job_id,
    job_of,
    job_reference,
    management_url_of,
)

API = "https://ussouthcentral.services.azureml.net/workspaces/w1/services/s1"
ENDPOINT = "https://management.azureml.net/workspaces/w1/webservices/s1/endpoints/retrain"
JOBS = st.text(alphabet="0123456789abcdefABCDEF-_", min_size=1, max_size=64).map(JobId)


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "/",
        "/jobs",
        "/jobs/",
        "/jobs?api-version=2.0",
        "/jobs?api-version=2.0 ",
        "?api-version=2.0",
        "/execute?api-version=2.0&details=true",
        "/execute?api-version=2.0&format=swagger",
        "/score",
        "/swagger.json",
        "/jobs#here",
    ],
)
def test_a_service_is_known_by_any_url_that_people_copy(tail: str) -> None:
    assert api_url_of(API + tail) == API


@pytest.mark.parametrize(
    "url",
    [
        "https://h.test/subscriptions/0123abcd/services/s1",
        "http://127.0.0.1:8080/workspaces/w/services/s",
        "https://gateway.test/aml/v1/workspaces/w/services/s",
    ],
)
def test_new_services_emulators_and_gateways_have_urls_too(url: str) -> None:
    assert api_url_of(url + "/jobs?api-version=2.0") == url


def test_a_host_is_the_same_in_any_case() -> None:
    assert api_url_of(API.replace("ussouthcentral", "USSouthCentral")) == API


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "ftp://h.test/workspaces/w/services/s",
        "https://user:pass@h.test/workspaces/w/services/s",
        "https://h.test/",
        "https://h.test/workspaces/w/services",
        "https://h.test/workspaces/w/services/s/unknown",
        "https://h.test/workspaces/w/services/s/jobs/j1",
        "https://studio.azureml.net/apihelp/workspaces/w/webservices/s/endpoints/e/jobs",
        ENDPOINT,
    ],
)
def test_another_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(NotConfigured, match=r"https://REGION.services.azureml.net/work") as caught:
        api_url_of(url)

    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("tail", ["", "/", ".", "?x=1", "/refresh", "/ "])
def test_an_endpoint_is_known_by_any_form_of_its_patch_url(tail: str) -> None:
    assert endpoint_url_of(ENDPOINT + tail) == ENDPOINT


def test_an_endpoint_url_tells_workspace_service_and_endpoint() -> None:
    assert endpoint_path(ENDPOINT.replace("retrain", "re%20train")) == ("w1", "s1", "re train")


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("ussouthcentral", "https://management.azureml.net"),
        ("South Central US", "https://management.azureml.net"),
        ("West Europe", "https://europewest.management.azureml.net"),
        ("japaneast", "https://japaneast.management.azureml.net"),
        ("germanycentral", "https://germanycentral.management.azureml.de"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ],
)
def test_a_workspace_is_found_by_region_or_by_url(region: str, url: str) -> None:
    assert management_url_of(region) == url


def test_an_unknown_region_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(NotConfigured, match=r"japaneast.*or a management URL, got 'moonbase'"):
        management_url_of("moonbase")


@given(JOBS)
def test_a_job_reference_leads_back_to_its_job(job: JobId) -> None:
    assert job_of(job_reference(API, job), API) == job


@given(st.text())
def test_no_other_text_leads_to_a_job(reference: str) -> None:
    with pytest.raises(BadInput):
        job_of(reference, API)


@pytest.mark.parametrize(
    "reference",
    [
        "https://evil.test/workspaces/w1/services/s1/jobs/j1",
        f"{API}2/jobs/j1",
        f"{API}/jobs/",
        f"{API}/jobs/j1?x=1",
        f"{API}/jobs/../../s2/jobs/j1",
        f"{API}/jobs/j1/../j2",
        f"{API}/jobs/..",
        "j1",
    ],
)
def test_a_job_of_another_service_is_refused(reference: str) -> None:
    with pytest.raises(BadInput):
        job_of(reference, API)


@pytest.mark.parametrize("said", [None, 7, "", "a/b", "..", {"Id": "j1"}, ["j1"], "x" * 200])
def test_a_submit_that_answers_no_id_is_an_error(said: object) -> None:
    with pytest.raises(WireError, match="expected a job id"):
        job_id(said)
