"""
Decisions from eight counts, where rows would only be counted.

Accuracy hangs on nothing else, so hold-outs of millions of rows are a draw of their counts. The
estimate, the check and the verdict over them are the gate's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against, Estimate
from airflow_aml_retrain.gate.judging.checks import Doubt, applied
from airflow_aml_retrain.gate.judging.results import CheckResult
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.scores.confusion import threshold_estimate
from airflow_aml_retrain.gate.scores.measured import Scores
from airflow_aml_retrain.gate.verdict import Verdict, decide

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What is known of the challenger by the *cells* (8,) it makes with each other model."""

    cells: Mapping[Against, Counts]

    def estimate(self, metric: str, against: Against, *, exact: bool = False) -> Estimate:
        return threshold_estimate(self.cells[against], metric, against)


def policy(*checks: Mapping[str, object], **more: Any) -> Policy:
    return Policy.parse({"data": {"label": "y"}, "checks": list(checks), **more})


def results(rules: Policy, cells: Mapping[Against, Counts], alpha: float) -> list[CheckResult]:
    """Of every check of *rules*, the automatic ones too."""
    scores, doubt = cast("Scores", Counted(cells)), Doubt(alpha, rules.decision.power)
    return [applied(check, scores, doubt) for check in rules.all_checks()]


def verdict(rules: Policy, cells: Mapping[Against, Counts], alpha: float) -> Verdict:
    return decide(result.outcome for result in results(rules, cells, alpha))


def flipped(rows: int, gains: int, losses: int, accuracy: float = 0.9) -> Counts:
    """
    The cells of *rows* of which the challenger puts *gains* right and *losses* wrong.

    How many the champion has right (about *accuracy*) is of no weight to their difference.
    """
    both = int(accuracy * rows) - losses
    return np.array([0, 0, 0, 0, rows - both - gains - losses, gains, losses, both])


def drawn(random: Generator, rows: int, disagreement: float, better: float) -> Counts:
    """Cells of a challenger that is *better* by a share of rows, and differs in *disagreement*."""
    gain = (disagreement + better) / 2
    gains, losses, _ = random.multinomial(rows, [gain, disagreement - gain, 1 - disagreement])
    return flipped(rows, int(gains), int(losses))
