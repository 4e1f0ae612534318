"""Many classes: the values are scikit-learn's, the errors those of a bootstrap."""

from dataclasses import replace
from math import isfinite, isnan
from typing import Any, Final

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from airflow_aml_retrain.gate.estimates import Against, Pairs
from airflow_aml_retrain.gate.folded import BINS
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.scores.class_counts import ClassCounts, pictures
from airflow_aml_retrain.gate.scores.multiclass import MulticlassScores
from airflow_aml_retrain.gate.statistics.intervals import interval
from tests.gate.judged_rows import FAIR, Numbers, by_clusters, by_rows, multiclass, spread

METRICS: Final = ("accuracy", "log_loss", "auc", "macro_precision", "macro_recall", "macro_f1")
PRIORS: Final = ("accuracy", "log_loss", "auc")
SHARES: Final = (0.45, 0.25, 0.2, 0.1)


def likely(truth: Any, classes: int, skill: float, noise: Numbers) -> Numbers:
    """Probabilities (n, K) that favour the truth by *skill*."""
    strength = np.exp(skill * np.eye(classes)[truth] + noise)
    return np.asarray(strength / strength.sum(axis=1, keepdims=True))


def world(rows: int, seed: int = 1, clusters: int | None = None, *, better: float = 0.2) -> Rows:
    random = np.random.default_rng(seed)
    truth = random.choice(4, rows, p=SHARES)
    shared, old, new = random.standard_normal((3, rows, 4))
    groups = None
    if clusters is not None:
        groups = random.integers(0, clusters, rows).astype(np.int32)
        groups[:clusters] = np.arange(clusters)
        # Whole clusters are mistaken for the same class, and have classes of their own.
        truth = np.where(random.random(rows) < 0.3, truth, truth[groups])
        old += random.standard_normal((clusters, 4))[groups]
        new += 3 * random.standard_normal((clusters, 4))[groups]
    made = multiclass(
        truth,
        4,
        champion=likely(truth, 4, 1.5, shared + 0.5 * old),
        challenger=likely(truth, 4, 1.5 + better, shared + 0.5 * new),
    )
    return replace(made, clusters=groups)


def fair(metric: str) -> float:
    """By how much at most an error is above the bootstrap's, which counts no unseen rows."""
    return 1.12 if metric.startswith("macro") else 1 + FAIR


def sklearn_values(truth: Any, scores: Numbers) -> dict[str, float]:
    said, there = scores.argmax(axis=1), np.unique(truth)
    macro: Any = {"labels": there, "average": "macro", "zero_division": 0}
    areas = [float(roc_auc_score(truth == each, scores[:, each])) for each in there]
    return {
        "accuracy": accuracy_score(truth, said),
        "log_loss": log_loss(truth, scores, labels=list(range(scores.shape[1]))),
        "auc": sum(areas) / len(areas),
        "macro_precision": precision_score(truth, said, **macro),
        "macro_recall": recall_score(truth, said, **macro),
        "macro_f1": f1_score(truth, said, **macro),
    }


def resampled(truth: Any, said: Any, scores: Numbers, weights: Numbers) -> dict[str, Numbers]:
    """Every metric of each of the draws that *weights* (draws, n) count rows of."""
    is_class, is_said = np.eye(4)[truth], np.eye(4)[said]
    true, claimed = weights @ is_class, weights @ is_said
    hits = weights @ (is_class * is_said)
    given = np.abs(scores)[np.arange(len(truth)), truth]
    given = np.where(np.signbit(scores)[np.arange(len(truth)), truth], 1 - given, given)
    unfolded = np.where(np.signbit(scores), 1.0 + scores, scores)
    areas = [area(truth == each, unfolded[:, each], weights) for each in range(4)]
    return {
        "accuracy": hits.sum(axis=1) / weights.sum(axis=1),
        "log_loss": weights @ -np.log(given) / weights.sum(axis=1),
        "auc": np.mean(areas, axis=0),
        "macro_precision": (hits / np.maximum(claimed, 1)).mean(axis=1),
        "macro_recall": (hits / true).mean(axis=1),
        "macro_f1": (2 * hits / (true + claimed)).mean(axis=1),
    }


def area(member: Any, scores: Numbers, weights: Numbers) -> Numbers:
    """Of each draw, the share of pairs in order; a tie counts half."""
    apart = scores[member][:, None] - scores[~member]
    ahead = (np.sign(apart) + 1) / 2
    positive, negative = weights[:, member], weights[:, ~member]
    won = ((positive @ ahead) * negative).sum(axis=1)
    return np.asarray(won / positive.sum(axis=1) / negative.sum(axis=1))


def of_the_frequencies(truth: Any, weights: Numbers) -> dict[str, Numbers]:
    """The same for who knows only how often each class was drawn."""
    shares = weights @ np.eye(4)[truth] / weights.sum(axis=1, keepdims=True)
    return {
        "accuracy": shares.max(axis=1),
        "log_loss": -(shares * np.log(shares)).sum(axis=1),
        "auc": np.full(len(weights), 0.5),
    }


def drawn_differences(rows: Rows, weights: Numbers) -> dict[tuple[Against, str], Numbers]:
    new, old = (
        resampled(rows.truth, rows.said[model], rows.scores[model].astype(np.float64), weights)
        for model in ("challenger", "champion")
    )
    prior = of_the_frequencies(rows.truth, weights)
    return (
        {(Against.NOBODY, metric): new[metric] for metric in METRICS}
        | {(Against.CHAMPION, metric): new[metric] - old[metric] for metric in METRICS}
        | {(Against.PRIOR, metric): new[metric] - prior[metric] for metric in prior}
    )


@pytest.mark.parametrize("rows", [40, 2000])
def test_values_are_those_of_scikit_learn(rows: int) -> None:
    random = np.random.default_rng(2)
    truth = random.choice(4, rows, p=SHARES)
    scores = likely(truth, 4, 1.0, random.standard_normal((rows, 4)))

    values = MulticlassScores(multiclass(truth, 4, challenger=scores)).values("challenger")

    assert values == pytest.approx(sklearn_values(truth, scores), rel=1e-7)
    assert values["auc"] == pytest.approx(float(roc_auc_score(truth, scores, multi_class="ovr")))


def test_a_class_never_said_has_precision_0_and_one_that_never_is_is_left_out() -> None:
    random = np.random.default_rng(3)
    truth = random.choice(3, 500)
    scores = likely(truth, 5, 1.0, random.standard_normal((500, 5)))
    scores[:, 1] = 1e-6
    scores /= scores.sum(axis=1, keepdims=True)
    assert set(scores.argmax(axis=1).tolist()) == {0, 2, 3, 4}

    values = MulticlassScores(multiclass(truth, 5, challenger=scores)).values("challenger")

    assert values == pytest.approx(sklearn_values(truth, scores), rel=1e-7)


def test_errors_are_those_of_a_bootstrap_of_rows() -> None:
    rows = world(500)
    scores = MulticlassScores(rows)
    whole = drawn_differences(rows, np.ones((1, 500)))

    drawn = drawn_differences(rows, by_rows(500, seed=2))

    for (against, metric), differences in drawn.items():
        estimate = scores.estimate(metric, against)
        assert 1 - FAIR <= estimate.se / spread(differences) <= fair(metric), (against, metric)
        assert estimate.difference == pytest.approx(whole[against, metric][0], abs=1e-9)
        assert (estimate.rows, estimate.effective_rows) == (500, 500)


def test_errors_of_clusters_are_those_of_a_bootstrap_of_clusters() -> None:
    rows = world(720, clusters=180)
    scores, independent = MulticlassScores(rows), MulticlassScores(replace(rows, clusters=None))
    assert rows.clusters is not None

    drawn = drawn_differences(rows, by_clusters(rows.clusters, seed=3))

    for (against, metric), differences in drawn.items():
        estimate = scores.estimate(metric, against)
        shrunk = (independent.estimate(metric, against).se / estimate.se) ** 2
        assert 1 - FAIR <= estimate.se / spread(differences) <= fair(metric), (against, metric)
        assert estimate.effective_rows == pytest.approx(720 * min(1, shrunk))
        assert estimate.degrees is not None
        assert estimate.degrees <= 179
        assert shrunk < 0.85, (against, metric)


def test_rows_are_taken_a_stretch_at_a_time_without_a_seam() -> None:
    rows = world(1000)
    often = rows.where(np.tile(np.arange(1000), 270))
    few, many = MulticlassScores(rows), MulticlassScores(often)

    for metric in METRICS:
        one, other = (each.estimate(metric, Against.CHAMPION) for each in (few, many))
        assert other.difference == pytest.approx(one.difference, abs=other.certified + 1e-12)
        # Two rows that were not seen are counted for each class, however many rows there are.
        off = fair(metric) - 1 if metric.startswith("macro") else 6e-3
        assert other.se == pytest.approx(one.se / 270**0.5, rel=off)


def test_binned_auc_is_off_by_no_more_than_is_certified_and_exact_auc_by_nothing() -> None:
    """Scores so near each other that thousands share a bin."""
    rows, random = BINS + 1000, np.random.default_rng(5)
    truth = random.choice(3, rows)
    scores = 1 / 3 + 1e-5 * (random.standard_normal((rows, 3)) + np.eye(3)[truth])
    made = MulticlassScores(multiclass(truth, 3, challenger=scores))
    wanted = MulticlassScores(multiclass(truth[:BINS], 3, challenger=scores[:BINS])).estimate(
        "auc", Against.NOBODY
    )

    binned = made.estimate("auc", Against.NOBODY)
    exact = made.estimate("auc", Against.NOBODY, exact=True)

    assert 0.01 < abs(binned.challenger - exact.challenger) <= binned.certified
    assert exact.certified == wanted.certified == 0.0
    assert exact.challenger == pytest.approx(wanted.challenger, abs=0.002)


def test_accuracy_counts_the_rows_that_only_one_of_the_two_got_right() -> None:
    rows = world(2000)
    truth, old, new = rows.truth, rows.said["champion"], rows.said["challenger"]
    largest = int(np.bincount(truth).argmax())

    scores = MulticlassScores(rows)

    for against, said in ((Against.CHAMPION, old), (Against.PRIOR, np.full(2000, largest))):
        gains = int(((new == truth) & (said != truth)).sum())
        losses = int(((new != truth) & (said == truth)).sum())
        estimate = scores.estimate("accuracy", against)
        assert estimate.pairs == Pairs(2000, gains, losses)
        assert estimate.difference == pytest.approx((gains - losses) / 2000)
    hits = int((new == truth).sum())
    assert scores.estimate("accuracy", Against.NOBODY).pairs == Pairs(2000, hits, 0)
    assert scores.estimate("macro_recall", Against.CHAMPION).pairs is None


def test_swapping_the_models_turns_the_difference_and_keeps_its_error() -> None:
    rows = world(500)
    turned = {"champion": "challenger", "challenger": "champion"}
    swapped = replace(
        rows,
        scores={model: rows.scores[other] for model, other in turned.items()},
        said={model: rows.said[other] for model, other in turned.items()},
    )

    for metric in METRICS:
        one = MulticlassScores(rows).estimate(metric, Against.CHAMPION)
        other = MulticlassScores(swapped).estimate(metric, Against.CHAMPION)
        assert other.difference == -one.difference
        assert other.se == pytest.approx(one.se, rel=1e-7)


def test_the_order_of_the_rows_changes_nothing() -> None:
    rows = world(100_000)
    shuffled = rows.where(np.random.default_rng(8).permutation(100_000))

    one, other = MulticlassScores(rows), MulticlassScores(shuffled)

    for model in rows.scores:
        assert one.values(model) == other.values(model)
    for metric in METRICS:
        assert one.estimate(metric, Against.CHAMPION) == other.estimate(metric, Against.CHAMPION)


@pytest.mark.parametrize("metric", METRICS)
def test_that_two_models_never_differed_is_no_proof_that_they_never_will(metric: str) -> None:
    """Of what was not seen once in n rows there may be 3 / n."""
    rows = world(1000)
    twins = replace(
        rows,
        scores=dict.fromkeys(rows.scores, rows.scores["champion"]),
        said=dict.fromkeys(rows.said, rows.said["champion"]),
    )

    low, high = interval(MulticlassScores(twins).estimate(metric, Against.CHAMPION), 0.05)

    assert high == pytest.approx(-low)
    assert high >= 3 / 1000


def test_few_mistakes_are_not_taken_for_none_to_come() -> None:
    """One wrong of 400 bounds the recall of its class at 0.988, and the mean of two at 0.994."""
    truth = np.repeat([0, 1], 400)
    scores = np.where(np.eye(2)[truth] == 1, 0.9, 0.1)
    scores[0] = scores[0, ::-1]

    made = MulticlassScores(multiclass(truth, 2, challenger=scores))
    low, high = interval(made.estimate("macro_recall", Against.NOBODY), 0.05)

    assert 0.992 < low < 0.9955
    assert 0.9987 < high <= 1.0


def test_intervals_hold_no_difference_as_often_as_they_say() -> None:
    """250 worlds of 400 rows, in which the two models are equally good."""
    held = dict.fromkeys(METRICS, 0)

    for seed in range(250):
        scores = MulticlassScores(world(400, seed=seed, better=0.0))
        for metric in METRICS:
            low, high = interval(scores.estimate(metric, Against.CHAMPION), 0.05)
            held[metric] += low <= 0 <= high

    # 90 % is promised, and 250 worlds tell it to 1.9 %.
    assert all(0.855 <= count / 250 <= 0.945 for count in held.values()), held


def test_where_one_class_is_all_there_is_auc_says_nothing() -> None:
    rows = world(400)
    one_class = rows.where(rows.truth == 2)

    estimate = MulticlassScores(one_class).estimate("auc", Against.CHAMPION)

    assert isnan(estimate.challenger)
    assert not isfinite(estimate.se)


def test_the_confusion_of_few_classes_is_shown_whole() -> None:
    counts = np.arange(9).reshape(3, 3)

    shown = pictures(("a", "b", "c"), {"challenger": ClassCounts(counts)})

    assert shown == {"classes": ["a", "b", "c"], "confusion": {"challenger": counts.tolist()}}


def test_of_many_classes_the_rarest_are_shown_as_one() -> None:
    random = np.random.default_rng(6)
    counts = random.integers(0, 50, (30, 30))
    counts[4] = counts[20] = 1000
    names = tuple(f"class {number}" for number in range(30))

    shown = pictures(names, {"challenger": ClassCounts(counts)})

    classes, confusion = shown["classes"], shown["confusion"]
    assert isinstance(classes, list)
    assert isinstance(confusion, dict)
    assert len(classes) == 20
    assert classes[-1] == "11 others"
    assert {"class 4", "class 20"} < set(classes)
    assert np.sum(confusion["challenger"]) == counts.sum()
    assert confusion["challenger"][classes.index("class 4")][classes.index("class 20")] == 1000
