"""What four bytes cannot tell apart is told apart by what folding took, or is certified."""

from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from airflow_aml_retrain.gate import grain
from airflow_aml_retrain.gate.decision import Decision, evaluate
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.folded import fold
from airflow_aml_retrain.gate.grain import KEPT, Grain, GrainTaker
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reading.reader import read_rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores.measured import measured
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.scores.ranking import exactly
from airflow_aml_retrain.gate.verdict import Verdict
from tests.gate.scored_files import SCORE, parquet_of, policy

Numbers = NDArray[np.float64]
Yes = NDArray[np.bool_]

ALIKE = [0.0, 1e-300, 2e-50, 1e-50, 1e-38, 0.5, 0.5 + 1e-9, 0.5 - 1e-9, 0.3, 0.3 + 1e-9, 1.0]
made = st.integers(2, 60).flatmap(
    lambda n: st.tuples(arrays(np.bool_, n), arrays(np.float64, n, elements=st.sampled_from(ALIKE)))
)


def taken(scores: Numbers, block: int = 100) -> Grain:
    taker = GrainTaker(*scores.shape[1:])
    for start in range(0, len(scores), block):
        some = scores[start : start + block]
        taker.append(some, fold(some))
    return taker.finished()


def columns(truth: Yes, scores: Numbers) -> bytes:
    return parquet_of({"y": pa.array(np.where(truth, "yes", "no")), SCORE: pa.array(scores)})


def decided(truth: Yes, champion: Numbers, challenger: Numbers, margin: float = 0.1) -> Decision:
    check = {"metric": "auc", "vs": "champion", "margin": margin}
    rules = Policy.parse(
        {
            "data": {"label": "y"},
            "checks": [check],
            "preconditions": {"min_rows": 100, "min_positives": 10, "max_score_psi": None},
        }
    )
    files = {"champion": columns(truth, champion), "challenger": columns(truth, challenger)}
    return evaluate({model: BytesIO(content) for model, content in files.items()}, rules)


@pytest.mark.parametrize(("low", "high"), [(1e-50, 2e-50), (1e-300, 1e-299), (0.3, 0.3 + 1e-9)])
def test_scores_that_four_bytes_cannot_tell_apart_rank_as_they_came(
    low: float, high: float
) -> None:
    truth = np.arange(400) % 2 == 0
    right, wrong = np.where(truth, high, low), np.where(truth, low, high)

    found = decided(truth, right, wrong)

    assert found.verdict is Verdict.REJECT
    assert found.scores is not None
    assert found.scores.values("champion")["auc"] == 1.0
    assert found.scores.values("challenger")["auc"] == 0.0


@settings(max_examples=100)
@given(made, st.sampled_from([KEPT, 0]))
def test_the_certificate_of_an_exact_auc_holds_against_the_scores_as_they_came(
    rows: tuple[Yes, Numbers], most: int
) -> None:
    truth, scores = rows
    assume(truth.any() and not truth.all())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(grain, "KEPT", most)
        found = exactly(truth, fold(scores), taken(scores, 7))

    assert abs(found.area - roc_auc_score(truth, scores)) <= found.certificate + 1e-12
    assert most == 0 or found.certificate == 0.0


@pytest.mark.parametrize("scores", ["rounded", "leaves", "sorted"])
def test_of_many_rows_scores_that_occur_often_still_tie_for_sure(
    scores: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grain, "KEPT", 20_000)
    random, rows = np.random.default_rng(1), 60_000
    truth = random.random(rows) < 0.3
    given = {
        "rounded": np.round(random.random(rows), 3),
        "leaves": random.random(500)[random.integers(0, 500, rows)],
        "sorted": np.sort(np.round(random.random(rows), 2)),
    }[scores]

    found = exactly(truth, fold(given), taken(given, 4096))

    assert found.area == pytest.approx(roc_auc_score(truth, given), abs=1e-12)
    assert found.certificate < 2e-5


def test_of_many_rows_scores_all_different_are_off_by_next_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grain, "KEPT", 20_000)
    random, rows = np.random.default_rng(2), 300_000
    truth = random.random(rows) < 0.3
    scores = 0.4 + 0.2 * random.random(rows)

    noted = taken(scores, 50_000)
    found = exactly(truth, fold(scores), noted)

    assert noted.dtype == np.bool_
    assert not noted.any()
    assert abs(found.area - roc_auc_score(truth, scores)) <= found.certificate < 1e-6


def test_of_many_rows_scores_too_alike_are_certified_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grain, "KEPT", 100)
    truth = np.arange(4000) % 2 == 0
    files = {
        "champion": columns(truth, np.where(truth, 2e-50, 1e-50)),
        "challenger": columns(truth, np.where(truth, 1e-50, 2e-50)),
    }
    rows = read_rows({model: BytesIO(file) for model, file in files.items()}, policy())

    found = measured(rows, OperatingPoint()).estimate("auc", Against.CHAMPION, exact=True)

    assert abs(found.difference - -1.0) <= found.certified


@pytest.mark.parametrize("most", [KEPT, 1000])
def test_many_classes_keep_the_grain_of_each_column(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grain, "KEPT", most)
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 900)
    scores = 1 / 3 + 1e-9 * (random.standard_normal((900, 3)) + np.eye(3)[truth])
    file = {f"{SCORE}_{name}": pa.array(scores[:, at]) for at, name in enumerate("abc")}
    content = parquet_of({"y": pa.array(np.array(list("abc"))[truth]), **file})
    rules: dict[str, Any] = {"checks": [{"metric": "macro_f1", "at_least": 0.5}]}

    rows = read_rows({"challenger": BytesIO(content)}, policy(rules))
    found = MulticlassScores(rows).estimate("auc", Against.NOBODY, exact=True)

    wanted = np.mean([roc_auc_score(truth == at, scores[:, at]) for at in range(3)])
    assert abs(found.challenger - wanted) <= found.certified + 1e-12
    assert (found.certified == 0.0) is (most == KEPT)
    part = rows.where(np.arange(0, 900, 2))
    assert part.grain["challenger"].shape == (450, 3)
