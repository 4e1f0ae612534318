"""
The challenger against the champion in every slice of the rows.

Law: a slice is measured as a hold-out of its own, with the errors that few rows have, but at the
thresholds of all rows: that is how the models would be used. How many slices there are is paid
for by whoever judges them (`holm`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

import numpy as np

from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.metrics import Task, metric_named
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.rules.check import Mode
from airflow_aml_retrain.gate.rules.sections import OperatingPoint, Slices
from airflow_aml_retrain.gate.scores.groups import groups, single
from airflow_aml_retrain.gate.scores.measured import Cuts, Scores, measured
from airflow_aml_retrain.gate.scores.operating import cuts
from airflow_aml_retrain.gate.scores.parts import each_part
from airflow_aml_retrain.gate.statistics.intervals import harm_p_value

# What every row counts the same for; the others rest on the rows of single classes.
_OF_ALL_ROWS: Final = ("accuracy", "log_loss")


@dataclass(frozen=True, slots=True)
class SliceEstimate:
    """
    One *metric* in one *slice* ("segment=A", or "segment=A, region=N" where columns cross).

    *positives* are the positive rows (binary only). An *underpowered* one has fewer rows, or fewer
    of the rarer class, than the policy wants (of many classes: of the rarest that is there, and
    only for metrics that rest on single classes); its numbers may be NaN, its error infinite.
    With *enough* rows it would not be, had they the same classes; None where one is not there.
    """

    slice: str
    metric: str
    estimate: Estimate
    positives: int | None
    underpowered: bool
    enough: int | None


def slice_estimates(rows: Rows, slices: Slices, point: OperatingPoint) -> list[SliceEstimate]:
    """Column by column and crossing by crossing, every slice that has rows; needs a champion."""
    at = cuts(rows, point) if rows.task is Task.BINARY else point
    return [
        each
        for found in groups(rows, slices)
        for estimates in each_part(rows, found, lambda name, part: _of(name, part, slices, at))
        for each in estimates
    ]


def vanished(rows: Rows, slices: Slices) -> tuple[str, ...]:
    """The slices that must exist and have no row."""
    there = {name for column in slices.needed for name in single(rows.slicings[column]).names}
    return tuple(name for name in slices.must_exist if name not in there)


def _of(name: str, part: Rows, slices: Slices, at: OperatingPoint | Cuts) -> list[SliceEstimate]:
    scores, classes = measured(part, at), _rows_by_class(part)
    return [
        SliceEstimate(
            slice=name,
            metric=metric,
            estimate=_estimated(scores, metric, slices),
            positives=classes[-1] if part.task is Task.BINARY else None,
            underpowered=len(part) < slices.min_rows
            or (_rests_on_classes(part, metric) and min(classes) < slices.min_positives),
            enough=_enough(part, metric, classes, slices),
        )
        for metric in slices.metrics
    ]


def _enough(part: Rows, metric: str, classes: Sequence[int], slices: Slices) -> int | None:
    if not _rests_on_classes(part, metric):
        return slices.min_rows
    if not min(classes):
        return None
    return max(slices.min_rows, ceil(len(part) * slices.min_positives / min(classes)))


def _estimated(scores: Scores, metric: str, slices: Slices) -> Estimate:
    """Against the champion; not by bins where these could decide, nor where all must be proven."""
    found = scores.estimate(metric, Against.CHAMPION)
    if found.certified and (slices.mode is not Mode.VETO or is_close(found, slices)):
        return scores.estimate(metric, Against.CHAMPION, exact=True)
    return found


def is_close(estimate: Estimate, slices: Slices) -> bool:
    """Whether what *estimate* may be off by could make a veto of it, or unmake one."""
    metric, margin = metric_named(estimate.metric), slices.margin_of(estimate.metric)
    ends = [
        harm_p_value(replace(estimate, difference=estimate.difference + by), metric, margin)
        for by in (-estimate.certified, estimate.certified)
    ]
    # What Holm's correction asks of one is known only when all are there.
    surely = slices.family_alpha / (slices.max_slices * len(slices.metrics))
    return min(ends) <= slices.family_alpha and max(ends) > surely


def _rows_by_class(part: Rows) -> list[int]:
    """Of binary both classes, of many those that are there, of regression none."""
    match part.task:
        case Task.BINARY:
            positives = int(np.count_nonzero(part.truth))
            return [len(part) - positives, positives]
        case Task.MULTICLASS:
            return [count for count in np.bincount(part.truth).tolist() if count]
        case Task.REGRESSION:
            return []


def _rests_on_classes(part: Rows, metric: str) -> bool:
    if part.task is Task.MULTICLASS:
        return metric not in _OF_ALL_ROWS
    return part.task is Task.BINARY
