"""
Definitions of web services, as JSON: what comes in, how a PATCH goes into what there is.

Law: member names are read without regard to case. Those of `properties` itself are put into the
service's own casing; what lies deeper stays as it came. A PATCH replaces whole members of
`properties`, but adds to those that hold settings.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

Properties = dict[str, Any]

PAYLOADS: Final = ("assets", "input", "output", "package", "parameters", "exampleRequest")
"""What goes to a blob when together it is larger than 3 MB."""

_WRITTEN: Final = (
    "title",
    "description",
    "keys",
    "readOnly",
    "exposeSampleData",
    "realtimeConfiguration",
    "diagnostics",
    "storageAccount",
    "machineLearningWorkspace",
    "commitmentPlan",
    "packageType",
    "payloadsInBlobStorage",
    "payloadsLocation",
    *PAYLOADS,
)
_CASES: Final = {name.lower(): name for name in _WRITTEN}
_SECRET: Final = ("keys", "commitmentPlan", "payloadsInBlobStorage", "payloadsLocation")
_DEFAULTS: Final[Properties] = {"readOnly": False, "exposeSampleData": True}
_ADDED_TO: Final = ("realtimeConfiguration", "storageAccount")


def member(holder: object, name: str) -> Any:
    """The member *name* of *holder*, in any case; None if there is none."""
    if not isinstance(holder, Mapping):
        return None
    return next((value for key, value in holder.items() if key.lower() == name.lower()), None)


def items(holder: object, name: str) -> list[tuple[str, Any]]:
    """The items of the map that is the member *name* of *holder*."""
    found = member(holder, name)
    return list(found.items()) if isinstance(found, Mapping) else []


def written(properties: object) -> Properties:
    """*properties* as the service takes them: without nulls and what is not a client's to say."""
    if not isinstance(properties, Mapping):
        return {}
    return {
        _CASES[name.lower()]: value
        for name, value in properties.items()
        if value is not None and name.lower() in _CASES
    }


def size(properties: Properties) -> int:
    """The bytes of what may go to a blob."""
    return sum(
        len(json.dumps(properties[name], separators=(",", ":")).encode())
        for name in PAYLOADS
        if name in properties
    )


def created(wanted: Properties) -> Properties:
    """The definition that a PUT of *wanted* leaves, without its keys."""
    kept = {name: value for name, value in wanted.items() if name not in _SECRET}
    if "storageAccount" in kept:
        name = member(kept["storageAccount"], "name")
        kept["storageAccount"] = {} if name is None else {"name": name}
    return _encrypted(_DEFAULTS | kept)


def merged(
    current: Properties, wanted: Properties, assets: Literal["replaced", "merged"] = "replaced"
) -> Properties:
    """The definition that a PATCH of *current* with *wanted* leaves; an empty `parameters` goes."""
    known = created(wanted) if wanted else {}
    # A PATCH has no defaults.
    known = {name: known[name] for name in known if name in wanted}
    for name in {*_ADDED_TO, *(("assets",) if assets == "merged" else ())} & set(known):
        known[name] = added(current.get(name), known[name])
    result = current | known
    return {name: v for name, v in result.items() if name != "parameters" or v}


def added(current: object, more: object) -> object:
    """The map *current* with the members of *more*, whatever the case of their names."""
    if not isinstance(current, Mapping) or not isinstance(more, Mapping):
        return more
    given = {name.lower() for name in more}
    return {name: v for name, v in current.items() if name.lower() not in given} | dict(more)


def unpacked(wanted: Properties, payload: object) -> Properties:
    """*wanted* with what a blob held; names inside `assets` and `package` come to be PascalCase."""
    held = {name: value for name, value in written(payload).items() if name in PAYLOADS}
    if "assets" in held:
        held["assets"] = _pascal(held["assets"], _ASSETS)
    if "package" in held:
        held["package"] = _pascal(held["package"], _PACKAGE)
    return wanted | held


def resources(properties: Properties | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The assets that are trained models, with their ids."""
    for number, asset in items(properties, "assets"):
        if str(member(asset, "type")).lower() == "resource" and is_model(asset):
            yield number, asset


def is_model(asset: object) -> bool:
    name = str(member(asset, "name") or "").replace("\u00a0", " ").strip().lower()
    return name.endswith("[trained model]") or path_of(uri_of(asset)).endswith(".ilearner")


def uri_of(asset: object) -> str:
    return str(member(member(asset, "locationInfo"), "uri") or "")


def path_of(uri: str) -> str:
    return uri.partition("?")[0].lower()


def modules(properties: Properties | None) -> list[str]:
    """The names of the assets that are modules."""
    return [
        str(member(asset, "name"))
        for _, asset in items(properties, "assets")
        if str(member(asset, "type")).lower() == "module"
    ]


# Where names are the user's own: "*" stands for every key of such a map.
_Form = Mapping[str, Any]
_PARAMETERS: Final[_Form] = {"*": {}}
_PORTS: Final[_Form] = {"*": {}}
_ASSETS: Final[_Form] = {
    "*": {"inputports": _PORTS, "outputports": _PORTS, "metadata": {"*": {}}},
}
_PACKAGE: Final[_Form] = {
    "nodes": {"*": {"parameters": _PARAMETERS}},
    "graphparameters": {"*": {}},
}


def _pascal(value: object, form: _Form) -> object:
    """*value* with the first letter of every member's name, but of no user's name, in capitals."""
    if isinstance(value, list):
        return [_pascal(item, form) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "*" in form:
        return {name: _pascal(item, form["*"]) for name, item in value.items()}
    return {
        name[:1].upper() + name[1:]: _pascal(item, form.get(name.lower(), {}))
        for name, item in value.items()
    }


def _encrypted(properties: Properties) -> Properties:
    """Encrypted parameters of nodes come back encrypted anew, by a certificate of the service."""
    package = member(properties, "package")
    if not items(package, "nodes"):
        return properties
    nodes = {name: _node(node) for name, node in items(package, "nodes")}
    spelt = next(name for name in package if name.lower() == "nodes")
    return properties | {"package": {**package, spelt: nodes}}


def _node(node: Any) -> Any:
    parameters = items(node, "parameters")
    if not parameters:
        return node
    spelt = next(name for name in node if name.lower() == "parameters")
    return {**node, spelt: {name: _parameter(value) for name, value in parameters}}


def _parameter(value: Any) -> Any:
    if not member(value, "certificateThumbprint"):
        return value
    return {
        name: _sealed(str(said), thumbprint=name.lower() == "certificatethumbprint")
        for name, said in value.items()
    }


def _sealed(text: str, *, thumbprint: bool) -> str:
    """What nobody can read, and is the same for the same *text*."""
    if thumbprint:
        return hashlib.sha1(b"emulator", usedforsecurity=False).hexdigest().upper()
    return base64.b64encode(hashlib.sha512(text.encode()).digest()).decode()
