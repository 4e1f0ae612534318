"""
Which side of the split a row falls on: training, or hold-out.

Law: the side of a row follows from the row itself (or from the date of its blob) and from
nothing else. So equal rows are always on the same side, the order of rows, blobs and columns
does not matter, new blobs never move an old row, and a larger fraction only adds to the hold-out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from operator import itemgetter
from typing import Final

from airflow_aml_retrain.errors import BadInput

Row = Sequence[str]
IsHeldOut = Callable[[Row], bool]

_HASHES: Final = 2**64


@dataclass(frozen=True, slots=True)
class ByKey:
    """
    A *fraction* (above 0, below 1) of the keys is held out, chosen by a stable hash.

    *columns* make up the key; none means that the whole row does.
    """

    fraction: float
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.fraction:.0%} by a hash of {list(self.columns) or 'the whole row'}"

    def chooser(self, columns: Sequence[str], dated: datetime) -> IsHeldOut:
        """The judge of rows that have *columns*, from a blob of that date."""
        # Sorted, so that neither the order of the file's columns nor of the key's matters.
        places = [columns.index(name) for name in sorted(self._key(columns))]
        key = itemgetter(*places)
        limit = round(self.fraction * _HASHES)

        def is_held_out(row: Row) -> bool:
            values = key(row) if len(places) > 1 else (key(row),)
            # Two different keys that join to one string share a side, which harms nobody.
            digest = sha256("\x1f".join(values).encode()).digest()
            return int.from_bytes(digest[:8]) < limit

        return is_held_out

    def _key(self, columns: Sequence[str]) -> Sequence[str]:
        missing = sorted(set(self.columns) - set(columns))
        if missing:
            msg = f"the hold-out key {missing} is not among the columns {list(columns)}"
            raise BadInput(msg)
        return self.columns or columns


@dataclass(frozen=True, slots=True)
class ByDate:
    """Every row of a blob dated at or after *since* is held out."""

    since: datetime

    def __str__(self) -> str:
        return f"blobs dated at or after {self.since.isoformat()}"

    def chooser(self, columns: Sequence[str], dated: datetime) -> IsHeldOut:
        is_late = dated >= self.since
        return lambda _row: is_late


@dataclass(frozen=True, slots=True)
class Apart:
    """The hold-out lies in blobs of its own (*source*, "container/prefix"); all else trains."""

    source: str

    def __str__(self) -> str:
        return f"the blobs under {self.source}"

    def chooser(self, columns: Sequence[str], dated: datetime) -> IsHeldOut:
        return lambda _row: False


Split = ByKey | ByDate | Apart
