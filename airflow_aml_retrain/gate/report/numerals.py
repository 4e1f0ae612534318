"""
Numbers as a person reads them.

Law: a number that is not known is a dash, a minus is a minus, and of a number that is in doubt
no more digits are shown than its doubt leaves standing.
"""

from math import floor, log10
from typing import Final

DASH: Final = "\u2013"
_MINUS: Final = "\u2212"
_NARROW: Final = "\u202f"


def count(value: float | None) -> str:
    """Rows and the like: 24,318."""
    return DASH if value is None else f"{value:,.0f}".replace("-", _MINUS)


def share(value: float | None) -> str:
    """A part of a whole in percent: 3.1 %, and 0.021 % rather than 0.0 %."""
    if value is None:
        return DASH
    percent = 100 * value
    digits = 1 if percent == 0 or abs(percent) >= 1 else places(abs(percent))
    return f"{percent:.{digits}f}{_NARROW}%".replace("-", _MINUS)


def plain(value: float | None, doubt: float | None = None) -> str:
    """*value* to two digits of *doubt*, or to four of its own."""
    if value is None:
        return DASH
    if doubt is None or doubt <= 0:
        return _four(value)
    digits = places(doubt)
    return _fixed(value, digits + _is_rounded_away(value, digits))


def signed(value: float | None, doubt: float | None = None) -> str:
    """As `plain`, with a plus before what is greater than nothing."""
    text = plain(value, doubt)
    return f"+{text}" if value is not None and value > 0 else text


def span(low: float | None, high: float | None, *, sign: bool = False) -> str:
    """An interval: 0.8812 to 0.8971."""
    if low is None or high is None:
        return DASH
    digits = places(high - low)
    digits += any(_is_rounded_away(end, digits) for end in (low, high))
    said = [f"{'+' if sign and end > 0 else ''}{_fixed(end, digits)}" for end in (low, high)]
    return " to ".join(said)


def sureness(alpha: float | None) -> str:
    """Of an interval whose ends each err with probability *alpha*, as the sentences say it."""
    return "" if alpha is None else f"{100 * (1 - alpha):.4g}{_NARROW}% sure"


def places(doubt: float) -> int:
    """Decimals that show two digits of *doubt*."""
    return 4 if doubt <= 0 else max(0, min(8, 1 - floor(log10(doubt))))


def given(value: float | None) -> str:
    """A number that a person chose, with the digits that were chosen."""
    return DASH if value is None else f"{value:.6g}".replace("-", _MINUS)


def short(value: float) -> str:
    """A number for an axis: 250k rather than 250,000."""
    for size, word in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{given(float(f'{value / size:.3g}'))}{word}"
    return given(float(f"{value:.3g}"))


def _is_rounded_away(value: float, digits: int) -> bool:
    """On which side of nothing it lies is what is looked for, so that must not happen."""
    return value != 0 and round(value, digits) == 0


def _fixed(value: float, digits: int) -> str:
    said = f"{value:,.{digits}f}" if abs(value) < 1e12 else f"{value:.4g}"
    return said.replace("-", _MINUS)


def _four(value: float) -> str:
    said = f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"
    return said.replace("-", _MINUS)
