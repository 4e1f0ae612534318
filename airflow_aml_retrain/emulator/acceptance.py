"""
What the Resource Manager refuses before an operation begins.

Messages of `NotFound` and `CannotChangeStorageAccount` are the service's own, those with a code
in front of a resource provider are Azure's; other details are ours.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from airflow_aml_retrain.emulator.definitions import Properties, member, size
from airflow_aml_retrain.emulator.records import CommitmentPlan, WebService
from airflow_aml_retrain.emulator.refusals import Refusal
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.views import PREVIEW, STABLE, region

MEBIBYTE: Final = 1024 * 1024
_LARGEST_BODY: Final = 4 * MEBIBYTE
_LARGEST_DEFINITION: Final = 3 * MEBIBYTE
_CALLS: Final = range(4, 201)

VERSIONS: Final = (STABLE, PREVIEW)

Json = dict[str, Any]


def document(body: bytes) -> Json:
    """The JSON object in *body*."""
    if len(body) > _LARGEST_BODY:
        message = "The request content size exceeds the maximum size of 4 MB."
        raise Refusal(413, "RequestContentTooLarge", message)
    try:
        found = json.loads(body or b"{}")
    except ValueError as exc:
        message = f"The request content was invalid and could not be deserialized: '{exc}'."
        raise Refusal(400, "InvalidRequestContent", message) from exc
    if not isinstance(found, dict):
        raise Refusal(400, "InvalidRequestContent", "The request content is no JSON object.")
    return found


def require_version(kind: str, version: str | None, known: tuple[str, ...] = VERSIONS) -> str:
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refusal(400, "MissingApiVersionParameter", message)
    if version.lower() not in known:
        message = (
            f"No registered resource provider found for API version '{version}' for type "
            f"'{kind}'. The supported api-versions are '{', '.join(known)}'."
        )
        raise Refusal(400, "NoRegisteredProviderFound", message)
    return version.lower()


def require_sound(site: Site, wanted: Properties) -> None:
    """Refuse properties that no definition may have."""
    kind = wanted.get("packageType")
    if kind is None:
        raise invalid("PackageTypeMissing", "The member packageType is required in properties.")
    if kind != "Graph":
        raise invalid("PackageTypeInvalid", f"The package type '{kind}' is not supported.")
    calls = member(wanted.get("realtimeConfiguration"), "maxConcurrentCalls")
    if calls is not None and calls not in _CALLS:
        told = f"maxConcurrentCalls is {calls}; it can be {_CALLS[0]} to {_CALLS[-1]}."
        raise invalid("MaxConcurrentCallsInvalid", told)
    if not wanted.get("payloadsInBlobStorage") and size(wanted) > _LARGEST_DEFINITION:
        message = "A definition larger than 3 MB goes to a blob: payloadsInBlobStorage."
        if site.settings.gaps.oversized_definition == 400:
            raise invalid("PayloadTooLarge", message)
        raise Refusal(413, "RequestEntityTooLarge", message)
    if wanted.get("payloadsInBlobStorage") and not member(wanted.get("payloadsLocation"), "uri"):
        raise invalid("PayloadsLocationMissing", "payloadsInBlobStorage needs a payloadsLocation.")


def require_plan(site: Site, wanted: Properties, version: str) -> str:
    """The commitment plan of a new web service, which there must be."""
    plan = str(member(wanted.get("commitmentPlan"), "id") or "")
    if not plan and version == PREVIEW:
        # Nothing that is published says that the preview could not do without.
        return plan
    if site.store.get(CommitmentPlan, plan.lower()) is None:
        told = f"There is no commitment plan '{plan}'."
        raise invalid("CommitmentPlanNotFound", told)
    return plan


def require_place(web: WebService, location: str) -> None:
    if region(location) != region(web.location):
        message = (
            f"The resource '{web.name}' already exists in location '{region(web.location)}' in "
            f"resource group '{web.group}'. A resource with the same name cannot be created in "
            f"location '{region(location)}'. Please select a new resource name."
        )
        raise Refusal(409, "InvalidResourceLocation", message)


def require_changeable(site: Site, web: WebService, wanted: Properties, *, busy: bool) -> None:
    """Refuse to change what is read-only, or what is fixed when a web service is made."""
    if (web.properties or {}).get("readOnly") is True:
        message = f"The web service '{web.name}' is read-only: it can only be removed."
        status = site.settings.gaps.read_only
        raise Refusal(status, *_INVALID, ({"code": "WebServiceReadOnly", "message": message},))
    if busy and site.settings.gaps.update_while_updating == "refused":
        message = f"An operation on the web service '{web.name}' is under way."
        raise Refusal(409, "Conflict", message)
    account = member(wanted.get("storageAccount"), "name")
    if account is not None and account != web.storage_account:
        raise invalid(
            "CannotChangeStorageAccount",
            "The StorageAccount cannot be changed. Currently configured storage account name = "
            f"'{web.storage_account}'.",
        )
    plan = member(wanted.get("commitmentPlan"), "id")
    if plan is not None and str(plan).lower() != web.commitment_plan.lower():
        raise invalid("CannotChangeCommitmentPlan", "The CommitmentPlan cannot be changed.")


def invalid(detail: str, message: str) -> Refusal:
    return Refusal(400, *_INVALID, ({"code": detail, "message": message},))


_INVALID: Final = ("BadRequest", "The request is invalid.")


def no_such(detail: str, message: str) -> Refusal:
    told = {"code": detail, "message": message}
    return Refusal(404, "NotFound", "The specified resource was not found.", (told,))


def no_service(name: str) -> Refusal:
    message = f"No Web Service could be found with the provided name: {name}."
    return no_such("WebServiceNotFound", message)


def unauthorized() -> Refusal:
    """What a host inside the service says to a client that was sent there by mistake."""
    told = {"code": "RequestUnauthorized", "message": "Unauthorized"}
    message = "Request is unauthorized to access resource."
    return Refusal(403, "Forbidden", message, (told,))


def location_of(sent: Mapping[str, Any]) -> str:
    location = member(sent, "location")
    if not location:
        message = "The location property is required for this definition."
        raise Refusal(400, "LocationRequired", message)
    return str(location)


def tags_of(sent: Mapping[str, Any]) -> dict[str, str] | None:
    tags = member(sent, "tags")
    return dict(tags) if isinstance(tags, Mapping) else None
