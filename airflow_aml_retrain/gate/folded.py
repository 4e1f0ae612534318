"""
Probabilities in four bytes that are as fine near 1 as they are near 0.

A score s is kept as s up to 0.5 and as -(1 - s) above, in float32; 1 is -0.0. So log loss keeps
seven digits at both ends, and the bit pattern, cut to its upper part, is an order-preserving bin
number: folded float bits (reference: gate.md section 4.4; equal widths lose rare classes).
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SHIFT: Final = 14
_SIGN: Final = 31
_HALF: Final = (0x3F000000 >> _SHIFT) + 1

BINS: Final = 2 * _HALF
"""How many bins there are: 129,026."""

# Above one half the bits count down from the sign bit, as `~` of the shifted bits counts up from
# below this number.
_TURNED: Final = 1 << (_SIGN - _SHIFT)

EPSILON: Final = float(np.finfo(np.float64).eps)
"""Where log loss is cut off, as scikit-learn does."""

# Adding and taking away this number rounds to multiples of 2 ** -36.
_GRID: Final = 1.5 * 2.0**16


def on_grid(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    *numbers* rounded to multiples of 2 ** -36.

    Sums of up to 65,536 of them are exact while their mean stays below 2, so that what a hold-out
    comes to does not depend on the order of its rows.
    """
    rounded: NDArray[np.float64] = numbers + _GRID
    rounded -= _GRID
    return rounded


def fold(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """*scores* in [0, 1], folded."""
    # A score may be -0.0, which would mean 1 here.
    return np.where(scores > 0.5, -(1.0 - scores), np.abs(scores)).astype(np.float32)


def unfold(folded: NDArray[np.float32]) -> NDArray[np.float64]:
    """The scores that were folded, to 24 bits."""
    wide = folded.astype(np.float64)
    return np.where(np.signbit(folded), 1.0 + wide, wide)


def bins(folded: NDArray[np.float32]) -> NDArray[np.int32]:
    """The bin of each score, 0 .. BINS - 1, in the order of the scores."""
    bits = folded.view(np.int32)
    above = bits >> _SIGN  # all ones above one half, all zeros below
    number = bits >> _SHIFT
    number ^= above
    above &= BINS - _TURNED
    number += above
    return number


@cache
def middles() -> NDArray[np.float64]:
    """A score out of each bin, from its middle: within 0.1 % of any other, or of 1 less it."""
    lower = np.arange(_HALF, dtype=np.int64) << _SHIFT
    middle = np.minimum(lower + (1 << (_SHIFT - 1)), 0x3F000000).astype(np.int32).view(np.float32)
    below = middle.astype(np.float64)
    scores = np.concatenate([below, 1.0 - below[::-1]])
    scores.flags.writeable = False
    return scores


def order(folded: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Whole numbers in the order of the scores; the same score has the same one."""
    bits = folded.view(np.int32)
    return (bits ^ (bits >> _SIGN & 0x7FFFFFFF)).view(np.uint32)


def cut(threshold: float) -> np.float32:
    """*threshold* as `reaches` takes it."""
    return np.float32(fold(np.array([threshold]))[0])


def reaches(folded: NDArray[np.float32], limit: np.float32) -> NDArray[np.bool_]:
    """Whether each score is at least *limit*, folded like them; none is if that is NaN."""
    if np.isnan(limit):
        return np.zeros(len(folded), dtype=np.bool_)
    # As bits, scores above one half come after all others if they are read without a sign, and
    # count down among themselves.
    if np.signbit(limit):
        return folded.view(np.int32) <= limit.view(np.int32)
    return folded.view(np.uint32) >= limit.view(np.uint32)


def at_least(folded: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Whether each score is at least *threshold*, as far as 24 bits tell."""
    return reaches(folded, cut(threshold))


def losses(truth: NDArray[np.bool_], folded: NDArray[np.float32]) -> NDArray[np.float64]:
    """
    Minus the logarithm of the probability given to what was true, `on_grid`.

    It is cut off at `EPSILON`.
    """
    # The small side of the fold is the probability of what was true where the score was wrong;
    # else it is taken from 1.
    given: NDArray[np.float64] = (np.signbit(folded) == truth).astype(np.float64)
    given -= np.abs(folded)
    np.abs(given, out=given)
    np.maximum(given, EPSILON, out=given)
    np.log(given, out=given)
    # As `on_grid`, of the negative.
    np.subtract(_GRID, given, out=given)
    given -= _GRID
    return given
