"""
What a file must hold to be the definition of a web service.

Law: a message names the place in the file and never a value of it, which may be a key that
somebody put there.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.members import member, members, text
from airflow_aml_retrain.wire.shapes import shape_of

PROPERTIES: Final = (
    "assets",
    "commitmentPlan",
    "createdOn",
    "description",
    "diagnostics",
    "exampleRequest",
    "exposeSampleData",
    "input",
    "keys",
    "machineLearningWorkspace",
    "modifiedOn",
    "output",
    "package",
    "packageType",
    "parameters",
    "payloadsInBlobStorage",
    "payloadsLocation",
    "provisioningState",
    "readOnly",
    "realtimeConfiguration",
    "storageAccount",
    "swaggerLocation",
    "title",
)
"""Those of the published specification, api-version 2017-01-01."""

_KNOWN: Final = frozenset(name.casefold() for name in PROPERTIES)
_TYPES: Final = frozenset({"module", "resource"})
_OBJECTS: Final = ("assets", "package", "input", "output", "parameters", "storageAccount")


def checked(said: object, *, withheld: str) -> Mapping[str, object]:
    """Return the properties of the definition *said*, in which *withheld* stands for secrets."""
    properties = member(said, "properties")
    if not isinstance(properties, dict):
        msg = f"expected a definition with properties, got {shape_of(said)}"
        raise BadInput(msg)
    _require_known(properties)
    _require_no_secrets(properties, withheld)
    for asset_id, asset in members(properties, "assets").items():
        _require_asset(asset_id, asset)
    _require_graph(properties)
    return properties


def _require_known(properties: Mapping[str, object]) -> None:
    folded = [name.casefold() for name in properties]
    for name in properties:
        if name.casefold() not in _KNOWN:
            near = get_close_matches(name, PROPERTIES, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            msg = f"properties.{name} is no member of a definition{hint}"
            raise BadInput(msg)
        if folded.count(name.casefold()) > 1:
            msg = f"properties.{name} is there twice, in two spellings"
            raise BadInput(msg)
    for name in _OBJECTS:
        value = member(properties, name)
        if value is not None and not isinstance(value, dict):
            msg = f"properties.{name}: expected an object, got {shape_of(value)}"
            raise BadInput(msg)
    if text(properties, "packageType").casefold() != "graph":
        msg = "properties.packageType: expected Graph, the only kind that the service takes"
        raise BadInput(msg)


def _require_no_secrets(properties: Mapping[str, object], withheld: str) -> None:
    found = [name for name in ("keys", "payloadsLocation") if member(properties, name)]
    if member(properties, "storageAccount", "key"):
        found.append("storageAccount.key")
    for asset_id, asset in members(properties, "assets").items():
        credentials = member(asset, "locationInfo", "credentials")
        if credentials and credentials != withheld:
            found.append(f"assets.{asset_id}.locationInfo.credentials")
    if found:
        msg = f"a definition file holds no secrets: take {', '.join(found)} out of it"
        raise BadInput(msg)
    if member(properties, "payloadsInBlobStorage") is True:
        msg = "properties.payloadsInBlobStorage: expected the definition itself, not a blob of it"
        raise BadInput(msg)


def _require_asset(asset_id: str, asset: object) -> None:
    place = f"properties.assets.{asset_id}"
    if not text(asset, "name") or text(asset, "type").casefold() not in _TYPES:
        msg = f"{place}: expected a name and a type of Module or Resource, got {shape_of(asset)}"
        raise BadInput(msg)
    if ":" not in text(asset, "locationInfo", "uri"):
        msg = f"{place}.locationInfo: expected a uri"
        raise BadInput(msg)


def _require_graph(properties: Mapping[str, object]) -> None:
    """Everything that the graph refers to must be there."""
    nodes, assets = members(properties, "package", "nodes"), member(properties, "assets")
    for node_id, node in nodes.items():
        asset_id = member(node, "assetId")
        if asset_id is not None and isinstance(assets, dict) and asset_id not in assets:
            msg = f"properties.package.nodes.{node_id}.assetId names no asset of the file"
            raise BadInput(msg)
    edges = member(properties, "package", "edges")
    for number, edge in enumerate(edges if isinstance(edges, list) else []):
        for end in ("sourceNodeId", "targetNodeId"):
            if text(edge, end) not in nodes:
                msg = f"properties.package.edges[{number}].{end} names no node of the file"
                raise BadInput(msg)
