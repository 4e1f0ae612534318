"""
All metrics of binary classification, of every model over the same rows.

Law: what can be summed over the rows is summed once, when this is made. An estimate is made of the
sums; it goes over the rows again only where they go together in clusters, or where an AUC must be
exact. Without rows of either class AUC and log-loss reduction are NaN, and all is uncertain.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.folded import EPSILON, losses, reaches, unfold
from airflow_aml_retrain.gate.rows import CHALLENGER, Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores import auc, confusion, log_loss
from airflow_aml_retrain.gate.scores.confusion import THRESHOLD_METRICS, threshold_estimate
from airflow_aml_retrain.gate.scores.log_loss import BaseRate
from airflow_aml_retrain.gate.scores.operating import cuts
from airflow_aml_retrain.gate.scores.ranking import Ranking, binned, exactly, near
from airflow_aml_retrain.gate.scores.sums import counted_by_bin, place_differences, summed
from airflow_aml_retrain.gate.statistics.clusters import clustered
from airflow_aml_retrain.gate.statistics.spread import Spread

# So few scores are sooner sorted than counted by bin.
_SOON_SORTED: Final = 1 << 14
# And so few do not make the histogram of all bins worth while.
_SOON_COUNTED: Final = 1 << 18
_CUT_OFF: Final = -float(np.log(EPSILON))
_Numbers = NDArray[np.float64]
_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """An *estimate* for rows on their own, and how far each row *moves* it."""

    estimate: Estimate
    moves: Callable[[slice], _Numbers]


class BinaryScores:
    """
    Every metric of every model in *rows*; a score says yes from where *point* has it.

    Instead of a point it may be the cuts that were found with more rows, of which these are some.
    """

    def __init__(self, rows: Rows, point: OperatingPoint | Mapping[str, np.float32]) -> None:
        self.rows = rows
        self.cuts = cuts(rows, point) if isinstance(point, OperatingPoint) else point
        self.thresholds: Mapping[str, float] = {
            model: float(unfold(np.array([cut]))[0]) for model, cut in self.cuts.items()
        }
        self._histograms: dict[str, _Counts] = {}
        few = len(rows) <= _SOON_SORTED
        self.rankings = {model: self._ranked(model, exact=few) for model in rows.scores}
        others = tuple(model for model in rows.scores if model != CHALLENGER)
        self._sums = summed(rows, self.cuts, self.rankings, others or (CHALLENGER,))
        self._base = BaseRate(int(np.count_nonzero(rows.truth)) / len(rows))

    def values(self, model: str) -> Mapping[str, float]:
        """Every metric of *model* by name."""
        at = 1 if model == CHALLENGER else 0
        cells = self.cells(model if at == 0 else "")
        loss = self._mean_loss(model)
        return {
            **{
                name: float(confusion.cells_estimate(cells, name)[at]) for name in THRESHOLD_METRICS
            },
            "auc": self.rankings[model].area,
            "log_loss": loss,
            "log_loss_reduction": log_loss.value("log_loss_reduction", loss, self._base),
        }

    def histogram(self, model: str) -> _Counts:
        """How many rows of either class each bin of its scores holds: (2, BINS)."""
        if model not in self._histograms:
            self._histograms[model] = counted_by_bin(self.rows, model)
        return self._histograms[model]

    def cells(self, against: str) -> _Counts:
        """The eight counts of `confusion`; against nobody the reference is whoever is there."""
        pairs = self._sums.pairs
        cells = pairs[against if against in pairs else next(iter(pairs))].cells
        if against == Against.PRIOR:
            return confusion.beside_constant(cells, positive=self._mostly_positive)
        return cells

    def estimate(self, metric: str, against: Against, *, exact: bool = False) -> Estimate:
        """*metric* of the challenger; only its AUC is binned, and not where it is *exact*."""
        if metric in THRESHOLD_METRICS:
            found = self._threshold(metric, against)
        elif metric == "auc":
            found = self._auc(against, exact=exact)
        else:
            found = self._loss(metric, against)
        if self.rows.clusters is None or not isfinite(found.estimate.se):
            return found.estimate
        return self._of_clusters(found, self.rows.clusters)

    @property
    def _mostly_positive(self) -> bool:
        return self._base.rate > 0.5

    def _mean_loss(self, model: str) -> float:
        total = float(self._sums.losses.powers[:, 1].sum())
        if model != CHALLENGER:
            total -= float(self._sums.pairs[model].losses.powers[:, 1].sum())
        return total / len(self.rows)

    def _threshold(self, metric: str, against: Against) -> _Found:
        cells = self.cells(against)
        other, own = confusion.influence(cells, metric)
        moved = own - other if against else own
        return _Found(
            threshold_estimate(cells, metric, against), lambda at: moved[self._cell(against, at)]
        )

    def _cell(self, against: Against, at: slice) -> NDArray[np.uint8]:
        scores = self.rows.scores
        said = reaches(scores[CHALLENGER][at], self.cuts[CHALLENGER])
        if against in scores:
            other = reaches(scores[against][at], self.cuts[against])
        else:
            other = np.full(len(said), self._mostly_positive)
        return confusion.cell(self.rows.truth[at], other, said)

    def _auc(self, against: Against, *, exact: bool) -> _Found:
        rankings = self._rankings(against, exact=exact)
        counts, areas = rankings[0].counts, [ranking.area for ranking in rankings]
        if len(rankings) == 1:
            moments, mean = auc.placement_moments(counts), 0.0
        elif rankings[0] is self.rankings[CHALLENGER]:
            moments, mean = self._sums.pairs[against].places, areas[0] - areas[1]
        else:
            moments, mean = place_differences(self.rows.truth, *rankings), areas[0] - areas[1]
        values = [*areas, 0.5] if against is Against.PRIOR else areas
        spread = auc.leverage(counts, mean).spread(moments, auc.reach(counts))
        leverage = auc.leverage(counts, areas[0] - sum(areas[1:]))
        negative, positive = counts.sum(axis=-1).tolist()
        return _Found(
            replace(
                self._estimate("auc", against, values, spread),
                method="DeLong" if rankings[0].is_exact else "DeLong by bins",
                certified=sum(ranking.certificate for ranking in rankings),
                ranked=(negative, positive) if len(rankings) == 1 else None,
            ),
            lambda at: leverage.of(self.rows.truth[at], self._placed(rankings, at)),
        )

    def _rankings(self, against: Against, *, exact: bool) -> list[Ranking]:
        """Of the challenger and, where it is a model, of the reference."""
        models = [CHALLENGER, *([against] if against in self.rows.scores else [])]
        if exact and not self.rankings[CHALLENGER].is_exact:
            return [self._ranked(model, exact=True) for model in models]
        return [self.rankings[model] for model in models]

    def _ranked(self, model: str, *, exact: bool) -> Ranking:
        if exact:
            grain = self.rows.grain.get(model)
            return exactly(self.rows.truth, self.rows.scores[model], grain)
        if len(self.rows) <= _SOON_COUNTED:
            return near(self.rows.truth, self.rows.scores[model])
        return binned(self.rows.scores[model], self.histogram(model))

    def _placed(self, rankings: list[Ranking], at: slice) -> _Numbers:
        placed = [ranking.placed(self.rows.truth, at) for ranking in rankings]
        more = placed[0] - placed[1] if placed[1:] else placed[0]
        return more.astype(np.float64)

    def _loss(self, metric: str, against: Against) -> _Found:
        means = [self._mean_loss(CHALLENGER)]
        moments = self._sums.losses
        if against in self._sums.pairs:
            moments = self._sums.pairs[against].losses
            means.append(self._mean_loss(against))
        elif against:
            means.append(self._base.entropy)
        leverage = log_loss.leverage(metric, against, moments, self._base)
        farthest = np.array([0.0, self._sums.worst or _CUT_OFF])
        values = [log_loss.value(metric, mean, self._base) for mean in means]
        spread = leverage.spread(moments, farthest)
        return _Found(
            self._estimate(metric, against, values, spread),
            lambda at: leverage.of(self.rows.truth[at], self._lost(against, at)),
        )

    def _lost(self, against: Against, at: slice) -> _Numbers:
        truth, scores = self.rows.truth[at], self.rows.scores
        lost = losses(truth, scores[CHALLENGER][at])
        return lost - losses(truth, scores[against][at]) if against in scores else lost

    def _estimate(
        self, metric: str, against: Against, values: list[float], spread: Spread
    ) -> Estimate:
        """*values* are the challenger's and, where there is one, the reference's."""
        challenger, *reference = values
        return Estimate(
            metric=metric,
            against=against,
            challenger=challenger,
            reference=reference[0] if reference else None,
            difference=challenger - sum(reference),
            se=spread.se,
            skew=spread.skew,
            degrees=spread.degrees,
            rows=len(self.rows),
            effective_rows=len(self.rows),
            method="mean over rows",
        )

    def _of_clusters(self, found: _Found, clusters: NDArray[np.int32]) -> Estimate:
        estimate = found.estimate
        alone = Spread(estimate.se, estimate.skew, estimate.degrees)
        together = clustered(found.moves, clusters, alone)
        return replace(
            estimate,
            se=together.spread.se,
            skew=together.spread.skew,
            degrees=together.spread.degrees,
            effective_rows=together.effective_rows,
            method=f"{estimate.method}, added up by cluster",
        )
