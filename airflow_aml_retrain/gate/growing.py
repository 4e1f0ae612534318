"""An array that takes rows until there are no more, without ever being held twice."""

from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_RESERVED: Final = 64 << 20
"""
Bytes to begin with, which cost nothing before a row is in them.

So many are not taken from the heap, where an array that grows leaves a hole behind each time.
"""

T = TypeVar("T", bound=np.generic)


class Growing(Generic[T]):
    """
    Rows of one type, appended block by block; *width* columns each, or plain numbers.

    Grows by an eighth and in place: the system moves pages, not bytes, so that the peak is what
    the rows take and not twice that, as joining a list of blocks would.
    """

    def __init__(self, dtype: type[T], width: int | None = None) -> None:
        self._width = () if width is None else (width,)
        rows = _RESERVED // (np.dtype(dtype).itemsize * (width or 1))
        self._array: NDArray[T] = np.empty((rows, *self._width), dtype)
        self._rows = 0

    def append(self, block: NDArray[Any]) -> None:
        rows = self._rows + len(block)
        if rows > len(self._array):
            self._resize(max(rows, len(self._array) * 9 // 8))
        self._array[self._rows : rows] = block
        self._rows = rows

    @property
    def so_far(self) -> NDArray[T]:
        """The rows that are there, for as long as no more come."""
        return self._array[: self._rows]

    def finished(self) -> NDArray[T]:
        """All rows; nothing may be appended any more."""
        self._resize(self._rows)
        return self._array

    def _resize(self, rows: int) -> None:
        # Nobody else holds the array before it is finished.
        self._array.resize((rows, *self._width), refcheck=False)
