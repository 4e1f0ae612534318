"""
How the Resource Manager shows a web service: whole, as a stub, in a list.

Law: a key, a credential and the commitment plan are never shown. Which members stand in what
answer, and in which order, is as recorded (`tests/recorded/arm`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from airflow_aml_retrain.emulator.definitions import Properties, items, member
from airflow_aml_retrain.emulator.records import WebService

STABLE: Final = "2017-01-01"
PREVIEW: Final = "2016-05-01-preview"

_ORDER: Final = (
    "payloadsInBlobStorage",
    "provisioningState",
    "createdOn",
    "modifiedOn",
    "title",
    "description",
    "swaggerLocation",
    "readOnly",
    "realtimeConfiguration",
    "diagnostics",
    "storageAccount",
    "machineLearningWorkspace",
    "assets",
    "input",
    "output",
    "packageType",
    "exampleRequest",
    "exposeSampleData",
    "parameters",
    "package",
)
_NOT_LISTED: Final = frozenset(
    {"assets", "input", "output", "exampleRequest", "parameters", "package"}
)
_NOT_LISTED_BEFORE: Final = frozenset(
    {"realtimeConfiguration", "diagnostics", "machineLearningWorkspace"}
)
_CALLS: Final = {"realtimeConfiguration": {"maxConcurrentCalls": 20}}
# A service that was never made shows this much; so did one in the recorded list.
_NEVER_MADE: Final[Properties] = {
    "readOnly": False,
    "storageAccount": {},
    "exposeSampleData": False,
}
_TICKS: Final = 10**7

Json = dict[str, Any]


def whole(web: WebService, properties: Properties | None, version: str, url: str) -> Json:
    """*web* with the definition in *properties*; *url* is how the client reaches us."""
    said = dict(properties if properties is not None else _NEVER_MADE) | {
        "provisioningState": web.state,
        "createdOn": date(web.created),
        "modifiedOn": date(web.modified),
        "swaggerLocation": f"{url}{service_path(web)}/swagger.json",
    }
    if version == STABLE:
        # The preview knows no payloads in blobs.
        said = _CALLS | said | {"payloadsInBlobStorage": False}
    if "assets" in said:
        said["assets"] = {number: _shown(asset) for number, asset in items(said, "assets")}
    return resource(web, {name: said[name] for name in _ORDER if name in said})


def listed(web: WebService, version: str, url: str) -> Json:
    left_out = _NOT_LISTED if version == STABLE else _NOT_LISTED | _NOT_LISTED_BEFORE
    shown = whole(web, web.properties, version, url)
    kept = {name: v for name, v in shown["properties"].items() if name not in left_out}
    return shown | {"properties": kept}


def resource(web: WebService, properties: Properties) -> Json:
    return {
        "id": web.path,
        "name": web.name,
        "type": "Microsoft.MachineLearning/webServices",
        "location": web.location,
        "tags": web.tags,
        "properties": properties,
    }


def service_path(web: WebService) -> str:
    """The path of its data plane."""
    return f"/subscriptions/{holder(web.subscription_id)}/services/{web.guid}"


def holder(subscription_id: str) -> str:
    """A subscription's id as the data plane writes it."""
    return subscription_id.replace("-", "").lower()


def date(seconds: float) -> str:
    """A time with up to seven digits of a second's fraction, without zeros at their end."""
    whole, ticks = divmod(round(seconds * _TICKS), _TICKS)
    fraction = f".{ticks:07}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def region(location: str) -> str:
    """A location as paths write it."""
    return location.replace(" ", "").lower()


def _shown(asset: Any) -> Any:
    """An asset without the credentials that its blob is read with."""
    location = member(asset, "locationInfo")
    if not isinstance(asset, Mapping) or not isinstance(location, Mapping):
        return asset
    kept = {name: "" if name.lower() == "credentials" else v for name, v in location.items()}
    return {name: kept if name.lower() == "locationinfo" else v for name, v in asset.items()}
