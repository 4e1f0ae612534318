"""Every precondition is met exactly up to its limit, and says what is wrong beyond it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.folded import fold
from airflow_aml_retrain.gate.judging.preconditions import preconditions, stability
from airflow_aml_retrain.gate.judging.results import Precondition
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Holdout, Quality, Rows, Slicing
from tests.gate.holdouts import NO_WORSE, policy

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def rows(count: int = 1000, positives: int = 200, **quality: Any) -> Rows:
    truth = np.arange(count) < positives
    old = np.linspace(0.01, 0.99, count)
    new = old[::-1].copy()
    return Rows(
        task=Task.BINARY,
        classes=("no", "yes"),
        truth=truth,
        scores={CHAMPION: fold(old), CHALLENGER: fold(new)},
        slicings={
            "segment": Slicing("segment", ("A", "B"), (np.arange(count) % 2).astype(np.int32))
        },
        holdout=Holdout(count, "0" * 64),
        quality=Quality(**{"read": {CHAMPION: count, CHALLENGER: count}, **quality}),
    )


def found(
    asked: Mapping[str, object],
    given: Rows,
    facts: Facts | None = None,
    data: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Precondition]:
    rules = policy(NO_WORSE, preconditions=dict(asked), data=dict(data or {}), **more)
    return {each.name: each for each in preconditions(given, rules, facts or Facts())}


@pytest.mark.parametrize(
    ("name", "kept", "broken", "given"),
    [
        ("min_rows", 1000, 1001, rows()),
        ("min_positives", 200, 201, rows()),
        ("min_positives", 100, 101, rows(positives=900)),
        ("min_discordant", 1000, 1001, rows()),
        ("max_null_fraction", 0.01, 0.009, rows(nulls={CHAMPION: 10})),
        ("max_duplicate_ids", 3, 2, rows(duplicates=3)),
        ("min_matched_fraction", 0.8, 0.801, rows(unmatched=250)),
        ("label_values", ["no", "yes", "?"], ["no", "?"], rows()),
        (
            "label_rate",
            {"reference": 0.1, "max_ratio": 2.01},
            {"reference": 0.1, "max_ratio": 1.9},
            rows(),
        ),
        (
            "label_rate",
            {"reference": 0.4, "max_ratio": 2.01},
            {"reference": 0.4, "max_ratio": 1.9},
            rows(),
        ),
    ],
)
def test_a_limit_is_met_and_broken(name: str, kept: object, broken: object, given: Rows) -> None:
    within, beyond = found({name: kept}, given)[name], found({name: broken}, given)[name]

    assert within.passed
    assert not beyond.passed
    assert beyond.severity == "fail"
    assert len(beyond.reason) > len(within.reason) or name == "label_values"


TIME, ID = {"time": "day"}, {"id": "id"}


@pytest.mark.parametrize(
    ("asked", "facts", "kept"),
    [
        ({"label_maturity": "P10D"}, Facts(now=NOW), True),
        ({"label_maturity": "P11D"}, Facts(now=NOW), False),
        ({"label_maturity": "P1D"}, Facts(), False),
        ({"max_staleness": "P10D"}, Facts(now=NOW), True),
        ({"max_staleness": "P9D"}, Facts(now=NOW), False),
        ({}, Facts(trained_until={CHAMPION: NOW - 40 * DAY, CHALLENGER: NOW - 30 * DAY}), True),
        ({}, Facts(trained_until={CHAMPION: NOW - 40 * DAY, CHALLENGER: NOW - 29 * DAY}), False),
        ({"holdout_after_training": True}, Facts(), False),
        (
            {"holdout_after_training": True},
            Facts(trained_until={CHAMPION: NOW - 40 * DAY, CHALLENGER: NOW - 30 * DAY}),
            True,
        ),
        ({}, Facts(trained_until={CHAMPION: NOW - 40 * DAY}), True),
    ],
)
def test_time_is_kept_to_the_day(asked: Mapping[str, object], facts: Facts, kept: bool) -> None:  # noqa: FBT001
    given = rows(oldest=NOW - 30 * DAY, newest=NOW - 10 * DAY)

    [name] = asked or ["holdout_after_training"]
    assert found(asked, given, facts, TIME)[name].passed is kept


@pytest.mark.parametrize(
    ("known", "unknown"), [(CHAMPION, CHALLENGER), (CHALLENGER, CHAMPION), ("anchor", CHAMPION)]
)
def test_rows_are_after_training_only_if_all_cut_offs_are_known(known: str, unknown: str) -> None:
    given = rows(oldest=NOW - 30 * DAY, newest=NOW - 10 * DAY)
    facts = Facts(trained_until={known: NOW - 40 * DAY})

    met = found({"holdout_after_training": True}, given, facts, TIME)["holdout_after_training"]

    assert not met.passed
    assert "not before a time that was not given is required" in met.reason
    assert f"{unknown} " in met.reason


def test_without_a_champion_its_cut_off_is_not_asked_for() -> None:
    given = rows(oldest=NOW - 30 * DAY, newest=NOW - 10 * DAY)
    alone = replace(given, scores={CHALLENGER: given.scores[CHALLENGER]})
    facts = Facts(trained_until={CHALLENGER: NOW - 40 * DAY})

    assert found({"holdout_after_training": True}, alone, facts, TIME)[
        "holdout_after_training"
    ].passed


def test_where_no_time_is_named_nothing_is_asked_of_it() -> None:
    timed = {"label_maturity", "max_staleness", "holdout_after_training"}

    assert not timed & found({}, rows(), Facts(trained_until={CHAMPION: NOW})).keys()
    assert not timed & found({"holdout_after_training": False}, rows(), data=TIME).keys()


def test_rows_that_were_trained_on_must_be_known_and_few() -> None:
    asked = {"max_train_overlap": 0.1}

    assert not found(asked, rows(), data=ID)["max_train_overlap"].passed
    assert found(asked, rows(), Facts(train_overlap=0.1), ID)["max_train_overlap"].passed
    assert not found(asked, rows(), Facts(train_overlap=0.11), ID)["max_train_overlap"].passed


def test_a_vanished_slice_is_named() -> None:
    slices = {"columns": ["segment"], "metrics": ["auc"]}

    there = found({}, rows(), slices={**slices, "must_exist": ["segment=A"]})["must_exist"]
    gone = found({}, rows(), slices={**slices, "must_exist": ["segment=C"]})["must_exist"]

    assert (there.passed, gone.passed) == (True, False)
    assert "segment=C" in gone.reason


def test_scores_on_another_scale_are_a_warning() -> None:
    shifted = rows()
    shifted.scores[CHALLENGER][:] = fold(np.full(len(shifted), 0.99))

    moved = found({"max_score_psi": 0.25}, shifted)["max_score_psi"]

    assert (moved.passed, moved.severity) == (False, "warn")
    assert found({"max_score_psi": 0.25}, rows())["max_score_psi"].passed


def test_the_stability_index_is_that_of_its_definition() -> None:
    old, new = fold(np.arange(100) / 100), fold(np.arange(50) / 100)
    # Ten shares of a tenth become five of a fifth and five of (half a row in 50).
    expected = 5 * (0.2 - 0.1) * np.log(2) + 5 * (0.01 - 0.1) * np.log(0.1)

    assert stability(old, old) == 0
    assert stability(old, new) == pytest.approx(expected)


def test_that_rows_without_ids_are_hardly_known_again_is_warned_of() -> None:
    warning = found({}, rows())["holdout_ids"]

    assert (warning.passed, warning.severity) == (False, "warn")
    assert "the very same rows in the same order; name data.id" in warning.reason
    assert "holdout_ids" not in found({}, rows(), data=ID)


@pytest.mark.parametrize(("clusters", "passed"), [(40, True), (39, False)])
def test_few_clusters_are_warned_of_and_judged_all_the_same(clusters: int, *, passed: bool) -> None:
    given = replace(rows(), clusters=(np.arange(1000) % clusters).astype(np.int32))

    warning = found({}, given, data={"cluster_key": "customer"})["clusters"]

    assert (warning.passed, warning.severity) == (passed, "warn")
    assert f"in {clusters} clusters by customer" in warning.reason


@pytest.mark.parametrize(
    ("point", "apart"),
    [({"threshold": 0.5}, 0), ({"threshold": 0.2}, 300), ({"threshold": 0.2, "match": "fpr"}, 0)],
)
def test_answers_are_told_apart_where_the_models_say_yes(
    point: Mapping[str, object], apart: int
) -> None:
    """Of 1000 rows 300 lie between 0.1 and 0.3 for one model, and above them for the other."""
    old = np.repeat([0.05, 0.15, 0.9], [600, 300, 100])
    new = np.repeat([0.05, 0.25, 0.9], [600, 300, 100])
    given = replace(rows(), scores={CHAMPION: fold(old), CHALLENGER: fold(new)})

    met = found({"min_discordant": 1}, given, decision={"operating_point": point})

    assert met["min_discordant"].observed == str(apart)
