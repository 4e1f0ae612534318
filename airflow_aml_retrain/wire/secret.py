"""
A string that does not print itself.

Law: `reveal` is called in `client`, at the moment of use, and nowhere else.
"""

import hmac
from typing import NoReturn


class Secret:
    """A string that appears in no repr, no log, no JSON and no pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        msg = "a Secret is not pickled: pass the connection id and look it up again"
        raise TypeError(msg)
