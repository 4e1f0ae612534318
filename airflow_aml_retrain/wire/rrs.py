"""
The Request-Response Service: answers about rows, at once, in either of its two formats.

Law: one answered row for each row that was asked, in the same order, keyed by column name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from airflow_aml_retrain.errors import BadInput, NoSuchName, WireError
from airflow_aml_retrain.wire.conversation import Conversation, Request, ask
from airflow_aml_retrain.wire.shapes import shape_of
from airflow_aml_retrain.wire.verbs import Row


class Format(Enum):
    """How rows are written: as columns and values, or as one object each."""

    TABLE = ""
    SWAGGER = "&format=swagger"


@dataclass(frozen=True, slots=True)
class RequestResponse:
    """
    The scoring of the service at *api_url*.

    *input_name* is the input that takes the rows; *output_name* the output that is returned
    (None: the only one). *settling* is for how many seconds a 401 or 404 is no error yet.
    """

    api_url: str
    input_name: str = "input1"
    output_name: str | None = None
    format: Format = Format.TABLE
    settling: float = 0.0

    def score(self, rows: Sequence[Row]) -> Conversation[list[dict[str, str]]]:
        """Ask about *rows*, which all have the same columns."""
        if not rows:
            return []
        url = f"{self.api_url}/execute?api-version=2.0{self.format.value}"
        body = {"Inputs": {self.input_name: self._written(rows)}, "GlobalParameters": {}}
        answer = yield from ask(Request("POST", url, body), settling=self.settling)
        answered = _rows(self._output(answer.json()))
        if len(answered) != len(rows):
            msg = f"POST {url}: expected {len(rows)} scored rows, got {len(answered)}"
            raise WireError(msg)
        return answered

    def _written(self, rows: Sequence[Row]) -> object:
        names = list(rows[0])
        for number, row in enumerate(rows):
            if set(row) != set(names):
                differing = ", ".join(sorted(map(ascii, set(row) ^ set(names))))
                msg = f"row {number} has other columns than row 0: {differing}"
                raise BadInput(msg)
        if self.format is Format.SWAGGER:
            return [dict(row) for row in rows]
        return {"ColumnNames": names, "Values": [[row[name] for name in names] for row in rows]}

    def _output(self, said: object) -> object:
        match said:
            case {"Results": {**results}}:
                return _chosen(results, self.output_name)
            case _:
                msg = f"expected scores with Results, got {shape_of(said)}"
                raise WireError(msg)


def _chosen(results: Mapping[object, object], name: str | None) -> object:
    if name is not None:
        if name not in results:
            raise NoSuchName(kind="output", given=name, existing=map(str, results))
        return results[name]
    if len(results) != 1:
        names = ", ".join(map(ascii, results)) or "none"
        msg = f"expected one output of the scoring service, got {len(results)}; name it: {names}"
        raise BadInput(msg)
    return next(iter(results.values()))


def _rows(output: object) -> list[dict[str, str]]:
    # Read as it came: which format was asked for does not bind what is answered.
    match output:
        case {"value": {"ColumnNames": [*names], "Values": [*rows]}}:
            return [_row(names, row) for row in rows]
        case [*rows]:
            return [_row_object(row) for row in rows]
        case _:
            msg = f"expected a table with ColumnNames, or rows, got {shape_of(output)}"
            raise WireError(msg)


def _row(names: Sequence[object], row: object) -> dict[str, str]:
    if not isinstance(row, list) or len(row) != len(names):
        msg = f"expected a row of {len(names)} values, got {shape_of(row)}"
        raise WireError(msg)
    return {str(name): _text(value) for name, value in zip(names, row, strict=True)}


def _row_object(row: object) -> dict[str, str]:
    if not isinstance(row, dict):
        msg = f"expected a row keyed by column name, got {shape_of(row)}"
        raise WireError(msg)
    return {str(name): _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    """Every value is documented as a string; a missing one is an empty string here."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            msg = f"expected a value of a row, got {shape_of(value)}"
            raise WireError(msg)
