"""
Pages where a person can look at an endpoint, its jobs, and the report of a decision.

The help pages of a classic service are at studio.azureml.net, named by workspace, web service
and endpoint id (so Microsoft's own R package builds them); a new one is a resource of the Azure
portal. Anything else, the emulator say, shows what it does on the page at its root. A report lies
in storage, which a browser has no key to: our plugin shows it, inside Airflow.
"""

import re
from typing import Final
from urllib.parse import quote, urlsplit

REPORTS: Final = "/aml-retrain"
"""Where Airflow mounts the plugin that shows reports."""

_HELP: Final = "https://studio.azureml.net/apihelp"
_PORTAL: Final = "https://portal.azure.com/#resource"
_RESOURCE: Final = re.compile(r"azureml-arm://management\.azure\.com(?P<id>/subscriptions/.+)")
_API: Final = re.compile(r"/workspaces/(?P<workspace>[^/]+)/services/(?P<endpoint>[^/]+)")
_WEB_SERVICE: Final = re.compile(r"/webservices/(?P<service>[^/]+)/")


def endpoint_page(api_url: str, uri: str = "") -> str:
    """
    The page of the endpoint at *api_url*.

    *uri* is the backend's; where it names no web service there is but the API's own address.
    """
    parts = urlsplit(api_url)
    if not (parts.hostname or "").endswith(".azureml.net"):
        return f"{parts.scheme}://{parts.netloc}/"
    if resource := _RESOURCE.fullmatch(uri):
        return f"{_PORTAL}{resource['id']}"
    api, web_service = _API.search(parts.path), _WEB_SERVICE.search(uri)
    if not api or not web_service:
        return api_url
    place = f"workspaces/{api['workspace']}/webservices/{web_service['service']}"
    return f"{_HELP}/{place}/endpoints/{api['endpoint']}"


def job_page(reference: str, uri: str = "") -> str:
    """The page of the job that *reference* names."""
    api_url, _, job = reference.rpartition("/jobs/")
    page = endpoint_page(api_url, uri)
    if page == api_url:
        return reference
    if page.startswith(_PORTAL):
        return page  # the portal shows a service, and not its jobs
    return f"{page}#{job}" if page.endswith("/") else f"{page}/jobs"


def report_page(airflow: str, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> str:
    """The page of the report that a task left, in the Airflow at *airflow* ("": this one)."""
    parts = [dag_id, run_id, task_id, *([str(map_index)] if map_index not in (None, -1) else [])]
    path = "/".join(quote(part, safe="") for part in parts)
    return f"{airflow.rstrip('/')}{REPORTS}/report/{path}"
