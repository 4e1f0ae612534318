"""
Log loss, and how much of it a model saves over one that knows only the base rate.

Law: the base rate is that of the same rows, so it is in doubt with them; who is compared with it,
or divided by it, counts what each row does to it too.
"""

from dataclasses import dataclass
from math import inf, log, nan

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.statistics.moments import Leverage, Moments


@dataclass(frozen=True, slots=True)
class BaseRate:
    """The share of positive rows, and what follows from it."""

    rate: float

    @property
    def entropy(self) -> float:
        """The log loss of always saying this rate; 0 where all rows are of one class."""
        return -sum(share * log(share) for share in (self.rate, 1.0 - self.rate) if share)

    @property
    def influence(self) -> NDArray[np.float64]:
        """How far a row of either class (2,) moves the entropy."""
        if not self.entropy:
            return np.zeros(2)
        slope = log((1.0 - self.rate) / self.rate)
        return slope * (np.array([0.0, 1.0]) - self.rate)


def leverage(metric: str, against: Against, losses: Moments, base: BaseRate) -> Leverage:
    """
    How far a row moves *metric* by its loss, or by its loss less that of the reference.

    *losses* are the moments of these.
    """
    ones, mean = np.ones(2), losses.mean
    if metric == "log_loss":
        moved = base.influence if against is Against.PRIOR else np.zeros(2)
        return Leverage(ones, -mean - moved)
    if not base.entropy:
        return Leverage(np.full(2, inf), np.zeros(2))
    scale = -1.0 / base.entropy
    return Leverage(scale * ones, -scale * (mean + mean / base.entropy * base.influence))


def value(metric: str, mean_loss: float, base: BaseRate) -> float:
    """*metric* of a model by its mean loss; what is saved of nothing is NaN."""
    if metric == "log_loss":
        return mean_loss
    return (base.entropy - mean_loss) / base.entropy if base.entropy else nan
