"""
The text of a policy, YAML or JSON, as plain values.

Law: words mean what they say. A plain scalar is a number, true, false or null only where YAML 1.2
says so, hence `off` stays a word and 1e-3 is a number (YAML 1.1, which PyYAML reads, has both the
other way round). A repeated key is an error, since one of the two would never be applied.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

import yaml

from airflow_aml_retrain.errors import GateError

_WORDS: Final[dict[str, object]] = {"": None, "~": None, "null": None, "true": True, "false": False}
# 007 is no number but a name, maybe a label; 300 digits are more than any float has.
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9]\d{0,300})")
_NUMBER: Final = re.compile(r"[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def document(text: str) -> object:
    """What *text* says; `GateError` names the line that says it wrongly."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except ValueError:  # also a number that is too long to read
        return _from_yaml(text)


def _unique(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            msg = f"the policy says {key!r} twice in one place"
            raise GateError(msg)
        found[key] = value
    return found


def _from_yaml(text: str) -> object:
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                msg = f"the policy refers to *{event.anchor}{_at(event)}; write it out"
                raise GateError(msg)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1
        msg = f"the policy is not YAML: line {line}: {exc.problem}"
        raise GateError(msg) from exc
    except yaml.YAMLError as exc:
        msg = f"the policy is not YAML: {exc}"
        raise GateError(msg) from exc
    return None if root is None else _value(root)


def _value(node: yaml.Node) -> object:
    if not node.tag.startswith("tag:yaml.org,2002:"):
        msg = f"the policy has a tag {node.tag}{_at(node)}, which means nothing here"
        raise GateError(msg)
    match node:
        case yaml.MappingNode():
            return _mapping(node)
        case yaml.SequenceNode():
            return [_value(each) for each in node.value]
        case _:
            return _scalar(node)


def _mapping(node: yaml.MappingNode) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in node.value:
        if not isinstance(name, yaml.ScalarNode):
            msg = f"the policy has a key that is no word{_at(name)}"
            raise GateError(msg)
        if name.value in found:
            msg = f"the policy says {name.value!r} twice in one place{_at(name)}"
            raise GateError(msg)
        found[name.value] = _value(value)
    return found


def _scalar(node: yaml.ScalarNode) -> object:
    said: str = node.value
    if node.style is not None:  # quoted, or a block of text
        return said
    if said in _WORDS:
        return _WORDS[said]
    if _WHOLE.fullmatch(said):
        return int(said)
    return float(said) if _NUMBER.fullmatch(said) else said


def _at(node: yaml.Node | yaml.Event) -> str:
    return f" in line {node.start_mark.line + 1}"
