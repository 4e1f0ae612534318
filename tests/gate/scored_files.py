"""Scored files in memory, CSV and Parquet, for the tests of the reader."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.reader import read_rows
from airflow_aml_retrain.gate.rows import CHALLENGER, Rows

BINARY: Mapping[str, Any] = {"checks": [{"metric": "auc", "at_least": 0.5}]}
REGRESSION: Mapping[str, Any] = {"checks": [{"metric": "mae", "at_most": 1}]}
MULTICLASS: Mapping[str, Any] = {"checks": [{"metric": "macro_f1", "at_least": 0.5}]}

SCORE = "Scored Probabilities"


class Trickle(BytesIO):
    """A stream that gives at most *most* bytes at a time, as a network does."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.most if size is None or size < 0 else min(size, self.most))


class Lost(BytesIO):
    """A stream whose connection is lost after *left* bytes."""

    def __init__(self, content: bytes, left: int) -> None:
        super().__init__(content)
        self.left = left

    def read(self, size: int | None = -1) -> bytes:
        given = super().read(size)
        self.left -= len(given)
        if self.left < 0:
            raise ConnectionResetError
        return given


def policy(rules: Mapping[str, Any] = BINARY, **data: object) -> Policy:
    """*rules*, with label y and what else *data* says of the columns."""
    return Policy.parse({**rules, "data": {"label": "y", **data}})


def csv_of(*rows: str, header: str = f"y,{SCORE}") -> str:
    return "\n".join([header, *rows]) + "\n"


def parquet_of(columns: Mapping[str, Sequence[object] | pa.Array], **how: object) -> bytes:
    file = BytesIO()
    pq.write_table(pa.table(dict(columns)), file, **how)
    return file.getvalue()


def read(content: str | bytes, rules: Mapping[str, Any] = BINARY, /, **data: object) -> Rows:
    """The rows of one file, the challenger's, where there is no other model."""
    return read_all({CHALLENGER: content}, rules, **data)


def read_all(
    contents: Mapping[str, str | bytes], rules: Mapping[str, Any] = BINARY, /, **data: object
) -> Rows:
    """The rows of several models' files."""
    sources = {
        model: BytesIO(content.encode() if isinstance(content, str) else content)
        for model, content in contents.items()
    }
    return read_rows(sources, policy(rules, **data))
