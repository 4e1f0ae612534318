"""
Definitions that are too large to be sent.

The specification puts the limit at 3 MB, over six members counted together; what is larger is
handed over as a blob of those members, which the service reads while it creates the web service.
"""

import json
from collections.abc import Mapping
from typing import Final

from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.members import members
from airflow_aml_retrain.wire.secret import Secret

LIMIT: Final = 3 * 1024 * 1024
"""Bytes of a definition that are taken inside a request."""

_PARTS: Final = frozenset({"assets", "exampleRequest", "input", "output", "package", "parameters"})
_FOLDED: Final = frozenset(part.casefold() for part in _PARTS)


def is_too_large(body: Mapping[str, object]) -> bool:
    """Whether the request *body* must not carry its definition itself."""
    return len(payloads(body)) > LIMIT


def payloads(body: Mapping[str, object]) -> bytes:
    """
    Return the part of the request *body* to put into a blob, as JSON.

    It holds no secret of ours: keys and credentials of storage stay in the request.
    """
    parts = {name: value for name, value in members(body, "properties").items() if _is_part(name)}
    return json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()


def by_reference(
    body: Mapping[str, object], uri: str, credentials: Secret | None = None
) -> dict[str, object]:
    """
    Return *body* without its `payloads`, which lie at *uri*.

    *credentials* is the connection string of the blob's account (None: the service's own).
    """
    location: dict[str, object] = {"uri": uri}
    if credentials is not None:
        location["credentials"] = credentials
    kept = {n: value for n, value in members(body, "properties").items() if not _is_part(n)}
    told = {"payloadsInBlobStorage": True, "payloadsLocation": location}
    return {**body, "properties": {**kept, **told}}


def require_small(body: Mapping[str, object], what: str) -> None:
    """Raise `BadInput` if *body* must not carry its definition itself."""
    size = len(payloads(body))
    if size > LIMIT:
        msg = (
            f"the definition of {what} is {size} bytes, and the service takes {LIMIT} (3 MB) in "
            "a request; a larger one is only taken from a blob, when a web service is created"
        )
        raise BadInput(msg)


def _is_part(name: str) -> bool:
    return name.casefold() in _FOLDED
