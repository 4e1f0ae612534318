"""
The hold-out as both models scored it: the same rows, in the same order, with the same truth.

Law: two files are compared only when their truth is equal row by row. A hold-out is known by what
it holds and not by its name, so that a renamed file is still the same hold-out.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.cells import rows_at
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.reader import ScoredRows


@dataclass(frozen=True, slots=True)
class Holdout:
    """What identifies a hold-out: how many rows, and the hash of their truth in order."""

    rows: int
    sha256: str
    classes: tuple[str, ...] = ()
    positive: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PairedRows:
    """One truth, and the scores of both models beside it."""

    task: Task
    truth: NDArray[np.bool_] | NDArray[np.float64]
    champion: NDArray[np.float64]
    challenger: NDArray[np.float64]
    holdout: Holdout


def paired(champion: ScoredRows, challenger: ScoredRows) -> PairedRows:
    """Both files as one; `GateError` says where they are not over the same rows."""
    _require_same_shape(champion, challenger)
    differing = np.flatnonzero(champion.truth != challenger.truth)
    if differing.size:
        msg = (
            f"the labels of champion and challenger differ in {rows_at(differing + 1)}; "
            "score both models over the same rows in the same order"
        )
        raise GateError(msg)
    return PairedRows(
        task=champion.task,
        truth=champion.truth,
        champion=champion.scores,
        challenger=challenger.scores,
        holdout=_identity(champion),
    )


def _require_same_shape(champion: ScoredRows, challenger: ScoredRows) -> None:
    advice = "score both models over the same rows in the same order"
    if champion.task is not challenger.task:
        msg = (
            f"the champion's columns are those of {champion.task}, the challenger's those of "
            f"{challenger.task}; score both with models of one kind"
        )
        raise GateError(msg)
    if len(champion.truth) != len(challenger.truth):
        msg = (
            f"the champion scored {len(champion.truth)} rows and the challenger "
            f"{len(challenger.truth)}; {advice}"
        )
        raise GateError(msg)
    if champion.classes != challenger.classes:
        msg = (
            f"the champion's rows are labelled {champion.classes} and the challenger's "
            f"{challenger.classes}; {advice}"
        )
        raise GateError(msg)


def _identity(rows: ScoredRows) -> Holdout:
    content = sha256(repr((rows.task.value, rows.classes, len(rows.truth))).encode())
    if rows.task is Task.BINARY:
        # Which class is called positive is the policy's choice and not the hold-out's content.
        second = rows.truth if rows.positive == rows.classes[1] else ~rows.truth.astype(np.bool_)
        content.update(np.packbits(second.astype(np.bool_)).tobytes())
    else:
        content.update(rows.truth.astype("<f8").tobytes())
    return Holdout(len(rows.truth), content.hexdigest(), rows.classes, rows.positive)


def telling_rows(
    champion: NDArray[np.float64], challenger: NDArray[np.float64], most: int = 20
) -> tuple[int, ...]:
    """
    Numbers of the rows on which the two models differ most, the greatest difference first.

    Row 1 is the first after the header; equal differences go by row number; rows that do not
    differ are left out, so that there may be none.
    """
    with np.errstate(over="ignore"):
        apart = np.abs(challenger - champion)
    most = min(most, int(np.count_nonzero(apart)))
    if not most:
        return ()
    least = np.partition(apart, len(apart) - most)[len(apart) - most]
    candidates = np.flatnonzero(apart >= least)
    order = np.lexsort((candidates, -apart[candidates]))[:most]
    return tuple((candidates[order] + 1).tolist())
