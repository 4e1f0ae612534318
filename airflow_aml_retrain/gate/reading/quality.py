"""What was met while the files of all models were read."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import EPSILON
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.reading.matching import Match
from airflow_aml_retrain.gate.reading.scored import ScoredRows
from airflow_aml_retrain.gate.rows import Quality
from airflow_aml_retrain.gate.stretches import stretches


def quality(
    files: Sequence[ScoredRows],
    match: Match,
    truth: NDArray[Any],
    scores: Mapping[str, NDArray[Any]],
    pool: ThreadPoolExecutor,
) -> Quality:
    """That of *files*, of which *match* has found the rows of *truth* and *scores*."""
    task = files[0].task
    models = [file.model for file in files]
    clips = pool.map(lambda model: _clipped(task, truth, scores[model]), models)
    hashes = pool.map(lambda model: _sha256(scores[model]), models)
    return Quality(
        read={file.model: len(file) for file in files},
        nulls={file.model: len(file.gaps) for file in files},
        clipped=dict(zip(models, clips, strict=True)),
        incomplete=match.incomplete,
        unmatched=match.unmatched,
        duplicates=match.duplicates,
        matched_by="order" if files[0].marks.ids is None else "id",
        oldest=next((file.marks.oldest for file in files if file.marks.oldest), None),
        newest=next((file.marks.newest for file in files if file.marks.newest), None),
        score_sha256=dict(zip(models, hashes, strict=True)),
        example="; ".join(match.examples),
    )


def _sha256(scores: NDArray[Any]) -> str:
    """The hash of one model's scores in order, as `Rows` has them."""
    kind = scores.dtype.newbyteorder("<")
    return sha256(np.ascontiguousarray(scores, kind).reshape(-1).data).hexdigest()


def _clipped(task: Task, truth: NDArray[Any], scores: NDArray[Any]) -> int:
    """In how many rows log loss is cut off: what was true was given next to no probability."""
    if task is Task.REGRESSION:
        return 0
    return sum(_surprises(task, truth[at], scores[at]) for at in stretches(len(truth)))


def _surprises(task: Task, truth: NDArray[Any], scores: NDArray[Any]) -> int:
    if task is Task.MULTICLASS:
        scores = np.take_along_axis(scores, truth[:, None].astype(np.intp), axis=1)[:, 0]
        truth = np.ones(len(truth), np.bool_)
    surprised = np.signbit(scores) ^ truth
    return int(np.count_nonzero(surprised & (np.abs(scores) < EPSILON)))
