"""
How far each row moves a value.

Law: near the truth every value is a mean over rows of one number each. These numbers add up to 0,
and their spread is what the value's error is made of (reference: gate.md section 9).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = Callable[[slice], NDArray[np.float64]]
"""One number for each row of a stretch."""


@dataclass(frozen=True, slots=True)
class Influence:
    """
    The *numbers* of all rows, and the *reach*: how far one row could move the value at most.

    *unseen* are numbers that are counted besides, one either way each: those of rows that there
    may be in every class though none was seen. Where there are none `means` decides by itself.
    """

    numbers: Numbers
    reach: float
    unseen: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __sub__(self, other: "Influence") -> "Influence":
        """That of the difference of two values over the same rows."""
        return Influence(
            lambda stretch: self.numbers(stretch) - other.numbers(stretch),
            max(self.reach, other.reach),
            np.maximum(self.unseen, other.unseen) if other.unseen.size else self.unseen,
        )
