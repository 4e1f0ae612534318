"""
What `Rows` holds of one model, and what all kinds of models have in common when it is read.

Law: what cannot be a truth or an answer is refused with its rows; a row without one of them is
noted as a gap and, where the policy allows gaps, is left out later, in all files alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.grain import Grain
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.cells import Block, numbers, rows_at
from airflow_aml_retrain.gate.reading.codes import Codes
from airflow_aml_retrain.gate.spelling import in_order


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What `Rows` holds of one model, in the order of its file."""

    classes: tuple[str, ...]
    truth: NDArray[Any]
    scores: NDArray[Any]
    said: NDArray[np.int16] | None = None
    grain: Grain | None = None


@dataclass(slots=True)
class Gaps:
    """The rows of a file in which something is missing; `GateError` unless *allowed*."""

    allowed: bool
    _rows: list[NDArray[np.intp]] = field(default_factory=list)

    def note(self, missing: NDArray[np.intp], first_row: int, what: str) -> None:
        if not missing.size:
            return
        if not self.allowed:
            msg = (
                f"{what} is missing in {rows_at(missing + first_row)}; fill it in, or allow it "
                "by preconditions.max_null_fraction"
            )
            raise GateError(msg)
        self._rows.append(missing + (first_row - 1))

    def positions(self) -> NDArray[np.intp]:
        """Where they are, from 0 on, in order."""
        none = np.empty(0, np.intp)
        return np.unique(np.concatenate([none, *self._rows]))


class Taker(Protocol):
    """Takes what it needs from block after block, and has it all in the end."""

    def take(self, block: Block, first_row: int) -> None: ...

    def answers(self) -> Answers: ...


class Probability:
    """A column of scores, each within the range that the policy allows."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.what = f"score {name!r}"
        self._low, self._high = policy.preconditions.score_range or (0.0, 1.0)

    def of(self, cells: pa.Array, first_row: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        scores, missing = numbers(cells, first_row, self.what)
        outside = (scores < self._low) | (scores > self._high)
        if outside.any():
            outside[missing] = False
        if outside.any():
            wrong = np.flatnonzero(outside)
            msg = f"{self.what} is {scores[wrong[0]]} in {rows_at(wrong + first_row)}; {self._law}"
            raise GateError(msg)
        return scores, missing

    @property
    def _law(self) -> str:
        if (self._low, self._high) == (0.0, 1.0):
            return "a probability lies in [0, 1]"
        return f"preconditions.score_range is [{self._low:g}, {self._high:g}]"


def some(rows: NDArray[Any]) -> NDArray[Any]:
    """*rows*, of which there must be some."""
    if not rows.size:
        msg = "the file has a header and no rows"
        raise GateError(msg)
    return rows


def require_two(label: Codes) -> None:
    if not label.values:
        msg = f"{label.what} is missing in every row"
        raise GateError(msg)
    if len(label.values) == 1:
        only = label.values[0]
        msg = f"{label.what} is {only!r} in every row; a hold-out needs rows of both classes"
        raise GateError(msg)


def require_known(
    values: Sequence[str],
    known: Sequence[str],
    what: str = "the scored label",
    kind: str = "a value of the label",
) -> None:
    strange = [value for value in values if value not in known]
    if strange:
        msg = f"{what} {strange[0]!r} is not {kind}, which are {listed(in_order(known))}"
        raise GateError(msg)


def listed(values: Sequence[str]) -> str:
    return f"{', '.join(map(repr, values[:-1]))} and {values[-1]!r}"
