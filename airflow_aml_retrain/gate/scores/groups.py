"""
Which rows make a slice: those with the same value in a column, or the same values in several.

Law: there are never more slices than the policy allows. A crossing is refused as soon as its first
columns make too many.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.rows import Rows, Slicing
from airflow_aml_retrain.gate.rules.sections import Slices

# So many combinations of values can be counted side by side; more are sorted.
_SIDE_BY_SIDE: Final = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows apart by *codes* (n,), which are positions in *names*; none of these is empty."""

    names: tuple[str, ...]
    codes: NDArray[np.int32]


def single(slicing: Slicing) -> Groups:
    """By the values of one column."""
    there, codes = _met(slicing.codes, len(slicing.values))
    return Groups(tuple(f"{slicing.column}={slicing.values[at]}" for at in there), codes)


def groups(rows: Rows, slices: Slices) -> list[Groups]:
    """One for each column that *slices* name, then one for each crossing of columns."""
    columns = {column: single(rows.slicings[column]) for column in slices.needed}
    found = [columns[column] for column in slices.columns]
    for crossed in slices.cross:
        parts = [columns[column] for column in crossed]
        found.append(reduce(lambda one, other: _crossed(one, other, slices), parts))
    _require_few("slices", sum(len(each.names) for each in found), slices)
    return found


def _crossed(one: Groups, other: Groups, slices: Slices) -> Groups:
    across = len(other.names)
    combined = np.multiply(one.codes, across, dtype=np.int64) + other.codes
    there, codes = _met(combined, len(one.names) * across)
    _require_few("the columns crossed in slices.cross", len(there), slices)
    pairs = (divmod(at, across) for at in there)
    return Groups(tuple(f"{one.names[row]}, {other.names[at]}" for row, at in pairs), codes)


def _met(codes: NDArray[np.signedinteger], most: int) -> tuple[list[int], NDArray[np.int32]]:
    """The numbers below *most* that occur, and where among them each of *codes* is."""
    if most > _SIDE_BY_SIDE:
        there, place = np.unique(codes, return_inverse=True)
        return there.tolist(), place.astype(np.int32)
    there = np.flatnonzero(np.bincount(codes, minlength=most))
    if len(there) == most:
        return there.tolist(), codes.astype(np.int32, copy=False)
    places = np.zeros(most, dtype=np.int32)
    places[there] = np.arange(len(there), dtype=np.int32)
    return there.tolist(), places[codes]


def _require_few(what: str, count: int, slices: Slices) -> None:
    if count > slices.max_slices:
        msg = (
            f"{what} make {count:,} slices, more than slices.max_slices ({slices.max_slices:,}); "
            "name fewer columns, or columns of fewer values, or raise slices.max_slices"
        )
        raise GateError(msg)
