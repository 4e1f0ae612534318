"""
Sixty-four bits for an id, the same on every machine and for ever: ledgers keep them.

Law: 7 in a Parquet file of numbers and "7" in a CSV are one id; "07" is another. So a text that is
a whole number, written as one writes it, is hashed as the number; any other text by its bytes,
eight at a time. Both are `mixed`, and among 10^7 ids two
meet by chance with probability 3 in a million.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.holdout.mixing import mixed
from airflow_aml_retrain.gate.reading.cells import as_array, as_text, rows_at, taken, unpacked

_WORD: Final = 8
_MASKS: Final = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)

_DIGITS: Final = 18
"""Every number of so many digits fits into 64 bits; longer ones are texts."""
_TOO_LONG: Final = 10**_DIGITS
_WHOLE_NUMBER: Final = f"^(0|-?[1-9][0-9]{{0,{_DIGITS - 1}}})$"
_BLANK, _ZERO, _ONE, _NINE = b" 019"


def cell_hashes(cells: pa.Array, first_row: int, what: str) -> NDArray[np.uint64]:
    """A hash for each of *cells*; `GateError` where one is empty."""
    cells = unpacked(cells)
    if pa.types.is_integer(cells.type) and not cells.null_count:
        # What is above 2 ** 63 has no sign to lose.
        kind = pa.uint64() if pa.types.is_unsigned_integer(cells.type) else pa.int64()
        numbers = as_array(pc.cast(cells, kind))
        if ((numbers > -_TOO_LONG) & (numbers < _TOO_LONG)).all():
            return _of_numbers(numbers.view(np.int64))
    texts = _bytes(cells, what)
    wrong = np.flatnonzero(as_array(pc.binary_length(texts)) == 0)
    if wrong.size:
        msg = f"{what} is missing in {rows_at(wrong + first_row)}; every row needs one"
        raise GateError(msg)
    return _of_texts(texts)


def _of_numbers(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    return mixed(numbers.view(np.uint64))


def _of_texts(texts: pa.Array) -> NDArray[np.uint64]:
    places, data = _laid_out(texts)
    sizes, first = np.diff(places), data[places[:-1]]
    if ((first >= _ONE) & (first <= _NINE)).all() and sizes.max() <= _DIGITS:
        try:
            return _of_numbers(as_array(pc.cast(texts, pa.int64())))
        except pa.ArrowInvalid:
            pass
    hashes = _of_bytes(places, data)
    last = data[places[1:] - 1]
    likely = np.flatnonzero((last >= _ZERO) & (last <= _NINE) & (sizes <= _DIGITS + 1))
    some = taken(texts, likely)
    whole = as_array(pc.cast(pc.match_substring_regex(some, _WHOLE_NUMBER), pa.uint8())) == 1
    numbers = pc.cast(taken(some, np.flatnonzero(whole)), pa.int64())
    hashes[likely[whole]] = _of_numbers(as_array(numbers))
    return hashes


def _of_bytes(places: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    padded = np.concatenate((data, np.zeros(_WORD, np.uint8)))
    # The eight bytes from each byte on.
    words: NDArray[np.uint64] = np.ndarray((len(data) + 1,), "<u8", padded, strides=(1,))
    starts, sizes = places[:-1], np.diff(places)
    hashes = mixed(sizes.astype(np.uint64))
    for at in range(0, int(sizes.max()), _WORD):
        rows = np.flatnonzero(sizes > at)
        word = words[starts[rows] + at] & _MASKS[np.minimum(sizes[rows] - at, _WORD)]
        hashes[rows] = mixed(hashes[rows] ^ word)
    return hashes


def _bytes(cells: pa.Array, what: str) -> pa.Array:
    """*cells* as texts without blanks around them; bytes of a fixed size stay what they are."""
    if pa.types.is_fixed_size_binary(cells.type):
        return pc.cast(cells, pa.binary())
    texts = as_text(cells, what)
    _, data = _laid_out(texts)
    return pc.utf8_trim_whitespace(texts) if (data <= _BLANK).any() else texts


def _laid_out(texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Where each text begins and the last one ends, and the bytes of all of them."""
    _, offsets, data = texts.buffers()
    width = np.dtype(np.int32).itemsize
    places = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * width)
    start, size = int(places[0]), int(places[-1] - places[0])
    content = np.frombuffer(data, np.uint8, size, start) if size else np.empty(0, np.uint8)
    return places.astype(np.int64) - start, content
