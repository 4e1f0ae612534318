"""
The documents that the gate writes: JSON objects that say by which schema they were written.

Law: a document of another schema is refused by name and never guessed at. NaN and infinity are
not JSON: they become null where we write, and are refused where we read.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import NoReturn

from airflow_aml_retrain.errors import GateError


def opened(content: bytes, schema: str, what: str) -> dict[str, object]:
    """
    The JSON object in *content*, which must be a *what* (in words) written as *schema*.

    *schema* is "name/number". `GateError` tells a newer document, for which this package has to be
    upgraded, from an older one and from what is no such document at all.
    """
    try:
        document = json.loads(content, parse_constant=_refused)
    except ValueError as exc:
        msg = f"a {what} is JSON; this is not: {content[:60]!r}"
        raise GateError(msg) from exc
    match document:
        case {"schema": said} if said == schema:
            return dict(document)
        case {"schema": str(said)} if said.partition("/")[0] == schema.partition("/")[0]:
            raise GateError(_of_another_version(said, schema, what))
        case _:
            msg = f"this is JSON, and not a {what} of schema {schema!r}"
            raise GateError(msg)


def plain(value: object) -> object:
    """*value* as JSON reads it back: lists for tuples, text for enums, null for NaN."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return _text(value)
        case float():
            return float(value) if isfinite(value) else None
        case Mapping():
            return {_key(key): plain(part) for key, part in value.items()}
        case list() | tuple():
            return [plain(part) for part in value]
        case _:
            msg = f"a document holds text, numbers, lists and mappings, not {value!r}"
            raise TypeError(msg)


def compact(value: object) -> bytes:
    """*value* in the one way of writing it that hashes are made of."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def readable(value: object) -> bytes:
    """*value* as a person reads it; the same bytes each time."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _of_another_version(said: str, schema: str, what: str) -> str:
    number, ours = said.partition("/")[2], schema.partition("/")[2]
    if number.isdecimal() and int(number) < int(ours):
        return (
            f"this {what} is written as {said!r}, which this version no longer reads (it reads "
            f"{schema!r}); read it with the version of airflow-aml-retrain that wrote it"
        )
    return (
        f"this {what} was written by a newer version, as {said!r}, and this one reads "
        f"{schema!r}; upgrade airflow-aml-retrain"
    )


def _key(key: object) -> str:
    if isinstance(key, str):
        return _text(key)
    msg = f"a mapping in a document has text for keys, not {key!r}"
    raise TypeError(msg)


def _text(value: str) -> str:
    """*value* without half characters (lone surrogates), which UTF-8 cannot write."""
    return value.encode(errors="replace").decode()


def _refused(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)
