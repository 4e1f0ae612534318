"""
Tables as the service takes them: UTF-8 text with a header row, every value a string.

Missing is an empty value or `?`.
"""

import csv
import io
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

MISSING: Final = frozenset({"", "?"})


class BadData(Exception):
    """Data that a module cannot work with; *code* names the module's error."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")

    def __reduce__(self) -> tuple[type["BadData"], tuple[str, str]]:
        return BadData, (self.code, self.message)


def parse(data: bytes, *, delimiter: str = ",") -> pd.DataFrame:
    """The table in *data*; `BadData` if it is not UTF-8, has no header or no rows."""
    text = _decoded(data)
    if not text.strip():
        raise BadData("DatasetIsEmpty", "The dataset is empty: it has no header row.")
    try:
        table = pd.read_csv(
            io.StringIO(text),
            dtype=str,
            keep_default_na=False,
            sep=delimiter,
            skipinitialspace=True,
            index_col=False,
            on_bad_lines="error",
        )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as exc:
        raise BadData("InvalidDataset", f"The dataset cannot be parsed: {exc}") from exc
    if table.empty:
        raise BadData("TooFewRowsInDataset", "The dataset has a header row and no other row.")
    return table.fillna("")


def render(table: pd.DataFrame, *, delimiter: str = ",") -> bytes:
    return table.to_csv(index=False, sep=delimiter, lineterminator="\n").encode()


def first_row(data: bytes) -> dict[str, str]:
    """The header of *data* with the values of its first row."""
    rows = csv.DictReader(io.StringIO(_decoded(data)), skipinitialspace=True)
    row = next(iter(rows), None)
    if row is None:
        raise BadData("TooFewRowsInDataset", "The dataset has no row below its header.")
    return {str(name): str(value) for name, value in row.items()}


def is_missing(values: "pd.Series[str]") -> "pd.Series[bool]":
    return values.str.strip().isin(MISSING)


def numbers(values: "pd.Series[str]") -> npt.NDArray[np.float64] | None:
    """*values* as numbers, NaN where missing; None if one of them is no number."""
    missing = is_missing(values)
    found = pd.to_numeric(values.mask(missing, "nan"), errors="coerce")
    if bool((found.isna() & ~missing).any()):
        return None
    return found.to_numpy(dtype=np.float64)


def type_of(values: "pd.Series[str]") -> str:
    """The service's name for the type of a column: Int32, Double or String."""
    found = numbers(values)
    if found is None or bool(is_missing(values).all()):
        return "String"
    whole = np.isnan(found) | (found == np.floor(found))
    return "Int32" if bool(whole.all()) and not np.isnan(found).any() else "Double"


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        message = f"The dataset is not UTF-8 text: byte {exc.start} is 0x{data[exc.start]:02x}."
        raise BadData("InvalidDataset", message) from exc
