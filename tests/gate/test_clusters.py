"""Rows that go together are added up first, and known from their clusters only."""

from math import isinf, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from airflow_aml_retrain.gate.statistics.clusters import Clustered, clustered
from airflow_aml_retrain.gate.statistics.spread import Spread

Numbers = NDArray[np.float64]


def together(numbers: Numbers, clusters: NDArray[np.int32]) -> Clustered:
    alone = Spread(sqrt(float(np.square(numbers).sum())) / len(numbers))
    return clustered(lambda at: numbers[at], clusters, alone)


def centred(rows: int, seed: int) -> Numbers:
    numbers = np.random.default_rng(seed).standard_normal(rows)
    return np.asarray(numbers - numbers.mean())


def test_the_error_is_that_of_the_sums_of_clusters() -> None:
    numbers = centred(100_000, 1)
    clusters = np.random.default_rng(2).integers(0, 400, 100_000).astype(np.int32)

    found = together(numbers, clusters)

    sums = np.bincount(clusters, weights=numbers)
    assert found.spread.se == pytest.approx(sqrt(400 / 399 * float(sums @ sums)) / 100_000)
    variances = float(numbers @ numbers) / (400 / 399 * float(sums @ sums))
    assert found.effective_rows == pytest.approx(min(1.0, variances) * 100_000)


@pytest.mark.parametrize("count", [2, 12, 60])
def test_there_are_fewer_degrees_of_freedom_than_clusters(count: int) -> None:
    found = together(centred(6000, 3), (np.arange(6000) % count).astype(np.int32))

    assert found.spread.degrees is not None
    assert found.spread.degrees <= count - 1


def test_one_cluster_tells_nothing_of_its_own_spread() -> None:
    found = together(centred(50, 4), np.zeros(50, dtype=np.int32))

    assert isinf(found.spread.se)
    assert found.effective_rows == 1.0


def test_where_no_row_moves_anything_a_cluster_is_worth_one_row() -> None:
    clusters = np.repeat(np.arange(40, dtype=np.int32), 25)

    found = clustered(lambda at: np.zeros(1000)[at], clusters, Spread(0.002))

    assert found.effective_rows == 40
    assert found.spread.se == pytest.approx(0.002 * sqrt(25))
    assert found.spread.skew == 0.0


def test_clusters_that_take_after_themselves_make_rows_worth_less() -> None:
    random = np.random.default_rng(5)
    clusters = np.repeat(np.arange(200, dtype=np.int32), 10)
    numbers = random.standard_normal(2000) + 2 * random.standard_normal(200)[clusters]

    found = together(numbers - numbers.mean(), clusters)

    # Of the variance four fifths are the clusters': ten rows are worth 10 / (1 + 9 * 0.8).
    assert found.effective_rows == pytest.approx(2000 / 8.2, rel=0.15)
