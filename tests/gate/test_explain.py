"""A policy can be read by somebody who has never seen one."""

from typing import Any, Final

import pytest

from airflow_aml_retrain.gate.explain import explain
from airflow_aml_retrain.gate.policy import Policy
from tests.gate.test_policy import EVERYTHING

BEGINNER: Final = {
    "data": {"label": "income"},
    "checks": [{"metric": "log_loss", "vs": "champion"}],
}


OFF: Final = {"anchor": "off"}


def said(**rules: object) -> list[str]:
    return explain(Policy.parse({**BEGINNER, **rules})).splitlines()


def test_a_beginners_policy_in_plain_english() -> None:
    text = explain(Policy.parse(BEGINNER))

    assert (
        text
        == """\
Gate 'gate', for binary or multiclass models. The challenger is promoted only if all of this \
holds, on the same rows:
* It must be proven that the challenger's log loss is no worse than the champion's.
* It must be proven that the challenger's log loss is no worse than the anchor's. (The guard of \
decision.anchor against slow decay.)

Nothing is judged (INVALID) unless this holds of the data:
* There are at least 100 rows, and 30 of the rarest label.
* No row lacks a label or a score, no id comes twice, all models scored the same rows.
* Every probability lies in [0, 1].

What follows:
* A demand that is seen to be broken: REJECT, the champion stays.
* None broken, but one not proven yet: INCONCLUSIVE, the champion stays, and it is said how many \
rows would settle it.
* Proven means that a model which breaks the demand would pass with a chance of at most 5 %. One \
hold-out may decide 12 times, and nine tenths of that chance go to the first use; without \
data.id only the very same rows in the same order are known again.
* With two labels, a row is called positive (the label that sorts second) from a score of 0.5 on.
* Without a champion only those rules count that need none, and if none of them proves anything \
nothing is promoted."""
    )


SENTENCES: Final[list[tuple[dict[str, Any], str]]] = [
    ({"vs": "champion"}, "It must be proven that the challenger's AUC is no worse than the "),
    ({"vs": "champion", "margin": 0.02}, "AUC is at most 0.02 worse than the champion's."),
    ({"vs": "anchor", "margin": -0.02}, "AUC is better than the anchor's by at least 0.02."),
    ({"vs": "prior"}, "no worse than that of a model which knows only how often each label occurs"),
    ({"at_least": 0.8}, "It must be proven that the challenger's AUC is at least 0.8."),
    (
        {"vs": "champion", "mode": "veto"},
        "It must not come to light that the challenger's AUC is worse than the champion's.",
    ),
    ({"vs": "champion", "mode": "veto", "margin": 0.02}, "AUC is more than 0.02 worse than the "),
    ({"vs": "champion", "mode": "veto", "margin": -0.02}, "is not better than the champion's by "),
    ({"at_least": 0.8, "mode": "veto"}, "It must not come to light that the challenger's AUC is b"),
    (
        {"at_least": 0.8, "mode": "point"},
        "By the bare numbers, whatever chance did to them, the challenger's AUC is at least 0.8.",
    ),
    ({"at_least": 0.8, "scope": "segment=A"}, "AUC where segment is A is at least 0.8."),
]


@pytest.mark.parametrize(("check", "sentence"), SENTENCES, ids=[each for _, each in SENTENCES])
def test_a_check_says_who_carries_the_burden_of_proof(
    check: dict[str, object], sentence: str
) -> None:
    lines = said(checks=[*BEGINNER["checks"], {"metric": "auc", **check}], decision=OFF)

    assert sum(sentence in line for line in lines) == 1


def test_a_lower_bound_is_broken_from_above() -> None:
    loss = {"metric": "mae", "at_most": 2}

    lines = said(checks=[loss, {**loss, "mode": "veto"}])

    assert "* It must be proven that the challenger's mean absolute error is at most 2." in lines
    assert lines[2].endswith("mean absolute error is above 2.")
    assert not any("rarest label" in line or "probability" in line for line in lines)


WORDS: Final[list[tuple[dict[str, Any], str]]] = [
    ({"calibration": {"slope": [0.9, 1.1]}}, "slope of a recalibration lies outside 0.9 to 1.1"),
    ({"calibration": {"max_debiased_ce": 0.01}}, "The debiased calibration error is at most 0.01"),
    ({"calibration": {"observed_expected": [0.95, 1.05]}}, "lies outside 0.95 to 1.05"),
    ({"flips": {"max_negative_rate": 0.01}}, "proven that at most 1 % of the rows were right with"),
    ({"flips": {"max_churn": 0.05}}, "answers differ in at most 5 % of the rows"),
    (
        {"slices": {"columns": ["a"], "cross": [["a", "b"]], "metrics": ["auc"], "margin": 0.1}},
        "In each a, each a and b together: It must not come to light that the challenger's AUC",
    ),
    (
        {"slices": {"columns": ["a"], "metrics": ["auc"], "mode": "prove"}},
        "In each a: It must be proven that the challenger's AUC is no worse",
    ),
    ({"slices": {"columns": ["a"], "metrics": ["auc"]}}, "fewer than 500 rows, or than 30 of its"),
    (
        {"slices": {"columns": ["a"], "metrics": ["auc"], "on_underpowered": "inconclusive"}},
        "No slice has fewer than 500 rows",
    ),
    ({"slices": {"columns": ["a"], "metrics": ["auc"], "must_exist": ["a=1"]}}, "rows with a=1"),
    (
        {"slices": {"columns": ["a"], "metrics": ["auc"]}},
        "a chance of at most 5 % for all on slices.",
    ),
    ({"data": {"id": "key"}}, "first use; hold-outs that share more than 50 % of their rows count"),
    ({"operations": {"max_p95_latency_ratio": 1.2}}, "latency is at most 1.2 times the champion's"),
    ({"operations": {"max_model_mb": 500}}, "has at most 500 MB"),
    ({"preconditions": {"min_discordant": 25}}, "answers differ in at least 25 rows"),
    ({"preconditions": {"max_null_fraction": 0.01}}, "At most 1 % of the rows lack a label or a"),
    ({"preconditions": {"max_duplicate_ids": 3}}, "at most 3 ids come twice"),
    ({"preconditions": {"min_matched_fraction": 0.999}}, "99.9 % of the rows were scored by all"),
    ({"preconditions": {"label_values": ["a", "b"]}}, "Every label is one of a, b."),
    (
        {"preconditions": {"label_rate": {"reference": 0.11, "max_ratio": 1.5}}},
        "Positives are 11 % of the rows, give or take a factor of 1.5.",
    ),
    ({"preconditions": {"max_score_psi": 0.25}}, "(PSI) of the two models' scores is at most 0.25"),
    (
        {"data": {"time": "t"}, "preconditions": {"label_maturity": "P2W"}},
        "The newest row is at least 14 days old, so that its label is final.",
    ),
    (
        {"data": {"time": "t"}, "preconditions": {"max_staleness": "P1DT36H"}},
        "The newest row is at most 2 days 12 hours old.",
    ),
    ({"data": {"time": "t"}}, "after both models' training, as far as it is known when that ended"),
    (
        {"data": {"time": "t"}, "preconditions": {"holdout_after_training": True}},
        "Every row is from after both models' training.",
    ),
    (
        {"data": {"id": "i"}, "preconditions": {"max_train_overlap": 0}},
        "At most 0 % of the rows were trained on.",
    ),
    ({"decision": {"on_inconclusive": "ask"}}, "INCONCLUSIVE, a person is asked."),
    ({"decision": {"approval": "always"}}, "A person must approve every promotion."),
    ({"decision": {"on_no_champion": "refuse"}}, "Without a champion nothing is promoted."),
    ({"decision": {"alpha": 0.001}}, "would pass with a chance of at most 0.1 %."),
    ({"decision": {"operating_point": {"match": "alert_rate"}}}, "at which it alerts as often"),
    ({"decision": {"operating_point": {"match": "fpr"}}}, "its false-positive rate is the same"),
    ({"data": {"positive": 1}}, "called positive (label '1') from a score of 0.5 on."),
    ({"holdout": {"reuse": {"spending": "once"}}}, "One hold-out may decide once;"),
    ({"holdout": {"reuse": {"spending": "adaptive"}}}, "people may learn from each verdict"),
]


@pytest.mark.parametrize(("rules", "words"), WORDS, ids=[words for _, words in WORDS])
def test_a_rule_that_is_asked_for_is_told_and_else_is_not(
    rules: dict[str, object], words: str
) -> None:
    assert sum(words in line for line in said(**rules)) == 1
    assert not any(words in line for line in said())


def test_what_only_warns_stands_apart() -> None:
    lines = said(calibration={"slope": [0.9, 1.1], "severity": "warn"})

    title = lines.index("This is only warned of, where it does not hold:")
    assert "slope of a recalibration" in lines[title + 1]


def test_a_policy_that_says_everything_is_a_page() -> None:
    text = explain(Policy.load(EVERYTHING))

    assert len(text.splitlines()) <= 50
    assert "None " not in text.replace("None broken", "")
    assert "{" not in text
