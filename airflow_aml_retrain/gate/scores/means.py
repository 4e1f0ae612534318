"""
The estimate of a value that is, near the truth, a mean over rows.

Law: what was not seen is not impossible. Where few rows bear all of the spread, two more are
counted, one either way, that move the value as far as a row can: of two models that never differ
it is then said that they differ in less than 3 / n of the rows, not that they are the same. A mean
over classes rests on the rows of each, so that two are counted for every class.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.estimates import Against, Estimate, Pairs
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.statistics.clusters import Clustered, clustered
from airflow_aml_retrain.gate.statistics.influence import Influence, Numbers
from airflow_aml_retrain.gate.statistics.moments import spread_of_sums, to_eight_digits
from airflow_aml_retrain.gate.statistics.spread import FEW, Spread
from airflow_aml_retrain.gate.stretches import stretches


def estimated(
    metric: str,
    against: Against,
    values: Sequence[float],
    influence: Influence,
    rows: Rows,
    *,
    moved: int | None = None,
    pairs: Pairs | None = None,
    certified: float = 0.0,
) -> Estimate:
    """
    *values* are the challenger's and, where there is one, the reference's.

    *moved* is how many rows bear the spread, None where the numbers themselves are to tell.
    """
    challenger, *reference = values
    found = _trusted(influence, rows, moved)
    together = "" if rows.clusters is None else ", added up by cluster"
    return Estimate(
        metric=metric,
        against=against,
        challenger=challenger,
        reference=reference[0] if reference else None,
        difference=challenger - sum(reference),
        se=found.spread.se,
        skew=found.spread.skew,
        degrees=found.spread.degrees,
        rows=len(rows),
        effective_rows=found.effective_rows,
        method=f"mean over rows{together}",
        pairs=pairs,
        certified=certified,
    )


def _trusted(influence: Influence, rows: Rows, moved: int | None) -> Clustered:
    """In units of the reach, so that no power of a number is too large, or too small."""
    unit, count = influence.reach or 1.0, len(rows)
    if count < 2 or not isfinite(unit):
        return Clustered(Spread(inf, degrees=1), count)

    def numbers(stretch: slice) -> NDArray[np.float64]:
        return influence.numbers(stretch) / unit

    found = Clustered(_spread(numbers, count, moved, influence.unseen / unit), count)
    if rows.clusters is not None:
        found = clustered(numbers, rows.clusters, found.spread)
    return replace(found, spread=replace(found.spread, se=to_eight_digits(found.spread.se * unit)))


def _spread(numbers: Numbers, rows: int, moved: int | None, unseen: NDArray[np.float64]) -> Spread:
    """That of rows each on its own."""
    second = third = fourth = 0.0
    for stretch in stretches(rows):
        some = numbers(stretch)
        squares = np.square(some)
        second += float(squares.sum())
        third += float((squares * some).sum())
        fourth += float(np.square(squares).sum())
    # So many numbers of one size would add up to these; it is 0 / 0 if all are 0.
    bearing = second * second / fourth if fourth else 0.0
    if not unseen.size and (bearing if moved is None else moved) < FEW:
        unseen = np.ones(1)
    squares = np.square(unseen)
    second, fourth = second + 2.0 * float(squares.sum()), fourth + 2.0 * float(squares @ squares)
    return spread_of_sums(rows, second, third, fourth)
