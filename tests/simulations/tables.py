"""
What was simulated, as tables that say whether the promise held.

Law: a number stands with its Monte-Carlo error, and a table ends with PASS or FAIL against
bounds that were written down before it was run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WIDTH: Final = 9
_NAMED: Final = 12
"""How many broken promises are said one by one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    A simulated *value*, its Monte-Carlo *error*, and between what it was promised to lie.

    Without bounds it is there to compare with.
    """

    value: float
    error: float = 0.0
    low: float = -inf
    high: float = inf
    form: str = ".3f"

    @property
    def is_promise(self) -> bool:
        return (self.low, self.high) != (-inf, inf)

    @property
    def holds(self) -> bool:
        # Written so that nan does not hold.
        return self.low <= self.value <= self.high

    def __str__(self) -> str:
        return f"{self.value:{self.form}}{'' if self.holds else '!'}"

    def broken(self) -> str:
        return (
            f"{self.value:.4g} (Monte-Carlo error {self.error:.2g}) is not within "
            f"[{self.low:.4g}, {self.high:.4g}]"
        )


@dataclass(frozen=True, slots=True)
class Table:
    """
    *rows* of cells under *columns*, each with its name.

    *how* says worlds and seed, *promise* what the bounds are.
    """

    title: str
    how: str
    promise: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell | None]]]

    @property
    def holds(self) -> bool:
        return not list(self.broken())

    def broken(self) -> Iterator[str]:
        for name, cells in self.rows:
            for column, cell in zip(self.columns, cells, strict=True):
                if cell is not None and not cell.holds:
                    yield f"{name}, {column}: {cell.broken()}"

    def __str__(self) -> str:
        wide = max(len(name) for name, _ in self.rows) + 2
        widths = [max(len(column) + 2, _WIDTH) for column in self.columns]
        head = " " * wide + "".join(
            f"{column:>{width}}" for column, width in zip(self.columns, widths, strict=True)
        )
        body = [
            f"{name:{wide}}"
            + "".join(
                f"{'-' if cell is None else str(cell):>{width}}"
                for cell, width in zip(cells, widths, strict=True)
            )
            for name, cells in self.rows
        ]
        errors = [cell.error for _, cells in self.rows for cell in cells if cell is not None]
        said = f"{self.how}; Monte-Carlo error at most {max(errors):.2g}"
        return "\n".join([self.title, f"  {said}", head, *body, self._ending()])

    def _ending(self) -> str:
        broken = list(self.broken())
        if not broken:
            cells = [cell for _, row in self.rows for cell in row if cell is not None]
            count = sum(cell.is_promise for cell in cells)
            return f"PASS: {self.promise} ({count} numbers)"
        more = [f"  and {len(broken) - _NAMED} more"] if len(broken) > _NAMED else []
        return "\n".join(
            [f"FAIL: {self.promise}", *(f"  {line}" for line in broken[:_NAMED]), *more]
        )


def share(hits: NDArray[np.bool_], low: float = -inf, high: float = inf) -> Cell:
    """How often something happened in worlds (n,)."""
    value = float(hits.mean())
    return Cell(value, sqrt(max(value * (1 - value), 0.25 / len(hits)) / len(hits)), low, high)


def mean(
    values: NDArray[np.float64], low: float = -inf, high: float = inf, form: str = ".3f"
) -> Cell:
    """The mean over worlds (n,)."""
    error = float(values.std(ddof=1)) / sqrt(len(values))
    return Cell(float(values.mean()), error, low, high, form)
