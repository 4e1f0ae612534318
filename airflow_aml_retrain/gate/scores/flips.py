"""
Rows whose answer changed from champion to challenger, for better and for worse.

Law: accuracy tells what is left when gains and losses are taken together; who relied on a right
answer and lost it (a negative flip) is counted on its own, as a share of all rows (Yan et al.,
CVPR 2021).
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.folded import reaches
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.scores.binary import BinaryScores
from airflow_aml_retrain.gate.scores.measured import Scores
from airflow_aml_retrain.gate.statistics.clusters import clustered
from airflow_aml_retrain.gate.statistics.distributions import clopper_pearson
from airflow_aml_retrain.gate.statistics.spread import Spread, worth
from airflow_aml_retrain.gate.stretches import stretches

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipReport:
    """
    Rows by whether the champion, then the challenger, had them right.

    *negative_rate* is the share of all rows that only the champion had right, with exact
    (Clopper-Pearson) bounds; *churn* the share of rows that are answered differently. To those
    bounds a row is *worth* less than one where rows go together.
    """

    right_right: int
    right_wrong: int
    wrong_right: int
    wrong_wrong: int
    negative_rate: float
    negative_low: float
    negative_high: float
    positive_rate: float
    churn: float
    worth: float = 1.0

    @property
    def rows(self) -> int:
        return self.right_right + self.right_wrong + self.wrong_right + self.wrong_wrong

    def to_mapping(self) -> dict[str, object]:
        """As the decision record holds it."""
        return {name: value for name, value in asdict(self).items() if name != "worth"}


def flips(rows: Rows, scores: Scores, alpha: float = 0.05) -> FlipReport:
    """Of champion and challenger in *rows*; each bound is missed with at most *alpha*."""
    if rows.task is Task.REGRESSION or CHAMPION not in rows.scores:
        msg = "flips are of answers, right or wrong, of a champion and a challenger"
        raise GateError(msg)
    counts = _of_two(scores) if isinstance(scores, BinaryScores) else _of_many(rows)
    right_right, right_wrong, wrong_right, wrong_wrong, changed = counts.tolist()
    each = _worth(rows, scores, right_wrong / len(rows), alpha)
    low, high = clopper_pearson(each * right_wrong, each * len(rows), alpha)
    return FlipReport(
        right_right=right_right,
        right_wrong=right_wrong,
        wrong_right=wrong_right,
        wrong_wrong=wrong_wrong,
        negative_rate=right_wrong / len(rows),
        negative_low=low,
        negative_high=high,
        positive_rate=wrong_right / len(rows),
        churn=changed / len(rows),
        worth=each,
    )


def _of_two(scores: BinaryScores) -> NDArray[np.int64]:
    """The four counts and the changed answers, from the eight counts that are there already."""
    negative, positive = scores.cells(CHAMPION).reshape(2, 4)
    # Of negative rows a yes is wrong, so that the cells count up as the four counts do.
    counts = negative + positive[::-1]
    return np.append(counts, counts[1] + counts[2])


def _of_many(rows: Rows) -> NDArray[np.int64]:
    """The same from the rows, of which an answer may change and be as wrong as it was."""
    counts = np.zeros(5, dtype=np.int64)
    for at in stretches(len(rows)):
        old, new = rows.said[CHAMPION][at], rows.said[CHALLENGER][at]
        case = 2 * np.not_equal(old, rows.truth[at]) + np.not_equal(new, rows.truth[at])
        counts[:4] += np.bincount(case, minlength=4)
        counts[4] += np.count_nonzero(old != new)
    return counts


def _said(rows: Rows, scores: Scores, model: str, at: slice) -> NDArray[np.generic]:
    if isinstance(scores, BinaryScores):
        return reaches(rows.scores[model][at], scores.cuts[model])
    return rows.said[model][at]


def _worth(rows: Rows, scores: Scores, rate: float, alpha: float) -> float:
    """What a row counts: less than one where rows go together."""
    if rows.clusters is None:
        return 1.0

    def influence(at: slice) -> _Numbers:
        truth = rows.truth[at]
        was_right = np.equal(_said(rows, scores, CHAMPION, at), truth)
        is_wrong = np.not_equal(_said(rows, scores, CHALLENGER, at), truth)
        lost: _Numbers = (was_right & is_wrong) - rate
        return lost

    found = clustered(influence, rows.clusters, Spread(0.0))
    return worth(len(rows), found.effective_rows, found.spread.degrees, alpha)
