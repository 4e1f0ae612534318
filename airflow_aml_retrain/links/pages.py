"""
Pages where a person can look at an endpoint and its jobs.

The help pages of the service itself are at studio.azureml.net, named by workspace, web service
and endpoint id (so Microsoft's own R package builds them). Anything else, the emulator say,
shows what it does on the page at its root.
"""

import re
from typing import Final
from urllib.parse import urlsplit

_HELP: Final = "https://studio.azureml.net/apihelp"
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
    return f"{page}#{job}" if page.endswith("/") else f"{page}/jobs"
