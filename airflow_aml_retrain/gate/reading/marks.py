"""
What rows are told apart by, whoever scored them: ids, slices, clusters, times.

Law: every row has an id, a cluster and a time where the policy names their columns; only a slice
may be blank, and blank is then a value of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.growing import Growing
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.cells import Block
from airflow_aml_retrain.gate.reading.codes import Codes
from airflow_aml_retrain.gate.reading.columns import Columns, MarkColumns
from airflow_aml_retrain.gate.reading.hashes import cell_hashes
from airflow_aml_retrain.gate.reading.times import moment, times
from airflow_aml_retrain.gate.rows import Slicing
from airflow_aml_retrain.gate.spelling import in_order

_MOST_VALUES: Final = 200
"""How many values a slice column may have where the policy has no slices, only scopes."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Marks:
    """
    What the rows of one file are told apart by, as far as it is read from that file.

    *ids* and *clusters* are hashes; *oldest* and *newest* are the ends of the time column.
    """

    ids: NDArray[np.uint64] | None
    slicings: Mapping[str, Slicing]
    clusters: NDArray[np.uint64] | None
    oldest: datetime | None
    newest: datetime | None


class MarksTaker:
    """Takes the marks of a file whose columns are called *names*."""

    def __init__(
        self, names: Sequence[str], columns: Columns, marks: MarkColumns, policy: Policy
    ) -> None:
        limit = policy.slices.max_slices if policy.slices else _MOST_VALUES
        self._ids = [_Hashed(at, f"id {names[at]!r}") for at in _there(columns.id)]
        self._clusters = [_Hashed(at, f"cluster_key {names[at]!r}") for at in _there(marks.cluster)]
        self._slices = [_Sliced(at, column, limit) for column, at in marks.slices.items()]
        self._span = [_Span(at, f"time {names[at]!r}") for at in _there(marks.time)]

    def take(self, block: Block, first_row: int) -> None:
        columns = chain[_Column](self._ids, self._clusters, self._slices, self._span)
        for each in columns:
            each.take(block, first_row)

    def marks(self) -> Marks:
        ends = [moment(end) for span in self._span for end in span.ends]
        return Marks(
            ids=next((each.finished() for each in self._ids), None),
            slicings={each.column: each.finished() for each in self._slices},
            clusters=next((each.finished() for each in self._clusters), None),
            oldest=min(ends, default=None),
            newest=max(ends, default=None),
        )


class _Column(Protocol):
    def take(self, block: Block, first_row: int) -> None: ...


def _there(at: int | None) -> tuple[int, ...]:
    return () if at is None else (at,)


class _Hashed:
    """A column of ids or cluster keys as 64-bit hashes; *what* names it."""

    def __init__(self, at: int, what: str) -> None:
        self._at = at
        self._what = what
        self._hashes = Growing(np.uint64)

    def take(self, block: Block, first_row: int) -> None:
        self._hashes.append(cell_hashes(block[self._at], first_row, self._what))

    def finished(self) -> NDArray[np.uint64]:
        return self._hashes.finished()


class _Sliced:
    """A *column* of values by which rows are sliced; more than *limit* are refused."""

    def __init__(self, at: int, column: str, limit: int) -> None:
        self._at = at
        self.column = column
        advice = "raise slices.max_slices, or slice by a column of fewer values"
        self._codes = Codes(f"slice column {column!r}", limit, advice, blank_is_value=True)
        self._rows = Growing(np.int32)

    def take(self, block: Block, first_row: int) -> None:
        self._rows.append(self._codes.of(block[self._at]))

    def finished(self) -> Slicing:
        """The slicing, with values in order, so that the order of rows does not show."""
        values = in_order(self._codes.values)
        places = np.array([values.index(value) for value in self._codes.values], np.int32)
        return Slicing(self.column, tuple(values), places[self._rows.finished()])


class _Span:
    """The *ends* of a column of times: the oldest and the newest; *what* names it."""

    def __init__(self, at: int, what: str) -> None:
        self._at = at
        self._what = what
        self.ends: list[int] = []

    def take(self, block: Block, first_row: int) -> None:
        given = times(block[self._at], first_row, self._what)
        known = [*self.ends, int(given.min()), int(given.max())]
        self.ends = [min(known), max(known)]
