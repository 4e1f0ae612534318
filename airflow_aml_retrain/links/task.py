"""
The buttons of a task in Airflow's UI: to its job, its endpoint, the report of its decision.

Law: a link is a finished URL without a secret, which the operator left in XCom with `persist`.
So showing it asks nobody: no connection is read, and no service is called.
"""

import re
from typing import TYPE_CHECKING, Final, Protocol

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

REPORT: Final = "aml_retrain_report"
"""The XCom that tells our plugin where the report of a task lies."""

_SECRET: Final = re.compile(r"[?&](sig|api-?key|token)=|//[^/]*@", re.IGNORECASE)


class Pointed(Protocol):
    """What can be pointed to: a backend."""

    @property
    def api_url(self) -> str: ...
    @property
    def uri(self) -> str: ...


class RememberedLink(BaseOperatorLink):
    """A link that an operator left in XCom; empty until then."""

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        from airflow.sdk.execution_time.xcom import XCom

        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")


class JobLink(RememberedLink):
    """The batch job that the task submitted, waits for, or used."""

    name = "Job"


class EndpointLink(RememberedLink):
    """The endpoint that the task spoke to or changed."""

    name = "Endpoint"


class ReportLink(RememberedLink):
    """The report of the decision that the task made, or went by."""

    name = "Report"


def persist(context: "Context", link: type[RememberedLink], url: str) -> None:
    """Leave *url* for the button *link* of the running task."""
    if _SECRET.search(url):
        msg = f"the URL for {link.__name__} would show a secret in Airflow's UI"
        raise ValueError(msg)
    context["ti"].xcom_push(key=link().xcom_key, value=url)


def show_endpoint(context: "Context", backend: Pointed) -> None:
    """Leave the page of *backend* for the running task's button."""
    from airflow_aml_retrain.links.pages import endpoint_page

    persist(context, EndpointLink, endpoint_page(backend.api_url, backend.uri))


def show_job(context: "Context", reference: str, backend: Pointed) -> None:
    """Leave the page of the job that *reference* names, on *backend*, for the task's button."""
    from airflow_aml_retrain.links.pages import job_page

    persist(context, JobLink, job_page(reference, backend.uri))


def show_report(context: "Context", report: str, *, wasb_conn_id: str) -> str:
    """
    Leave the page of *report* ("container/path.html") for the running task's button; its URL.

    The page itself is our plugin's, which reads it by the connection *wasb_conn_id*.
    """
    from airflow.sdk.configuration import conf

    from airflow_aml_retrain.links.pages import report_page

    task = context["ti"]
    task.xcom_push(key=REPORT, value={"report": report, "wasb_conn_id": wasb_conn_id})
    airflow = conf.get("api", "base_url", fallback="")
    url = report_page(airflow, task.dag_id, task.run_id, task.task_id, task.map_index)
    persist(context, ReportLink, url)
    return url
