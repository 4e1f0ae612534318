"""
URLs as people copy them, and as we pass them on.

A *job reference* is one URL that names a job and holds no secret; it is what travels between
tasks. Law: whoever uses one checks first that it belongs to the service of the connection, so
that no key is ever sent to a host that a task's argument chose.
"""

import re
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow_aml_retrain.errors import BadInput, NotConfigured, WireError
from airflow_aml_retrain.wire.jobs import JobId

# Data Factory's documents and the help pages print the first three with and without a query.
_SERVICE: Final = re.compile(
    r"(?P<own>(?:/[^/]+)*?/(?:workspaces|subscriptions)/[^/]+/services/[^/]+)"
    r"(?:/jobs|/execute|/score|/swagger\.json)?[/.]*"
)
_ENDPOINT: Final = re.compile(
    r"(?P<own>(?:/[^/]+)*?/workspaces/[^/]+/webservices/[^/]+/endpoints/[^/]+?)(?:/refresh)?[/.]*"
)
_RESOURCE: Final = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)"
    r"/providers/Microsoft\.MachineLearning/webServices/([^/]+?)[/.]*",
    re.IGNORECASE,
)
_JOB: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")
# What parsers of URLs read differently, so that a check of one says nothing of another.
_AMBIGUOUS: Final = re.compile(r"[\s\\@\x00-\x1f\x7f]")

# Microsoft's own PowerShell client holds this table: South Central US has no prefix.
_MANAGEMENT: Final = {
    "ussouthcentral": "https://management.azureml.net",
    "europewest": "https://europewest.management.azureml.net",
    "asiasoutheast": "https://asiasoutheast.management.azureml.net",
    "japaneast": "https://japaneast.management.azureml.net",
    "uswestcentral": "https://uswestcentral.management.azureml.net",
    "germanycentral": "https://germanycentral.management.azureml.de",
}
_ELSEWHERE: Final = {  # what the rest of Azure calls the same regions
    "southcentralus": "ussouthcentral",
    "westeurope": "europewest",
    "southeastasia": "asiasoutheast",
    "westcentralus": "uswestcentral",
}


def api_url_of(url: str) -> str:
    """Return the data-plane URL of a service, from whatever of its URLs a user copied."""
    return _own(url, _SERVICE, "https://REGION.services.azureml.net/workspaces/ID/services/ID")


def endpoint_url_of(url: str) -> str:
    """Return the management URL of an endpoint, from its PATCH URL as a user copied it."""
    return _own(
        url, _ENDPOINT, "https://management.azureml.net/workspaces/ID/webservices/ID/endpoints/NAME"
    )


def management_url_of(region: str) -> str:
    """Return the management URL of *region* ("ussouthcentral", "South Central US", or a URL)."""
    if "://" in region:
        parts = _split(region, "https://management.azureml.net")
        return _origin(parts) + parts.path.rstrip("/")
    name = region.replace(" ", "").lower()
    url = _MANAGEMENT.get(_ELSEWHERE.get(name, name))
    if url is None:
        msg = f"expected a region of {', '.join(_MANAGEMENT)} or a management URL, got {region!r}"
        raise NotConfigured(msg)
    return url


def resource_path(written: str) -> tuple[str, str, str]:
    """Return subscription, group and name of a new web service, from its id or update URL."""
    found = _RESOURCE.fullmatch(urlsplit(written.strip()).path)
    if found is None:
        msg = (
            "expected /subscriptions/ID/resourceGroups/NAME/providers/Microsoft.MachineLearning/"
            f"webServices/NAME, got {written.partition('?')[0]!r}"
        )
        raise BadInput(msg)
    subscription, group, name = map(unquote, found.groups())
    return subscription, group, name


def is_within(url: str, owner: str) -> bool:
    """
    Tell whether what may be sent to *owner* may be sent to *url*.

    It may be on the same host or a sub-domain of it, with the same scheme and port.
    """
    if _AMBIGUOUS.search(url):
        return False
    here, there = urlsplit(url), urlsplit(owner)
    try:
        same = (here.scheme, here.port) == (there.scheme, there.port)
    except ValueError:
        return False
    host, home = here.hostname or "", there.hostname or ""
    return same and bool(home) and (host == home or host.endswith(f".{home}"))


def segment(name: str) -> str:
    """Write *name* as one segment of a path; real names hold blanks and U+00A0."""
    return quote(name, safe="")


def endpoint_path(endpoint_url: str) -> tuple[str, str, str]:
    """Return workspace, web service id and endpoint name of a management URL."""
    _, _, path = endpoint_url.partition("/workspaces/")
    workspace, _, service, _, endpoint = path.split("/")
    return unquote(workspace), unquote(service), unquote(endpoint)


def job_id(said: object) -> JobId:
    """Return the id in a submit's answer, which is one JSON string; `WireError` otherwise."""
    if isinstance(said, str) and _JOB.fullmatch(said):
        return JobId(said)
    msg = f"expected a job id in the submit's answer, got {type(said).__name__}"
    raise WireError(msg)


def job_reference(api_url: str, job: JobId) -> str:
    """Return the URL that names *job*."""
    return f"{api_url}/jobs/{job}"


def job_of(reference: str, api_url: str) -> JobId:
    """Return the job that *reference* names; `BadInput` if it is not one of *api_url*."""
    owner, _, job = reference.rpartition("/jobs/")
    if owner != api_url:
        msg = f"expected a job of {api_url}, got {reference!r}: use the connection it came from"
        raise BadInput(msg)
    if not _JOB.fullmatch(job):
        msg = f"expected a job id at the end of {reference!r}"
        raise BadInput(msg)
    return JobId(job)


def _own(url: str, pattern: re.Pattern[str], example: str) -> str:
    parts = _split(url, example)
    found = pattern.fullmatch(parts.path)
    if found is None:
        msg = f"expected a URL like {example}, got {_origin(parts)}{parts.path}"
        raise NotConfigured(msg)
    return _origin(parts) + found["own"]


def _split(url: str, example: str) -> SplitResult:
    parts = urlsplit(url.strip())
    # Neither the query nor a user's name belongs to the address, and both may hold a key.
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        msg = f"expected a URL like {example}"
        raise NotConfigured(msg)
    return parts


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.lower()}"
