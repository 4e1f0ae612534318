"""
How small the AUC of one model may be, where few rows of a class have shown what it is.

An AUC near 1 of thirty positive rows hides its own error: the few that would lie far down are
mostly not there, and then both the AUC and the error that the rows show are too good at once. Of
2,000 rows with 30 positive ones and a true AUC of 0.97 a bound of the rows' own spread misses 8 %
where 5 % are promised, and 0.25 % where 0.02 % are; on the logit it misses more. So the error is
taken at the bound, of a model whose scores are exponential, and not from the rows: method 5 of
Newcombe (2006, Statistics in Medicine 25:559), after Hanley and McNeil (1982).
"""

from math import sqrt

from airflow_aml_retrain.gate.statistics.distributions import normal_quantile, root


def least_area(area: float, ranked: tuple[int, int], worth: float, alpha: float) -> float:
    """
    The smallest AUC under which one of *area* or more has a probability of *alpha*.

    *ranked* are the rows of either class, each of which is *worth* so many independent ones.
    """
    if area <= 0.0:
        return 0.0
    score = -normal_quantile(alpha)

    def short(bound: float) -> float:
        return bound + score * _error(bound, ranked, worth) - area

    return root(short, 0.0, area)


def _error(area: float, ranked: tuple[int, int], worth: float) -> float:
    rows = worth * ranked[0], worth * ranked[1]
    others = sum(rows) / 2.0 - 1.0
    alike = others * (1.0 - area) / (2.0 - area) + others * area / (1.0 + area)
    return sqrt(area * (1.0 - area) * (1.0 + max(alike, 0.0)) / (rows[0] * rows[1]))
