"""
Tables as the service takes them: UTF-8 text with a header row, every value a string.

Missing is an empty value or `?`. A table is its columns by name: one row has to be scored in a
few milliseconds, and forty thousand in less than a second, so plain lists are enough.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Final

MISSING: Final = frozenset({"", "?"})

Table = dict[str, list[str]]


class BadData(Exception):
    """Data that a module cannot work with; *code* names the module's error."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        # Both, so that it crosses from a worker process.
        super().__init__(code, message)


def parse(data: bytes, *, delimiter: str = ",") -> Table:
    """The table in *data*; `BadData` if it is not UTF-8, has no header or no rows."""
    lines = _lines(_decoded(data), delimiter)
    header = next(lines, None)
    if header is None:
        raise BadData("DatasetIsEmpty", "The dataset is empty: it has no header row.")
    if len(set(header)) < len(header):
        raise BadData("DuplicatedColumnName", f"Column names are not unique: {', '.join(header)}.")
    rows = list(_rows(header, lines))
    if not rows:
        raise BadData("TooFewRowsInDataset", "The dataset has a header row and no other row.")
    return {
        name: list(values) for name, values in zip(header, zip(*rows, strict=True), strict=True)
    }


def render(table: Table, *, delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def missing(values: Sequence[str]) -> int:
    """How many of *values* are missing."""
    return sum(value.strip() in MISSING for value in values)


def numbers(values: Sequence[str]) -> list[float] | None:
    """*values* as numbers, NaN where missing; None if one of them is no number."""
    try:
        return [math.nan if (value := text.strip()) in MISSING else float(value) for text in values]
    except ValueError:
        return None


def type_of(values: Sequence[str]) -> str:
    """The service's name for the type of a column: Int32, Double or String."""
    found = numbers(values)
    if found is None or all(math.isnan(value) for value in found):
        return "String"
    return "Int32" if all(value.is_integer() for value in found) else "Double"


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        message = f"The dataset is not UTF-8 text: byte {exc.start} is 0x{data[exc.start]:02x}."
        raise BadData("InvalidDataset", message) from exc


def _lines(text: str, delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    try:
        yield from (line for line in reader if line)
    except csv.Error as exc:
        raise BadData("InvalidDataset", f"Line {reader.line_num} cannot be parsed: {exc}.") from exc


def _rows(header: list[str], lines: Iterator[list[str]]) -> Iterator[list[str]]:
    for number, line in enumerate(lines, start=1):
        if len(line) != len(header):
            message = f"Row {number} has {len(line)} values for {len(header)} columns."
            raise BadData("InvalidDataset", message)
        yield line
