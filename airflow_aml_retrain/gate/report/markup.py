"""
Markup that nothing it shows can break.

Law: text becomes markup in `element` and nowhere else, and is escaped there. What comes out is
well-formed XML too, so that a tag left open is found by a parser and not by a reader.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Final

_WITHOUT_END: Final = frozenset(
    {"br", "circle", "col", "line", "meta", "path", "polygon", "polyline", "rect"}
)
# Control characters are no XML, half a surrogate pair is no UTF-8, and the marks that turn the
# direction of writing let a name pretend to be another one.
_UNSHOWABLE: Final = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *inside: str, **attributes: str | float | None) -> Html:
    """
    `<name ...>inside</name>`; every part of *inside* that is not `Html` is escaped.

    An attribute's underscores become hyphens (`stroke_width`, `class_`), and one that is None is
    left out.
    """
    start = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _WITHOUT_END and not inside:
        return Html(f"<{name}{start}/>")
    return Html(f"<{name}{start}>{joined(inside)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """*parts* after each other, escaped where they are not `Html`."""
    return Html("".join(part if isinstance(part, Html) else _escaped(part) for part in parts))


def shown(text: str, length: int = 400) -> str:
    """*text* without what cannot be shown, cut to *length* characters."""
    kept = _TURNING.sub("\ufffd", _UNSHOWABLE.sub("\ufffd", text[: length + 1]))
    return kept if len(kept) <= length else f"{kept[: length - 1]}…"


def _attribute(key: str, value: str | float | None) -> str:
    if value is None:
        return ""
    said = f"{value:.6g}" if isinstance(value, int) else _short(value)
    return f' {key.rstrip("_").replace("_", "-")}="{said}"'


def _short(value: str | float) -> str:
    """A hundredth of a pixel is finer than any screen, and digits are most of a page's bytes."""
    return _escaped(value) if isinstance(value, str) else f"{round(value, 2):.6g}"


def _escaped(text: str) -> str:
    return escape(shown(text, len(text)))
