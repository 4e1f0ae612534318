"""
A string that does not print itself, and the removal of those that others printed.

Law: `reveal` is called in `client`, at the moment of use, and nowhere else.
"""

import hmac
import re
from typing import Final, NoReturn

_MASK: Final = "***"

# A service may echo a request or a blob reference in an error, and an answer may be cut: the
# values after these names, to their closing quote or the end, and anything that looks like a
# 64-byte key, stay out of what we repeat. JSON inside of JSON has its quotes escaped.
_NAMED: Final = re.compile(
    r"""(\bsig=|\bAccountKey=|\bSharedAccessSignature=|\bBearer\s+)[^&;\s"'<>]+""", re.IGNORECASE
)
_QUOTED: Final = re.compile(
    r"""((?P<quote>\\?")
        (?:SasBlobToken|ConnectionString|(?:primary|secondary|account|api)?_?key|primary|secondary
          |credentials|password|client_secret|client_assertion|(?:access|refresh|id)_token)
        (?P=quote)\s*:\s*(?P=quote))
        (?:(?<=\\")(?:(?!\\").)+|(?<!\\")(?:\\.|[^"\\])+\\?)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{86}==")


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


def scrubbed(text: str) -> str:
    """Return *text* of a service without the signatures, keys and tokens it may echo."""
    for pattern in (_QUOTED, _NAMED):
        text = pattern.sub(_masked, text)
    return _KEY.sub(_MASK, text)


def _masked(found: re.Match[str]) -> str:
    return found[1] + _MASK
