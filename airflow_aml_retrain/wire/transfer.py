"""
Definitions as files, for review in git, and back into the service.

Law: a file holds no secret and nothing that the service changes by itself, so that two exports of
an unchanged service are the same bytes. What is withheld is marked, and taken from the service
again when the file comes back. A file never changes the trained model: that is a promotion's.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from airflow_aml_retrain.errors import BadInput, NotUpdatable
from airflow_aml_retrain.wire.checks import checked
from airflow_aml_retrain.wire.comparison import OF_THE_SERVICE, differing, is_encrypted
from airflow_aml_retrain.wire.definition import Definition
from airflow_aml_retrain.wire.members import member, members, name_of, text
from airflow_aml_retrain.wire.secret import Secret, scrubbed

WITHHELD: Final = "(withheld)"
"""Stands in a file for a text that is secret, or that only the service can read."""

_NOT_IN_A_FILE: Final = OF_THE_SERVICE | {"keys", "payloadslocation"}
_FIXED: Final = _NOT_IN_A_FILE | {"storageaccount", "commitmentplan"}
# Names of a module's parameters; columns are called keys too.
_SECRET: Final = re.compile(
    r"(account|access|api|storage|shared)[\s_-]?key|password|secret|\btoken|connection[\s_-]?string"
    r"|\bsas\b",
    re.IGNORECASE,
)
_NO_BREAK_SPACE: Final = "\u00a0"


def exported(definition: Definition) -> bytes:
    """Write *definition* as JSON, sorted and indented."""
    properties = {
        name: _shown(value, name)
        for name, value in _kept(definition.properties, _NOT_IN_A_FILE)
        # An empty one comes and goes: it vanishes after a PATCH.
        if value is not None and (name.casefold(), value) != ("parameters", {})
    }
    said = {"name": definition.name, "location": definition.location, "properties": properties}
    written = json.dumps(said, indent=2, sort_keys=True, ensure_ascii=False)
    # Names hold it, and a reviewer could not see it.
    return (written.replace(_NO_BREAK_SPACE, "\\u00a0") + "\n").encode()


def imported(data: bytes) -> Definition:
    """Read what `exported` wrote, or a user edited; `BadInput` names what is wrong with it."""
    try:
        said = json.loads(data)
    except ValueError as exc:
        msg = f"expected a definition as JSON in UTF-8: {type(exc).__name__}"
        raise BadInput(msg) from None  # its cause would quote the file, which may hold a key
    properties = checked(said, withheld=WITHHELD)
    kept = dict(_kept(properties, _NOT_IN_A_FILE))
    return Definition(text(said, "id"), text(said, "name"), text(said, "location"), kept)


def kept(data: bytes) -> Definition:
    """Read what `exported` itself wrote, whatever the service had put into it."""
    said = json.loads(data)
    return Definition("", text(said, "name"), text(said, "location"), members(said, "properties"))


def changes(current: Definition, wanted: Definition) -> dict[str, object]:
    """
    Return the properties to PATCH so that *current* becomes *wanted*; empty if it already is.

    What *wanted* leaves out stays: a PATCH merges. Raises `BadInput` for a change of the trained
    model, of what is fixed at creation, and for `readOnly`, which would end all updates.
    """
    if current.is_read_only:
        msg = f"web service {current.name!a} is read-only, which the service never undoes"
        raise NotUpdatable(msg)
    _require_same_models(current, wanted)
    _require_fixed(current, wanted)
    properties: dict[str, object] = {}
    for name, value in _kept(wanted.properties, _FIXED):
        present = member(current.properties, name)
        filled = _filled(value, present, name)
        if any(differing({name: filled}, {name: present})):
            properties[name] = filled
    return properties


def creation(
    wanted: Definition,
    *,
    region: str,
    storage_account: str,
    storage_key: Secret,
    commitment_plan: str,
) -> dict[str, object]:
    """
    Return the body of a PUT that makes a new web service like *wanted*, as its staging twin.

    *region* and *storage_account* must be those of the models that it reads; *commitment_plan*
    is a resource id. It gets keys of its own, and may be updated. Raises `BadInput` for a file
    that withholds something: only what was read from the service is whole.
    """
    properties = dict(_kept(wanted.properties, _FIXED | {"readonly"}))
    if gaps := sorted(_gaps(properties, "")):
        msg = (
            f"the file withholds {', '.join(gaps)}: make the twin from the definition that the "
            "service itself returns, or fill these in"
        )
        raise BadInput(msg)
    account = {"name": storage_account, "key": storage_key}
    plan = {"id": commitment_plan}
    own = {"storageAccount": account, "commitmentPlan": plan, "readOnly": False}
    return {"location": region, "tags": {}, "properties": {**properties, **own}}


def _kept(
    properties: Mapping[str, object], dropped: frozenset[str]
) -> Iterator[tuple[str, object]]:
    return ((name, v) for name, v in properties.items() if name.casefold() not in dropped)


def _shown(value: object, name: str) -> object:
    """*value* of the member *name* without its secrets."""
    match value:
        case dict() if is_encrypted(value):
            return dict.fromkeys(value, WITHHELD)
        case dict():
            return {
                key: _hidden(each) if _SECRET.search(key) else _shown(each, key)
                for key, each in value.items()
                if (name.casefold(), key.casefold()) != ("storageaccount", "key")
            }
        case list():
            return [_shown(each, "") for each in value]
        case str():
            return _shown_text(value, name.casefold())
        case _:
            return value


def _hidden(value: object) -> object:
    """*value* of a parameter whose very name says that it is secret."""
    match value:
        case dict() if is_encrypted(value):
            return _shown(value, "")
        case dict():
            spelled = name_of(value, "value")
            return {
                key: _hidden_whole(each) if key == spelled else _shown(each, key)
                for key, each in value.items()
            }
        case _:
            return _hidden_whole(value)


def _hidden_whole(value: object) -> object:
    """A mark in place of *value*, of whatever type; nothing and yes or no are no secrets."""
    is_nothing = value is None or isinstance(value, bool) or value in ("", [], {})
    return value if is_nothing else WITHHELD


def _shown_text(value: str, name: str) -> str:
    if name == "uri":
        value = value.partition("?")[0]
    is_secret = (name == "credentials" and value) or scrubbed(value) != value
    return WITHHELD if is_secret else value


def _filled(value: object, present: object, path: str) -> object:
    """*value* of a file, with what it withholds taken from what the service has."""
    match value:
        case dict():
            return {
                key: _filled(value[key], member(present, key), f"{path}.{key}")
                for key in _in_the_order_of(present, value)
            }
        case list():
            there = present if isinstance(present, list) and len(present) == len(value) else []
            beside = there or [None] * len(value)
            return [
                _filled(each, beside[number], f"{path}[{number}]")
                for number, each in enumerate(value)
            ]
        case str():
            return _filled_text(value, present, path)
        case _:
            return value


def _in_the_order_of(present: object, value: Mapping[str, object]) -> list[str]:
    """The names in *value*, which a file sorts: examples list columns in the service's order."""
    order = [name.casefold() for name in present] if isinstance(present, Mapping) else []
    last = len(order)
    rank = {name: number for number, name in enumerate(order)}
    return sorted(value, key=lambda name: rank.get(name.casefold(), last))


def _filled_text(value: str, present: object, path: str) -> object:
    if value == WITHHELD:
        if present is None:
            msg = f"the file withholds {path}, and the service has nothing there: fill it in"
            raise BadInput(msg)
        return present
    is_uri = path.rpartition(".")[2].casefold() == "uri" and isinstance(present, str)
    return present if is_uri and str(present).partition("?")[0] == value else value


def _require_same_models(current: Definition, wanted: Definition) -> None:
    if name_of(wanted.properties, "assets") is None:
        return
    here, there = _models(current), _models(wanted)
    moved = [key for key in here.keys() | there.keys() if here.get(key) != there.get(key)]
    if moved:
        told = "; ".join(
            f"{key} at {here.get(key, 'nothing')} would be {there.get(key, 'nothing')}"
            for key in sorted(moved)
        )
        msg = f"the file would change the trained model, which only a promotion does: {told}"
        raise BadInput(msg)


def _models(definition: Definition) -> dict[str, str]:
    return {key: blob.location for key, blob in definition.serving().models.items()}


def _require_fixed(current: Definition, wanted: Definition) -> None:
    """Refuse what the service fixes at creation, or would never undo."""
    account = wanted.storage_account
    if account and account != current.storage_account:
        msg = (
            f"the file changes storageAccount.name to {account!r}, which is fixed at creation: "
            f"the service has {current.storage_account!r}"
        )
        raise BadInput(msg)
    plan = members(wanted.properties, "commitmentPlan")
    if plan and any(differing(plan, members(current.properties, "commitmentPlan"))):
        msg = "the file names a commitmentPlan, which is fixed at creation: leave it out"
        raise BadInput(msg)
    if wanted.is_read_only:
        msg = "the file sets readOnly, which is never undone and ends all updates: leave it out"
        raise BadInput(msg)


def _gaps(value: object, path: str) -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                yield from _gaps(each, f"{path}.{key}" if path else key)
        case list():
            for number, each in enumerate(value):
                yield from _gaps(each, f"{path}[{number}]")
        case str() if value == WITHHELD:
            yield path
        case _:
            pass
