"""
Sixty-four bits for sixty-four others, by the finalizer of SplitMix64 (Steele, Lea, Flood 2014).

Law: as ledgers keep what is made of it, it is the same on every machine and for ever.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_STEPS: Final = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """*values*, each changed to another one that tells nothing of it."""
    result = values + _GAMMA
    for shift, factor in _STEPS:
        result ^= result >> shift
        result *= factor
    result ^= result >> np.uint64(31)
    return result
