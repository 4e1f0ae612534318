"""A policy says what it says: nothing unknown is accepted, nothing is promoted by default."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.metrics import METRICS, Direction, Task, metrics_of
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rules.check import Check, Mode, Severity
from airflow_aml_retrain.gate.rules.sections import (
    Calibration,
    Data,
    DecisionRules,
    HoldoutRules,
    LabelRate,
    OperatingPoint,
    Preconditions,
    Reuse,
    Slices,
    Spending,
)

VS: Final = {"metric": "log_loss", "vs": "champion"}
AUC: Final = {"metric": "auc", "at_least": 0.8}
MAE: Final = {"metric": "mae", "at_most": 2}

EVERYTHING: Final = """
gate: credit-default
data: {label: y, positive: 1, id: row_id, time: seen_at, cluster_key: customer, task: binary}
decision:
  alpha: 0.01
  operating_point: {match: alert_rate}
  on_inconclusive: ask
  anchor: off                   # a word, not YAML 1.1's false
preconditions:
  score_range: [0.001, 0.999]
  label_values: [0, 1]
  label_maturity: P2W
  max_staleness: P35DT12H
  label_rate: {reference: 0.11, max_ratio: 1.5}
checks:
  - {metric: log_loss, vs: champion, margin: 5e-4}
  - {metric: Average Log Loss, vs: prior}
  - {metric: recall, vs: champion, mode: veto, margin: 0.01, scope: segment=A}
  - {metric: precision, at_least: 0.55, mode: point, severity: warn}
calibration: {slope: [0.9, 1.1]}
flips: {max_negative_rate: 0.01}
slices:
  columns: [segment]
  cross: [[segment, region]]
  metrics: [log_loss, recall]
  margin: {recall: 0.02}
  must_exist: ["region=N=W"]
operations:
holdout: {reuse: {spending: chain}}
"""

texts = st.none() | st.text(min_size=1).map(str.strip).filter(bool)
shares = st.floats(0, 1)


@st.composite
def checks(draw: st.DrawFn, task: Task) -> dict[str, object]:
    metric = draw(st.sampled_from(metrics_of(task)))
    number = draw(shares)
    check: dict[str, object] = {
        "metric": metric.name,
        "mode": draw(st.sampled_from([Mode.PROVE.value, Mode.POINT.value])),
        "margin": 0.0,
        "scope": draw(st.sampled_from(["all", "segment=A"])),
        "severity": draw(st.sampled_from([each.value for each in Severity])),
    }
    if draw(st.booleans()):
        return {**check, "vs": "champion", "margin": number - 0.5}
    word = "at_least" if metric.direction is Direction.HIGHER else "at_most"
    return {**check, word: number}


def named(check: dict[str, object]) -> str:
    return Check.parse(check).name


@st.composite
def policies(draw: st.DrawFn) -> dict[str, object]:
    task = draw(st.sampled_from(Task))
    several = draw(st.lists(checks(task), min_size=1, max_size=3, unique_by=named))
    return {
        "gate": draw(st.text(min_size=1).map(str.strip).filter(bool)),
        "data": {
            "positive": draw(texts),
            "time": draw(texts),
            "task": draw(st.none() | st.just(task.value)),
        },
        "decision": {"operating_point": {"threshold": draw(shares)}},
        "preconditions": {
            "min_rows": draw(st.integers(1, 10**9)),
            "min_matched_fraction": draw(shares),
        },
        "checks": [{**several[0], "severity": "fail"}, *several[1:]],
        "slices": draw(
            st.none()
            | st.just(
                {"columns": ["s"], "metrics": [several[0]["metric"]], "on_underpowered": "pass"}
            )
        ),
        "holdout": {"reuse": {"max_uses": draw(st.integers(1, 50)), "spending": "adaptive"}},
    }


def is_said_by(given: object, policy: object) -> bool:
    """Whether all that was *given* stands in the mapping of the *policy*."""
    match given:
        case Mapping():
            assert isinstance(policy, dict)
            return all(is_said_by(value, policy[key]) for key, value in given.items())
        case list():
            assert isinstance(policy, list)
            return all(map(is_said_by, given, policy))
        case _:
            return given == policy


@given(policies())
def test_a_policy_survives_the_journey_through_json(given_policy: dict[str, object]) -> None:
    policy = Policy.parse(given_policy)

    again = Policy.load(json.dumps(policy.to_mapping()))

    assert again == policy
    assert again.sha256 == policy.sha256
    assert is_said_by(given_policy, policy.to_mapping())


def test_a_beginners_policy_is_three_lines_of_yaml_and_has_sensible_defaults() -> None:
    policy = Policy.load("data: {label: income}\nchecks:\n- {metric: log_loss, vs: champion}")

    assert policy == Policy(
        data=Data(label="income"), checks=(Check("log_loss", vs=Against.CHAMPION),)
    )
    assert policy.decision == DecisionRules(
        alpha=0.05,
        power=0.80,
        operating_point=OperatingPoint(threshold=0.5, match=None),
        on_no_champion="absolute_only",
        on_inconclusive="keep_champion",
        approval="never",
        anchor="auto",
    )
    assert policy.preconditions == Preconditions(
        min_rows=100,
        min_positives=30,
        min_discordant=0,
        max_null_fraction=0.0,
        max_duplicate_ids=0,
        min_matched_fraction=1.0,
        score_range=(0.0, 1.0),
    )
    assert policy.holdout == HoldoutRules(
        reuse=Reuse(max_uses=12, spending=Spending.FIRST), max_overlap=0.5
    )
    assert (policy.calibration, policy.flips, policy.slices, policy.operations) == (None,) * 4


def test_everything_that_is_said_in_yaml_is_what_python_says() -> None:
    policy = Policy.load(EVERYTHING)

    assert policy.decision.anchor == "off"
    assert policy.preconditions == Preconditions(
        score_range=(0.001, 0.999),
        label_values=("0", "1"),
        label_maturity=timedelta(weeks=2),
        max_staleness=timedelta(days=35, hours=12),
        label_rate=LabelRate(reference=0.11, max_ratio=1.5),
    )
    assert policy.checks == (
        Check("log_loss", vs=Against.CHAMPION, margin=0.0005),
        Check("log_loss", vs=Against.PRIOR),
        Check("recall", vs=Against.CHAMPION, mode=Mode.VETO, margin=0.01, scope="segment=A"),
        Check("precision", at_least=0.55, mode=Mode.POINT, severity=Severity.WARN),
    )
    assert policy.calibration == Calibration(slope=(0.9, 1.1))
    assert policy.slices is not None
    assert (policy.slices.margin_of("recall"), policy.slices.margin_of("log_loss")) == (0.02, 0.0)
    assert policy.slice_columns == ("segment", "region")
    assert policy.operations is None
    assert Policy.load(json.dumps(policy.to_mapping())) == policy


def test_words_in_python_are_held_to_what_yaml_is_held_to() -> None:
    check: Any = Check("auc", at_least=1, mode="veto", severity="warn")  # type: ignore[arg-type]  # a DAG file is not type-checked

    assert (check.mode, check.severity) == (Mode.VETO, Severity.WARN)
    assert isinstance(check.mode, Mode)
    with pytest.raises(GateError, match="severity of the check on auc is 'fial'; did you mean"):
        Check("auc", at_least=0.8, severity="fial")  # type: ignore[arg-type]  # the point of it


def test_another_rule_is_another_hash() -> None:
    one = Policy.parse({"checks": [AUC]})
    other = Policy.parse({"checks": [AUC], "preconditions": {"min_rows": 101}})

    assert one.sha256 != other.sha256


def test_a_default_that_is_written_out_is_the_same_policy() -> None:
    bare = Policy.parse({"checks": [AUC]})
    spelled = Policy.parse({"checks": [{**AUC, "mode": "prove"}], "decision": None})

    assert spelled.sha256 == bare.sha256


def test_the_order_in_which_margins_are_said_is_no_rule() -> None:
    hashes = {
        Policy.parse(
            {
                "checks": [VS],
                "slices": {"columns": ["s"], "metrics": ["auc", "log_loss"], "margin": margin},
            }
        ).sha256
        for margin in ({"auc": 0.1, "log_loss": 0.2}, {"log_loss": 0.2, "auc": 0.1})
    }

    assert len(hashes) == 1


def test_a_check_has_a_name_by_which_people_know_it() -> None:
    names = {
        "log_loss vs champion": VS,
        "log_loss vs anchor, margin 0.002": {**VS, "vs": "anchor", "margin": 0.002},
        "log_loss vs champion, better by 0.1": {**VS, "margin": -0.1},
        "auc at least 0.8": AUC,
        "mae at most 2": MAE,
        "auc at least 0.8 in segment=A": {**AUC, "scope": "segment=A"},
        "log_loss vs champion (veto)": {**VS, "mode": "veto"},
    }

    assert {name: Check.parse(check).name for name, check in names.items()} == {
        name: name for name in names
    }


def test_what_is_proven_against_the_champion_is_guarded_by_the_anchor() -> None:
    policy = Policy.parse(
        {
            "checks": [
                {**VS, "margin": 0.002},
                {**VS, "margin": -0.1},
                {**VS, "margin": -0.2},
                {**VS, "mode": "veto"},
                {**VS, "metric": "auc", "severity": "warn"},
                {**VS, "metric": "auc", "scope": "segment=A"},
                AUC,
            ]
        }
    )

    added = policy.all_checks()[len(policy.checks) :]

    # Whoever demands an improvement demands it over the champion, and no decay over the anchor.
    assert [check.name for check in added] == [
        "log_loss vs anchor, margin 0.002",
        "log_loss vs anchor",
    ]
    assert all(check.automatic for check in added)
    assert not any(check.automatic for check in policy.checks)


@pytest.mark.parametrize(
    "said", [{"decision": {"anchor": "off"}}, {"checks": [VS, {**VS, "vs": "anchor"}]}]
)
def test_the_guard_is_left_to_who_says_so_or_sets_one_of_his_own(said: dict[str, object]) -> None:
    policy = Policy.parse({"checks": [VS], **said})

    assert policy.all_checks() == policy.checks


@pytest.mark.parametrize(
    ("asked", "tasks"),
    [
        ({"checks": [VS]}, {Task.BINARY, Task.MULTICLASS}),
        ({"checks": [VS, {**VS, "metric": "macro_f1"}]}, {Task.MULTICLASS}),
        ({"checks": [VS], "calibration": {"slope": [0.9, 1.1]}}, {Task.BINARY}),
        ({"checks": [VS], "data": {"task": "multiclass"}}, {Task.MULTICLASS}),
        ({"checks": [VS], "slices": {"columns": ["s"], "metrics": ["recall"]}}, {Task.BINARY}),
        ({"checks": [MAE]}, {Task.REGRESSION}),
    ],
)
def test_the_checks_tell_for_which_kinds_of_model_a_policy_is(
    asked: dict[str, object], tasks: set[Task]
) -> None:
    assert Policy.parse(asked).asked_task == tasks


def test_every_metric_can_be_checked() -> None:
    for metric in METRICS.values():
        assert Policy(checks=(Check(metric.name, vs=Against.CHAMPION),)).asked_task == metric.tasks


@pytest.mark.parametrize("given_policy", [{}, {"checks": []}, {"checks": None}])
def test_without_rules_nothing_is_promoted_by_default(given_policy: dict[str, object]) -> None:
    with pytest.raises(GateError, match="the gate has no rules; refusing to promote by default"):
        Policy.parse(given_policy)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({**AUC, "severity": "warn"}, "every check of the policy only warns"),
        ({**AUC, "mode": "veto"}, "is a veto, which passes when little is known"),
    ],
)
def test_rules_that_cannot_refuse_promote_nothing(check: dict[str, object], said: str) -> None:
    with pytest.raises(GateError, match=f"{said}.*refusing to promote by default"):
        Policy.parse({"checks": [check], "slices": {"columns": ["s"], "metrics": ["auc"]}})


SLICED: Final = {"columns": ["segment"], "metrics": ["auc"]}

REFUSED: Final[list[tuple[Any, str]]] = [
    (None, "a policy is a mapping of gate, data, decision"),
    ("auc > 0.8", "a policy is a mapping"),
    # Where it lives now, for who wrote a policy of the first version.
    ({"checks": [AUC], "label": "y"}, "unknown key 'label': it belongs to data"),
    ({"checks": [AUC], "positive": "y"}, "unknown key 'positive': it belongs to data"),
    ({"checks": [AUC], "score": "y"}, "unknown key 'score': it belongs to data"),
    ({"checks": [AUC], "task": "binary"}, "unknown key 'task': it belongs to data"),
    ({"checks": [AUC], "threshold": 0.4}, "'threshold': it belongs to decision.operating_point"),
    ({"checks": [AUC], "min_rows": 9}, "'min_rows': it belongs to preconditions or slices"),
    ({"checks": [AUC], "metric": "auc"}, "'metric': it belongs to a check"),
    ({"checks": [AUC], "decison": {}}, "unknown key 'decison'; did you mean 'decision'"),
    ({"checks": [AUC], 7: 1}, "unknown key 7; there are gate, data"),
    ({"checks": [AUC], "data": "y"}, "data is a mapping of label, .*, not 'y'"),
    ({"checks": [AUC], "data": {"lable": "y"}}, "data .* 'lable'; did you mean 'label'"),
    ({"checks": [AUC], "decision": {"alfa": 1}}, "decision .* 'alfa'; did you mean 'alpha'"),
    ({"checks": [AUC], "holdout": {"reuse": {"uses": 3}}}, "holdout.reuse has an unknown key"),
    ({"checks": AUC}, "checks is .*, and must be a list"),
    ({"checks": ["auc"]}, "a check is a mapping"),
    ({"checks": [{"at_least": 0.8}]}, "a check must say its metric"),
    ({"checks": [{"metric": "acc", "at_least": 0.8}]}, "did you mean 'accuracy'"),
    ({"checks": [{"metric": "auc", "atleast": 0.8}]}, "'atleast'; did you mean 'at_least'"),
    ({"checks": [{**AUC, "automatic": True}]}, "unknown key 'automatic'"),
    ({"checks": [{"metric": "auc"}]}, "say one of at_least, at_most, or vs"),
    ({"checks": [{**AUC, "vs": "champion"}]}, "say one of at_least, at_most, or vs"),
    ({"checks": [{**AUC, "margin": 0.1}]}, "a margin needs vs"),
    ({"checks": [{"metric": "auc", "vs": "champ"}]}, "vs .* is 'champ'; did you mean 'champion'"),
    ({"checks": [{"metric": "auc", "vs": ""}]}, "there are champion, anchor, prior"),
    ({"checks": [{"metric": "auc", "vs": 3}]}, "vs of the check on auc is 3"),
    ({"checks": [{"metric": "f1", "vs": "prior"}]}, "check on f1: it has no prior"),
    (
        {"checks": [{"metric": "auc", "vs": "champion", "margin": 2}]},
        "2 percentage points are 0.02",
    ),
    ({"checks": [{"metric": "auc", "at_most": 0.8}]}, "higher is better, so say at_least"),
    ({"checks": [{"metric": "mae", "at_least": 2}]}, "lower is better, so say at_most"),
    ({"checks": [{"metric": "auc", "at_least": 80}]}, "80 lies outside"),
    ({"checks": [{"metric": "auc", "at_least": "0.8"}]}, "at_least .* must be a number"),
    ({"checks": [{"metric": "auc", "at_least": True}]}, "at_least .* must be a number"),
    ({"checks": [{**VS, "margin": float("nan")}]}, "must be a number"),
    ({"checks": [{"metric": "mae", "at_most": 10**400}]}, "must be a number"),
    ({"checks": [{**AUC, "mode": "proof"}]}, "mode of the check on auc is 'proof'; did you mean"),
    ({"checks": [{**AUC, "scope": "A"}]}, "scope is 'A', and must be all or column=value"),
    ({"checks": [AUC, AUC]}, "two checks are the same: auc at least 0.8"),
    ({"checks": [AUC, MAE]}, "mae is for regression models, and the rest of the policy for bin"),
    ({"checks": [AUC], "data": {"task": "regression"}}, "auc is for binary or multiclass"),
    ({"checks": [AUC], "data": {"task": "binry"}}, "task is 'binry'; did you mean 'binary'"),
    ({"checks": [MAE], "flips": {"max_churn": 0.1}}, "flips is for binary or multiclass models"),
    ({"checks": [AUC], "data": {"positive": True}}, "positive is True.*put it in quotes"),
    ({"checks": [AUC], "data": {"label": " "}}, "label is ' ', and must not be empty"),
    ({"checks": [AUC], "data": {"label": "y", "id": "y"}}, "must be three different columns"),
    ({"checks": [AUC], "decision": {"alpha": 0.5}}, "decision.alpha must lie between 0 and 0.5"),
    ({"checks": [AUC], "decision": {"alpha": 5}}, "decision.alpha must lie between"),
    ({"checks": [AUC], "decision": {"power": 0.01}}, "decision.power must lie between 0.05 and 1"),
    ({"checks": [AUC], "decision": {"approval": "once"}}, "there are never, always"),
    ({"checks": [AUC], "decision": {"operating_point": {"threshold": 1.5}}}, r"lie in \[0, 1\]"),
    ({"checks": [AUC], "preconditions": {"min_rows": 0}}, "min_rows must be above 0"),
    ({"checks": [AUC], "preconditions": {"min_rows": 10.5}}, "min_rows .* a whole number"),
    ({"checks": [AUC], "preconditions": {"min_rows": True}}, "min_rows .* a whole number"),
    ({"checks": [AUC], "preconditions": {"min_positives": -1}}, "min_positives .* whole number"),
    ({"checks": [AUC], "preconditions": {"max_null_fraction": 2}}, r"lie in \[0, 1\], not 2"),
    ({"checks": [AUC], "preconditions": {"score_range": [0]}}, "must be a list of 2"),
    ({"checks": [AUC], "preconditions": {"score_range": [0, 100]}}, "must rise within"),
    ({"checks": [AUC], "preconditions": {"score_range": [0.5, 0.5]}}, "must rise within"),
    ({"checks": [AUC], "preconditions": {"label_values": [1]}}, "must be two or more"),
    ({"checks": [AUC], "preconditions": {"label_maturity": "P1M"}}, "ISO 8601.*such as P14D"),
    ({"checks": [AUC], "preconditions": {"label_maturity": "14 days"}}, "ISO 8601"),
    ({"checks": [AUC], "preconditions": {"label_maturity": "P"}}, "ISO 8601"),
    ({"checks": [AUC], "preconditions": {"label_maturity": "P1DT"}}, "ISO 8601"),
    ({"checks": [AUC], "preconditions": {"label_maturity": "P0D"}}, "ISO 8601"),
    ({"checks": [AUC], "preconditions": {"label_maturity": "P9999999999D"}}, "ISO 8601"),
    ({"checks": [AUC], "preconditions": {"label_maturity": timedelta(0, 0, 1)}}, "ISO 8601"),
    ({"checks": [AUC], "preconditions": {"label_maturity": 14}}, "label_maturity is '14'"),
    (
        {"checks": [AUC], "preconditions": {"label_maturity": "P14D"}},
        "name its column in data.time",
    ),
    ({"checks": [AUC], "preconditions": {"max_staleness": "P14D"}}, "max_staleness needs the time"),
    ({"checks": [AUC], "preconditions": {"holdout_after_training": True}}, "needs the time"),
    ({"checks": [AUC], "preconditions": {"holdout_after_training": 1}}, "must be true or false"),
    ({"checks": [AUC], "preconditions": {"max_train_overlap": 0}}, "their column in data.id"),
    ({"checks": [AUC], "preconditions": {"label_rate": {"reference": 0.1}}}, "say its max_ratio"),
    (
        {"checks": [AUC], "preconditions": {"label_rate": {"reference": 0.1, "max_ratio": 0.9}}},
        "max_ratio must be above 1",
    ),
    ({"checks": [AUC], "calibration": {}}, "calibration has no rule; say one of observed_expected"),
    ({"checks": [AUC], "calibration": {"slope": [1.1, 0.9]}}, "a band around 1"),
    ({"checks": [AUC], "calibration": {"slope": [0.1, 0.2]}}, "a band around 1"),
    ({"checks": [AUC], "flips": {}}, "flips has no rule"),
    ({"checks": [AUC], "flips": {"max_churn": 0}}, "max_churn must be above 0"),
    ({"checks": [AUC], "operations": {"max_model_mb": -1}}, "max_model_mb must be above 0"),
    ({"checks": [AUC], "slices": {"columns": ["s"]}}, "slices must say its metrics"),
    ({"checks": [AUC], "slices": {"metrics": ["auc"]}}, "slices must name columns or cross"),
    ({"checks": [AUC], "slices": {**SLICED, "columns": "segment"}}, "must be a list"),
    ({"checks": [AUC], "slices": {**SLICED, "metrics": []}}, "slices must name metrics"),
    ({"checks": [AUC], "slices": {**SLICED, "metrics": ["ac"]}}, "no metric named 'ac'"),
    ({"checks": [AUC], "slices": {**SLICED, "margin": {"f1": 0.1}}}, "slices.margin has 'f1'"),
    (
        {"checks": [AUC], "slices": {**SLICED, "margin": {"auc": "x"}}},
        "slices.margin of auc is 'x'",
    ),
    ({"checks": [AUC], "slices": {**SLICED, "margin": "x"}}, "slices.margin is 'x'"),
    ({"checks": [AUC], "slices": {**SLICED, "margin": 2}}, "2 percentage points are 0.02"),
    ({"checks": [AUC], "slices": {**SLICED, "mode": "point"}}, "slices.mode must be veto or prove"),
    ({"checks": [AUC], "slices": {**SLICED, "cross": [["a"]]}}, "two or more columns, not .'a'"),
    ({"checks": [AUC], "slices": {**SLICED, "must_exist": ["A"]}}, "must be column=value"),
    ({"checks": [AUC], "slices": {**SLICED, "must_exist": ["b=A"]}}, "slices names .segment."),
    ({"checks": [AUC], "slices": {**SLICED, "family_alpha": 0}}, "between 0 and 0.5"),
    ({"checks": [AUC], "holdout": {"reuse": {"max_uses": 0}}}, "max_uses must be above 0"),
    ({"checks": [AUC], "holdout": {"reuse": {"spending": "all"}}}, "there are first, once"),
    ({"checks": [AUC], "holdout": {"max_overlap": 1.5}}, r"holdout.max_overlap must lie in"),
]


@pytest.mark.parametrize(("given_policy", "said"), REFUSED, ids=[str(case) for case, _ in REFUSED])
def test_what_is_not_understood_is_refused_and_named(given_policy: object, said: str) -> None:
    with pytest.raises(GateError, match=said):
        Policy.parse(given_policy)


UNREADABLE: Final = [
    ("checks: [", "the policy is not YAML: line 1: "),
    ("data:\n\tlabel: y", "the policy is not YAML: line 2: "),
    ("data: \x07", "the policy is not YAML: unacceptable character"),
    ("gate: a\ngate: b", "the policy says 'gate' twice in one place in line 2"),
    ('{"gate": "a", "gate": "b"}', "the policy says 'gate' twice in one place"),
    ("gate: &x a\ndata: *x", r"the policy refers to \*x in line 2; write it out"),
    ("gate: !env NAME", "the policy has a tag !env in line 1"),
    ("? [gate]\n: a", "the policy has a key that is no word in line 1"),
    ("", "a policy is a mapping"),
    ("auc", "a policy is a mapping"),
]


@pytest.mark.parametrize(("text", "said"), UNREADABLE, ids=[said for _, said in UNREADABLE])
def test_a_text_that_is_no_policy_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(GateError, match=said):
        Policy.load(text)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("2026-01-01", "2026-01-01"),
        ("1:30", "1:30"),
        ("'true'", "true"),
        ("007", "007"),
    ],
)
def test_words_in_yaml_mean_what_they_say(written: str, meant: str) -> None:
    policy = Policy.load(f"data: {{positive: {written}}}\nchecks: [{{metric: r2, vs: champion}}]")

    assert policy.data.positive == meant


def test_json_may_be_indented_with_tabs() -> None:
    text = json.dumps({"checks": [AUC]}, indent="\t")

    assert Policy.load(text).checks == (Check("auc", at_least=0.8),)


def test_slices_of_crossed_columns_alone_are_slices() -> None:
    slices = Slices(cross=(("a", "b"),), metrics=("auc",))

    assert slices.needed == ("a", "b")
