"""
The service's errors, in its own words.

The codes and message templates are those of `error_codes.json`: Microsoft's documentation
(azure-docs, articles/machine-learning/studio/web-service-error-codes.md, CC BY 4.0). All planes
share one envelope, and `details` is always an array.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

_CODES = Path(__file__).with_name("error_codes.json")


class Answer(NamedTuple):
    """Which error to give: an outer code, and a detail code or none."""

    code: str
    detail: str = ""


class Refusal(Exception):
    """An error answer: HTTP status and envelope, with *headers* where they matter."""

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, status: int, code: str, message: str, details: tuple[dict[str, str], ...] = ()
    ) -> None:
        self.status = status
        self.code = code
        self.details = details
        self.message = message
        super().__init__(message)

    @property
    def body(self) -> dict[str, object]:
        return {
            "error": {"code": self.code, "message": self.message, "details": list(self.details)}
        }


class _Documented(NamedTuple):
    status: int
    message: str
    details: dict[str, str]


@cache
def documented() -> dict[str, _Documented]:
    """Every documented error by its outer code."""
    table = json.loads(_CODES.read_text(encoding="utf-8"))["errors"]
    return {
        row["code"]: _Documented(
            row["status"],
            row["message"],
            {detail["code"]: detail["message"] for detail in row["details"]},
        )
        for row in table
    }


def refusal(answer: Answer, *slots: object, free: str = "", target: str = "") -> Refusal:
    """
    The documented error for *answer*, its {0}, {1} filled with *slots*.

    *free* is the text of a detail for which the documentation has none; module errors also
    name their *target*.
    """
    error = documented()[answer.code]
    if not answer.detail:
        return Refusal(error.status, answer.code, error.message)
    message = error.details.get(answer.detail, "").format(*slots) or free
    detail = {"code": answer.detail, "message": message}
    if target:
        detail["target"] = target
    return Refusal(error.status, answer.code, error.message, (detail,))


def bad_argument(detail: str, *slots: object) -> Refusal:
    return refusal(Answer("BadArgument", detail), *slots)


def not_found(detail: str) -> Refusal:
    return refusal(Answer("NotFound", detail))


def not_emulated(feature: str) -> Refusal:
    """501, ours alone: the emulator says what it does not do."""
    return Refusal(501, "NotImplemented", f"The emulator does not do this: {feature}.")
