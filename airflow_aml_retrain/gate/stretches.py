"""Rows a stretch at a time, so that nothing as long as all of them has to be held."""

from collections.abc import Iterator
from typing import Final

_STRETCH: Final = 1 << 16


def stretches(rows: int) -> Iterator[slice]:
    """All rows, so many at a time that what is computed of them stays in the processor's cache."""
    return (slice(start, min(start + _STRETCH, rows)) for start in range(0, rows, _STRETCH))
