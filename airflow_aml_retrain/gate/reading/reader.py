"""
From the scored files of all models to the rows that are judged.

Law: every file is read once, in bounded memory, by a thread of its own; what is wrong is said of
the first file that it is wrong with, champion before challenger, however the threads ran.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.holdout.identity import holdout_of
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.columns import Columns, find_columns, find_marks
from airflow_aml_retrain.gate.reading.matching import Match, matched
from airflow_aml_retrain.gate.reading.quality import quality
from airflow_aml_retrain.gate.reading.scored import ScoredFile, ScoredRows, opened, read_scored
from airflow_aml_retrain.gate.rows import ANCHOR, CHALLENGER, CHAMPION, Rows, Slicing

_MODELS: Final = (CHAMPION, CHALLENGER, ANCHOR)


def read_rows(sources: Mapping[str, BinaryIO], policy: Policy) -> Rows:
    """
    The rows that all models scored; *sources* are CSV or Parquet files by model.

    There is always a challenger's; champion's and anchor's where there are such models. A plain
    stream will do for CSV, Parquet needs one that can seek. `GateError` says what is wrong, in
    which file, in which rows, and what to do; what a source raises is raised as it came.
    """
    models = [model for model in _MODELS if model in sources]
    files: dict[str, ScoredFile] = {}
    columns: dict[str, Columns] = {}
    for model in models:
        with _naming_the_file(model):
            files[model] = opened(sources[model])
            columns[model] = find_columns(files[model].names, policy)
    marks = find_marks({model: file.names for model, file in files.items()}, policy)

    def read(model: str) -> ScoredRows:
        with _naming_the_file(model):
            rows = read_scored(model, files[model], columns[model], marks[model], policy)
        # What pyarrow keeps for later is kept by thread, and this one reads nothing more.
        pa.default_memory_pool().release_unused()
        return rows

    with ThreadPoolExecutor(len(models)) as pool:
        return _judged(list(pool.map(read, models)), pool)


@contextmanager
def _naming_the_file(model: str) -> Iterator[None]:
    try:
        yield
    except GateError as exc:
        msg = f"the {model}'s file: {exc}"
        raise GateError(msg) from exc


def _judged(files: Sequence[ScoredRows], pool: ThreadPoolExecutor) -> Rows:
    first, match = files[0], matched(files)
    truth = match.taken(first.model, first.answers.truth)
    _require_variety(truth)
    scores = {file.model: match.taken(file.model, file.answers.scores) for file in files}
    ids = None if first.marks.ids is None else match.taken(first.model, first.marks.ids)
    return Rows(
        task=first.task,
        classes=first.answers.classes,
        truth=truth,
        scores=scores,
        grain={
            file.model: match.taken(file.model, file.answers.grain)
            for file in files
            if file.answers.grain is not None
        },
        said={
            file.model: match.taken(file.model, file.answers.said)
            for file in files
            if file.answers.said is not None
        },
        slicings={
            name: _sliced(slicing, file.model, match)
            for file in files
            for name, slicing in file.marks.slicings.items()
        },
        clusters=_clusters(files, match),
        holdout=holdout_of(first.task, first.answers.classes, truth, ids),
        quality=quality(files, match, truth, scores, pool),
        is_in_order=match.positions is None,
    )


def _require_variety(truth: NDArray[Any]) -> None:
    if truth.min() == truth.max():
        msg = (
            "the truth is the same in every row that can be judged; nothing can be learned about "
            "a model from that"
        )
        raise GateError(msg)


def _sliced(slicing: Slicing, model: str, match: Match) -> Slicing:
    if match.positions is None:
        return slicing
    # A value of which no row is left is none any more.
    there, codes = np.unique(match.taken(model, slicing.codes), return_inverse=True)
    values = tuple(slicing.values[code] for code in there)
    return replace(slicing, values=values, codes=codes.astype(np.int32))


def _clusters(files: Sequence[ScoredRows], match: Match) -> NDArray[np.int32] | None:
    for file in files:
        if file.marks.clusters is not None:
            keys = match.taken(file.model, file.marks.clusters)
            return np.unique(keys, return_inverse=True)[1].astype(np.int32)
    return None
