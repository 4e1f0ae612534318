"""What is measured of a hold-out, whichever kind of model it is for."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.scores.regression import RegressionScores

Cuts = Mapping[str, np.float32]
"""By model, the folded score from which it says yes (`operating.cuts`)."""


class Scores(Protocol):
    """
    Every metric of every model over the same rows.

    *thresholds*, by model, are where a score becomes a yes (binary only). An estimate is *exact*
    where binning must not have moved it.
    """

    @property
    def rows(self) -> Rows: ...

    @property
    def thresholds(self) -> Mapping[str, float]: ...

    def values(self, model: str) -> Mapping[str, float]: ...

    def estimate(self, metric: str, against: Against, *, exact: bool = False) -> Estimate: ...


def measured(rows: Rows, point: OperatingPoint | Cuts) -> Scores:
    """
    Of *rows*; *point* is where a binary model says yes, and means nothing to others.

    Where *rows* are some of all, it has to be the cuts that were found with all.
    """
    match rows.task:
        case Task.BINARY:
            return BinaryScores(rows, point)
        case Task.REGRESSION:
            return RegressionScores(rows)
        case Task.MULTICLASS:
            return MulticlassScores(rows)
