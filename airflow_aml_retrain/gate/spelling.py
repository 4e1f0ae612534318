"""
One spelling for what means the same, and one order for classes.

Law: 1, 1.0 and "1" are one class; what one file spells as a number and another as a text must
not become two.
"""

import re
from collections.abc import Iterable
from math import isfinite
from typing import Final

NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
"""What is read as a number, apart from infinities and nan."""


def canonical(text: str) -> str:
    """One spelling for a class: numbers lose what does not change them."""
    text = text.strip()
    if not NUMBER.fullmatch(text) or not isfinite(float(text)):
        return text
    value = float(text)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def in_order(classes: Iterable[str]) -> list[str]:
    """Sorted as the Studio sorts label values: as numbers where all of them are."""
    values = list(classes)
    if all(NUMBER.fullmatch(value) for value in values):
        return sorted(values, key=float)
    return sorted(values)
