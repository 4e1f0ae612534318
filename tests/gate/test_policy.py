"""A policy says what it says: nothing unknown is accepted, nothing is promoted by default."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import METRICS, Direction, Task
from airflow_aml_retrain.gate.policy import Check, Policy

AUC = {"metric": "auc", "at_least": 0.8}
texts = st.none() | st.text(min_size=1).map(str.strip).filter(bool)


@st.composite
def checks(draw: st.DrawFn, task: Task) -> dict[str, object]:
    names = [name for name, metric in METRICS.items() if metric.task is task]
    metric = METRICS[draw(st.sampled_from(names))]
    number = draw(st.floats(0, 1))
    if draw(st.booleans()):
        return {"metric": metric.name, "vs": "champion", "margin": number - 0.5}
    word = "at_least" if metric.direction is Direction.HIGHER else "at_most"
    return {"metric": metric.name, word: number}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, object]:
    task = draw(st.sampled_from(Task))
    return {
        "task": draw(st.sampled_from([task.value, "auto"])),
        "label": draw(texts),
        "positive": draw(texts),
        "score": draw(texts),
        "threshold": draw(st.floats(0, 1)),
        "min_rows": draw(st.integers(1, 10**6)),
        "checks": draw(st.lists(checks(task), min_size=1, max_size=4)),
    }


@given(policies())
def test_a_policy_survives_the_journey_through_json(given_policy: dict[str, object]) -> None:
    policy = Policy.parse(given_policy)

    again = Policy.parse(json.loads(json.dumps(policy.to_mapping())))

    assert again == policy
    assert again.sha256 == policy.sha256
    assert policy.to_mapping() == given_policy


def test_a_beginners_policy_has_sensible_defaults() -> None:
    policy = Policy.parse({"label": "income", "checks": [AUC]})

    assert policy == Policy(checks=(Check("auc", at_least=0.8),), label="income")
    assert (policy.task, policy.positive, policy.threshold, policy.min_rows) == (
        None,
        None,
        0.5,
        100,
    )


def test_another_rule_is_another_hash() -> None:
    one = Policy.parse({"checks": [AUC]})
    other = Policy.parse({"checks": [AUC], "min_rows": 101})

    assert one.sha256 != other.sha256


@pytest.mark.parametrize("given_policy", [{}, {"checks": []}, {"checks": None}])
def test_without_rules_nothing_is_promoted_by_default(given_policy: dict[str, object]) -> None:
    with pytest.raises(GateError, match="the gate has no rules; refusing to promote by default"):
        Policy.parse(given_policy)


REFUSED: list[tuple[Any, str]] = [
    (None, "a policy is a mapping"),
    ("auc > 0.8", "a policy is a mapping"),
    ({"checks": [AUC], "treshold": 0.5}, "unknown key 'treshold'; did you mean 'threshold'"),
    ({"checks": [AUC], 7: 1}, "unknown key 7; there are task, label"),
    ({"checks": AUC}, "checks is a list"),
    ({"checks": ["auc"]}, "a check is a mapping"),
    ({"checks": [{"at_least": 0.8}]}, "names no metric"),
    ({"checks": [{"metric": "acc", "at_least": 0.8}]}, "did you mean 'accuracy'"),
    ({"checks": [{"metric": "auc", "atleast": 0.8}]}, "'atleast'; did you mean 'at_least'"),
    ({"checks": [{"metric": "auc"}]}, "say one of at_least, at_most, or vs"),
    ({"checks": [{**AUC, "vs": "champion"}]}, "say one of at_least, at_most, or vs"),
    ({"checks": [{**AUC, "margin": 0.1}]}, "a margin needs vs"),
    ({"checks": [{"metric": "auc", "vs": "anchor"}]}, "vs is 'anchor'"),
    ({"checks": [{"metric": "auc", "vs": 3}]}, "vs is 3"),
    ({"checks": [{"metric": "auc", "at_most": 0.8}]}, "higher is better, so say at_least"),
    ({"checks": [{"metric": "mae", "at_least": 2}]}, "lower is better, so say at_most"),
    ({"checks": [{"metric": "auc", "at_least": 80}]}, "80 lies outside"),
    ({"checks": [{"metric": "auc", "at_least": "0.8"}]}, "at_least .* must be a number"),
    ({"checks": [{"metric": "auc", "at_least": True}]}, "at_least .* must be a number"),
    ({"checks": [{"metric": "auc", "vs": "champion", "margin": float("nan")}]}, "be a number"),
    ({"checks": [{"metric": "mae", "at_most": 10**400}]}, "must be a number"),
    ({"checks": [AUC, {"metric": "mae", "at_most": 1}]}, "mae is a metric of regression"),
    ({"checks": [AUC], "task": "regression"}, "auc is a metric of binary"),
    ({"checks": [AUC], "task": "binry"}, "task is 'binry'; did you mean 'binary'"),
    ({"checks": [AUC], "task": ["binary"]}, "task is"),
    ({"checks": [AUC], "threshold": 1.5}, "threshold is 1.5"),
    ({"checks": [AUC], "min_rows": 0}, "min_rows is 0"),
    ({"checks": [AUC], "min_rows": 10.5}, "min_rows is 10.5"),
    ({"checks": [AUC], "min_rows": True}, "min_rows is True"),
    ({"checks": [AUC], "label": 3}, "label is 3"),
    ({"checks": [AUC], "label": " "}, "label is ' '"),
    ({"checks": [AUC], "positive": []}, r"positive is \[\]"),
]


@pytest.mark.parametrize(("given_policy", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_is_not_understood_is_refused_and_named(given_policy: object, said: str) -> None:
    with pytest.raises(GateError, match=said):
        Policy.parse(given_policy)


def test_azures_names_of_metrics_are_understood() -> None:
    policy = Policy.parse({"checks": [{"metric": "Average Log Loss", "at_most": 0.4}]})

    assert policy.checks[0].metric == "log_loss"


def test_a_policy_explains_itself_in_plain_english() -> None:
    policy = Policy.parse(
        {
            "label": "income",
            "positive": ">50K",
            "checks": [
                AUC,
                {"metric": "log_loss", "vs": "champion"},
                {"metric": "recall", "vs": "champion", "margin": 0.02},
                {"metric": "f1", "vs": "champion", "margin": -0.01},
            ],
        }
    )

    assert policy.explain().splitlines() == [
        "The challenger is promoted only if every one of these holds, on the same rows:",
        "* The challenger's AUC must be at least 0.8.",
        "* The challenger's log loss must be no worse than the champion's.",
        "* The challenger's recall may be worse than the champion's by at most 0.02.",
        "* The challenger's F1 must be better than the champion's by at least 0.01.",
        "With fewer than 100 rows nothing is decided and the champion stays.",
        "A row counts as positive (label '>50K') from a score of 0.5 up.",
    ]
