"""
Metrics of a model with many classes, alone and compared, each with its error.

All that is known of a row is the cell it falls in (what is true, what was said), the probability
of what is true, and the places of its scores: every metric is a mean over rows of one of these.
Who knows only how frequent the classes are (the prior) always says the largest one.
"""

from collections.abc import Mapping
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against, Estimate, Pairs
from airflow_aml_retrain.gate.folded import EPSILON, losses
from airflow_aml_retrain.gate.rows import CHALLENGER, Rows
from airflow_aml_retrain.gate.scores import one_vs_rest
from airflow_aml_retrain.gate.scores.class_counts import ClassCounts
from airflow_aml_retrain.gate.scores.means import estimated
from airflow_aml_retrain.gate.scores.one_vs_rest import Columns, MacroAuc, macro_auc
from airflow_aml_retrain.gate.statistics.influence import Influence
from airflow_aml_retrain.gate.statistics.steady import steady_mean
from airflow_aml_retrain.gate.stretches import stretches

_PRIOR: Final = str(Against.PRIOR)
_NO_ORDER: Final = MacroAuc(0.5, 0.0)
_LARGEST_LOSS: Final = -log(EPSILON) + 1.0
_Numbers = NDArray[np.float64]


class MulticlassScores:
    """All metrics of every model in *rows*: sums are made at once, errors when asked for."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.thresholds: Mapping[str, float] = {}
        frequencies = np.bincount(rows.truth, minlength=len(rows.classes)) / len(rows)
        self._largest = int(np.argmax(frequencies))
        # A class that does not occur is never looked up, and needs no logarithm.
        self._prior_losses = -np.log(np.where(frequencies > 0, frequencies, 1.0))
        models = (*rows.scores, _PRIOR)
        self.counts = {model: ClassCounts(self._counted(model)) for model in models}
        self._losses = {model: self._mean_loss(model) for model in models}
        self._aucs = {(_PRIOR, exact): _NO_ORDER for exact in (False, True)}

    def values(self, model: str) -> Mapping[str, float]:
        """Every metric by name; AUC is NaN where only one class occurs."""
        return {
            **self.counts[model].values(),
            "log_loss": self._losses[model],
            "auc": self._auc(model, exact=False).value,
        }

    def estimate(self, metric: str, against: Against, *, exact: bool = False) -> Estimate:
        """*metric* of the challenger; only its AUC is binned, and not where it is *exact*."""
        models = (CHALLENGER, str(against)) if against else (CHALLENGER,)
        binned = models if metric == "auc" else ()
        return estimated(
            metric,
            against,
            [self._value(metric, model, exact=exact) for model in models],
            self._moves(metric, models, exact=exact),
            self.rows,
            moved=self._moved(models) if metric == "log_loss" else None,
            pairs=self._pairs(models) if metric == "accuracy" else None,
            certified=sum(self._auc(model, exact=exact).certified for model in binned),
        )

    def _value(self, metric: str, model: str, *, exact: bool) -> float:
        match metric:
            case "log_loss":
                return self._losses[model]
            case "auc":
                return self._auc(model, exact=exact).value
            case _:
                return self.counts[model].values()[metric]

    def _auc(self, model: str, *, exact: bool) -> MacroAuc:
        if (model, exact) not in self._aucs:
            columns = self._columns(model)
            self._aucs[model, exact] = macro_auc(self.rows.truth, columns, exact=exact)
        return self._aucs[model, exact]

    def _moves(self, metric: str, models: tuple[str, ...], *, exact: bool) -> Influence:
        """How far each row moves *metric* of the first of *models*, less that of the second."""
        if metric == "auc":
            ranked = [self._columns(model) for model in models if model != _PRIOR]
            return one_vs_rest.influence(self.rows.truth, ranked, exact=exact)
        own, *others = (self._influence(metric, model) for model in models)
        return own - others[0] if others else own

    def _influence(self, metric: str, model: str) -> Influence:
        if metric == "log_loss":
            mean = self._losses[model]
            return Influence(lambda at: self._loss(model, at) - mean, self._worst_loss(model))
        counts = self.counts[model]
        table = counts.influence(metric).ravel()
        return Influence(
            lambda at: table[self._cell(model, at)], float(np.ptp(table)), counts.unseen(metric)
        )

    def _columns(self, model: str) -> Columns:
        return Columns(self.rows.scores[model], self.rows.grain.get(model))

    def _counted(self, model: str) -> NDArray[np.int64]:
        size = len(self.rows.classes)
        counts = np.zeros(size * size, dtype=np.int64)
        for stretch in stretches(len(self.rows)):
            counts += np.bincount(self._cell(model, stretch), minlength=len(counts))
        return counts.reshape(size, size)

    def _mean_loss(self, model: str) -> float:
        return steady_mean(lambda at: self._loss(model, at), len(self.rows), _LARGEST_LOSS)

    def _worst_loss(self, model: str) -> float:
        return max(float(self._loss(model, at).max()) for at in stretches(len(self.rows)))

    def _moved(self, models: tuple[str, ...]) -> int:
        """How many rows all of *models* do not give the same probability."""
        if len(models) == 1:
            return len(self.rows)
        one, other = models
        return sum(
            int(np.count_nonzero(self._loss(one, at) != self._loss(other, at)))
            for at in stretches(len(self.rows))
        )

    def _cell(self, model: str, at: slice) -> NDArray[np.intp]:
        """Which cell each row is in, counted along the rows of the table."""
        return len(self.rows.classes) * self.rows.truth[at].astype(np.intp) + self._said(model, at)

    def _said(self, model: str, at: slice) -> NDArray[np.int16] | int:
        return self._largest if model == _PRIOR else self.rows.said[model][at]

    def _loss(self, model: str, at: slice) -> _Numbers:
        truth = self.rows.truth[at].astype(np.intp)
        if model == _PRIOR:
            return self._prior_losses[truth]
        given = np.take_along_axis(self.rows.scores[model][at], truth[:, None], axis=1)[:, 0]
        return losses(np.ones(len(truth), dtype=np.bool_), given)

    def _pairs(self, models: tuple[str, ...]) -> Pairs:
        """Rows that only the first of *models* got right, or only the second; alone, its hits."""
        gains = losses = 0
        for at in stretches(len(self.rows)):
            truth = self.rows.truth[at]
            right, *others = [self._said(model, at) == truth for model in models]
            was_right = others[0] if others else np.zeros_like(right)
            gains += int(np.count_nonzero(right & ~was_right))
            losses += int(np.count_nonzero(was_right & ~right))
        return Pairs(len(self.rows), gains, losses)
