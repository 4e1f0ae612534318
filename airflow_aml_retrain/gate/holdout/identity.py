"""
What makes a hold-out the same hold-out, whatever its files are called and however it is sorted.

Law: a hold-out is known by its truth and, where rows have ids, by these; not by the order of rows
with ids, and never by scores or by which class the policy calls positive. What is written here
is kept in ledgers, so it must come out the same in every version.
"""

from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.holdout.mixing import mixed
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.rows import Holdout
from airflow_aml_retrain.gate.spelling import in_order
from airflow_aml_retrain.gate.stretches import stretches

_SKETCH: Final = 256
_SAMPLED: Final = 128
"""Of so many rows a sketch keeps one, where that is more: what was taken from many is then seen."""
_MOST: Final = 1 << 13


def holdout_of(
    task: Task,
    classes: tuple[str, ...],
    truth: NDArray[Any],
    ids: NDArray[np.uint64] | None = None,
) -> Holdout:
    """The identity of rows of this *truth*, as `Rows` has it, with the hashes of their *ids*."""
    ordered = tuple(in_order(classes))
    if task is Task.BINARY and classes != ordered:
        truth = ~truth
    content = sha256(repr((task.value, ordered, len(truth), ids is not None)).encode())
    if ids is None:
        content.update(_in_order(task, truth))
        return Holdout(len(truth), content.hexdigest())
    rows, least = np.empty_like(ids), ids[:0]
    size = min(max(_SKETCH, len(ids) // _SAMPLED), _MOST)
    for part in stretches(len(ids)):
        rows[part] = mixed(ids[part] ^ mixed(_bits(task, truth[part])))
        least = np.sort(np.concatenate((least, ids[part])))[:size]
    rows.sort()
    content.update(rows.astype("<u8", copy=False).data)
    return Holdout(len(truth), content.hexdigest(), tuple(least.tolist()))


def overlap(one: Holdout, other: Holdout) -> float:
    """
    The share of the smaller one's rows that are in both, estimated from their sketches.

    Both sketches are complete up to the smaller of their largest hashes, so what they hold up to
    there is a sample of both hold-outs (bottom-k sketches, Cohen and Kaplan 2007). Its error is
    about 0.03 for hold-outs of one size, and grows as their sizes part; what lies wholly inside
    another is always seen to. Of a hold-out so much smaller that none of its rows is in the sample,
    nothing is known, and it counts as part of the other. Without ids hold-outs are the same or
    share nothing that could be seen.
    """
    if one.sha256 == other.sha256:
        return 1.0
    if not one.sketch or not other.sketch:
        return 0.0
    limit = min(_complete_to(one), _complete_to(other))
    least = min(one.rows, other.rows)
    mine, theirs = ({row for row in each.sketch if row <= limit} for each in (one, other))
    # The sample of the smaller one; of two of one size, both.
    samples = [len(rows) for each, rows in ((one, mine), (other, theirs)) if each.rows == least]
    sampled = sum(samples) / len(samples)
    return len(mine & theirs) / sampled if sampled else 1.0


def _in_order(task: Task, truth: NDArray[Any]) -> bytes:
    if task is Task.BINARY:
        return np.packbits(truth).tobytes()
    return _bits(task, truth).astype("<u8").tobytes()


def _bits(task: Task, truth: NDArray[Any]) -> NDArray[np.uint64]:
    """The truth of each row in 64 bits."""
    if task is not Task.REGRESSION:
        return truth.astype(np.uint64)
    # Adding zero makes one of the two zeros that there are.
    bits: NDArray[np.uint64] = (truth + 0.0).view(np.uint64)
    return bits


def _complete_to(holdout: Holdout) -> float:
    """Up to which hash the sketch holds every row."""
    whole = holdout.rows <= len(holdout.sketch)
    return float("inf") if whole or not holdout.sketch else holdout.sketch[-1]
