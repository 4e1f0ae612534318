"""The rows by which two models are told apart: a promotion is proven by asking some of them."""

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.folded import unfold
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows

_MOST = 20


def telling_rows(rows: Rows, most: int = _MOST) -> tuple[int, ...]:
    """
    Numbers of the rows on which champion and challenger differ most, the greatest first.

    Row 1 is the first after the header; equal differences go by row number; rows that do not
    differ are left out, so that there may be none. None either where files were joined by id in
    different orders: a number would then mean another row in each.
    """
    if CHAMPION not in rows.scores or not rows.is_in_order:
        return ()
    apart = _apart(rows)
    most = min(most, int(np.count_nonzero(apart)))
    if not most:
        return ()
    least = np.partition(apart, len(apart) - most)[len(apart) - most]
    candidates = np.flatnonzero(apart >= least)
    order = np.lexsort((candidates, -apart[candidates]))[:most]
    return tuple((candidates[order] + 1).tolist())


def _apart(rows: Rows) -> NDArray[np.float64]:
    old, new = rows.scores[CHAMPION], rows.scores[CHALLENGER]
    difference: NDArray[np.float64]
    with np.errstate(over="ignore"):
        if rows.task is Task.REGRESSION:
            difference = np.abs(new - old)
        else:
            difference = np.abs(unfold(new) - unfold(old))
    # Of several classes, the one on which the two differ most.
    apart: NDArray[np.float64] = difference.max(axis=1) if difference.ndim > 1 else difference
    return apart
