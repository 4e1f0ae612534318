"""What is promised of the buttons in Airflow's UI: a remembered URL, no look-ups, no secrets."""

from typing import Any, cast

import pytest
from airflow.sdk import BaseOperator, Context
from airflow.sdk.execution_time import xcom
from airflow.sdk.types import TaskInstanceKey

from airflow_aml_retrain.links.pages import endpoint_page, job_page, report_page
from airflow_aml_retrain.links.task import (
    EndpointLink,
    JobLink,
    RememberedLink,
    ReportLink,
    persist,
)

LINKS: list[type[RememberedLink]] = [JobLink, EndpointLink, ReportLink]
KEY = cast("TaskInstanceKey", None)


class Pushed(dict[str, Any]):
    """A task instance, and XCom, as far as links see them."""

    def xcom_push(self, key: str, value: object) -> None:
        self[key] = value

    def get_value(self, *, ti_key: object, key: str) -> object:
        return self.get(key)


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> Pushed:
    """What was pushed; reading it is the only thing that a link may do."""
    pushed = Pushed()
    monkeypatch.setattr(xcom.XCom, "get_value", pushed.get_value)
    return pushed


def context(pushed: Pushed) -> Context:
    return cast("Context", {"ti": pushed})


@pytest.mark.parametrize("link", LINKS)
def test_a_link_is_what_the_operator_left(link: type[RememberedLink], pushed: Pushed) -> None:
    persist(context(pushed), link, "https://studio.azureml.net/page")

    operator = BaseOperator(task_id="any")
    assert link().get_link(operator, ti_key=KEY) == "https://studio.azureml.net/page"
    assert list(pushed) == [f"_link_{link.__name__}"]


@pytest.mark.parametrize("link", LINKS)
def test_there_is_no_link_before_the_operator_left_one(
    link: type[RememberedLink], pushed: Pushed
) -> None:
    assert link().get_link(BaseOperator(task_id="any"), ti_key=KEY) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://a.blob.core.windows.net/c/p.json?sv=2020&sig=abc",
        "https://me:abc@host/page",
        "https://host/page?apikey=abc",
    ],
)
def test_a_url_with_a_secret_never_becomes_a_link(url: str, pushed: Pushed) -> None:
    with pytest.raises(ValueError, match="would show a secret") as refused:
        persist(context(pushed), JobLink, url)

    assert not pushed
    assert "abc" not in str(refused.value)


API = "https://ussouthcentral.services.azureml.net/workspaces/w1/services/e1"
URI = "azureml-studio://management.azureml.net/workspaces/w1/webservices/s1/endpoints/retrain"
HELP = "https://studio.azureml.net/apihelp/workspaces/w1/webservices/s1/endpoints/e1"


def test_the_service_itself_has_help_pages() -> None:
    assert endpoint_page(API, URI) == HELP
    assert job_page(f"{API}/jobs/j1", URI) == f"{HELP}/jobs"


def test_a_service_known_only_by_its_url_is_shown_by_that() -> None:
    assert endpoint_page(API) == API
    assert job_page(f"{API}/jobs/j1") == f"{API}/jobs/j1"


def test_a_new_web_service_is_a_resource_of_the_portal() -> None:
    resource = "/subscriptions/s1/resourcegroups/g1/providers/microsoft.machinelearning/a"
    api = "https://ussouthcentral.services.azureml.net/subscriptions/s1/services/e1"

    page = endpoint_page(api, f"azureml-arm://management.azure.com{resource}")

    assert page == f"https://portal.azure.com/#resource{resource}"
    assert job_page(f"{api}/jobs/j1", f"azureml-arm://management.azure.com{resource}") == page


def test_the_emulator_shows_all_on_its_own_page() -> None:
    api = "http://127.0.0.1:8090/workspaces/w1/services/e1"

    assert endpoint_page(api, URI) == "http://127.0.0.1:8090/"
    assert job_page(f"{api}/jobs/j1", URI) == "http://127.0.0.1:8090/#j1"


@pytest.mark.parametrize("map_index", [None, -1])
def test_a_report_is_a_page_of_airflow_itself(map_index: int | None) -> None:
    page = report_page("https://airflow.test/team/", "dag", "scheduled__a+b:c", "g.task", map_index)

    assert page == "https://airflow.test/team/aml-retrain/report/dag/scheduled__a%2Bb%3Ac/g.task"


def test_a_mapped_task_has_a_report_of_its_own_and_no_host_is_needed() -> None:
    assert report_page("", "dag", "run", "task", 3) == "/aml-retrain/report/dag/run/task/3"
