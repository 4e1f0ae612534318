"""
The evaluation output of a training job: a header with Azure's metric names and one row of numbers.

The names are known only from memory of the Studio's Evaluate Model, so every spelling that the
registry knows is understood and other columns are left alone.
"""

import csv
from collections.abc import Mapping
from io import StringIO
from typing import BinaryIO, Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import Metric, metric_spelled

_LARGEST: Final = 1 << 20


def read_evaluation(source: BinaryIO) -> Mapping[str, float]:
    """The metrics in *source* by our names; `GateError` says what is wrong with it."""
    header, row = _two_lines(_text(source))
    found: dict[str, float] = {}
    for column, cell in zip(header, row, strict=True):
        metric = metric_spelled(column)
        if metric is None:
            continue
        if metric.name in found:
            msg = f"two columns of the evaluation are {metric.title}: {', '.join(header)}"
            raise GateError(msg)
        found[metric.name] = _value(metric, column, cell)
    if not found:
        msg = f"the evaluation has no metric that is known; its columns are: {', '.join(header)}"
        raise GateError(msg)
    return found


def _text(source: BinaryIO) -> str:
    content = b""
    while more := source.read(_LARGEST):
        content += more
        if len(content) > _LARGEST:
            msg = "the evaluation is larger than 1 MB; it should be two lines (is it scored rows?)"
            raise GateError(msg)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        msg = f"byte {exc.start + 1} of the evaluation is not UTF-8"
        raise GateError(msg) from exc


def _two_lines(text: str) -> tuple[list[str], list[str]]:
    try:
        lines = [line for line in csv.reader(StringIO(text, newline="")) if line]
    except csv.Error as exc:
        msg = f"the evaluation is not a CSV: {exc}"
        raise GateError(msg) from exc
    if len(lines) != 2:
        msg = f"the evaluation should be a header and one row of numbers; it has {len(lines)} lines"
        raise GateError(msg)
    header, row = [name.strip() for name in lines[0]], lines[1]
    if len(header) != len(row):
        msg = f"the evaluation names {len(header)} columns and gives {len(row)} values"
        raise GateError(msg)
    return header, row


def _value(metric: Metric, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError as exc:
        msg = f"{column} in the evaluation is not a number: {cell[:40]!r}"
        raise GateError(msg) from exc
    if not metric.low <= value <= metric.high:
        msg = (
            f"{column} in the evaluation is {value}, outside [{metric.low:g}, {metric.high:g}] "
            "where it must lie"
        )
        raise GateError(msg)
    return value
