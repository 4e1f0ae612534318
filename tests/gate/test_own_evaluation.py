"""A job's own evaluation has numbers and no rows: it can decide, but it proves nothing."""

from collections.abc import Mapping
from io import BytesIO

import pytest

from airflow_aml_retrain.gate.own_evaluation import evaluate_report
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.verdict import Verdict

CHAMPION = b"Accuracy,AUC,Average Log Loss\n0.80,0.85,0.31\n"
BETTER = b"Accuracy,AUC,Average Log Loss\n0.81,0.86,0.30\n"


def verdict(
    champion: bytes | None, challenger: bytes, *checks: Mapping[str, object], **rules: object
) -> str:
    decision = evaluate_report(
        None if champion is None else BytesIO(champion),
        BytesIO(challenger),
        Policy.parse({"checks": list(checks), **rules}),
    )
    return f"{decision.verdict} {decision.headline}"


BARE = {"metric": "auc", "vs": "champion", "mode": "point"}


def test_bare_numbers_decide_where_the_policy_says_so() -> None:
    assert verdict(CHAMPION, BETTER, BARE).startswith(Verdict.PROMOTE)
    assert verdict(BETTER, CHAMPION, BARE).startswith(Verdict.REJECT)
    assert verdict(CHAMPION, CHAMPION, BARE).startswith(Verdict.PROMOTE)


@pytest.mark.parametrize(
    ("check", "champion", "challenger", "expected"),
    [
        ({"metric": "auc", "vs": "champion", "margin": 0.01}, 0.85, 0.84, Verdict.PROMOTE),
        ({"metric": "auc", "vs": "champion", "margin": 0.01}, 0.85, 0.8399999, Verdict.REJECT),
        ({"metric": "auc", "vs": "champion", "margin": -0.01}, 0.80, 0.81, Verdict.PROMOTE),
        ({"metric": "auc", "vs": "champion", "margin": -0.01}, 0.80, 0.8099999, Verdict.REJECT),
        ({"metric": "mae", "vs": "champion", "margin": 0.01}, 0.30, 0.31, Verdict.PROMOTE),
        ({"metric": "mae", "vs": "champion", "margin": 0.01}, 0.30, 0.3100001, Verdict.REJECT),
        ({"metric": "rmse", "vs": "champion", "margin": -1}, 10, 9, Verdict.PROMOTE),
        ({"metric": "auc", "at_least": 0.8}, None, 0.8, Verdict.PROMOTE),
        ({"metric": "auc", "at_least": 0.8}, None, 0.7999999, Verdict.REJECT),
        ({"metric": "mae", "at_most": 2}, None, 2, Verdict.PROMOTE),
        ({"metric": "mae", "at_most": 2}, None, 2.0000001, Verdict.REJECT),
    ],
)
def test_a_limit_is_kept_to_the_last_digit_that_means_anything(
    check: Mapping[str, object], champion: float | None, challenger: float, expected: str
) -> None:
    metric = str(check["metric"])
    old, new = (
        None if v is None else f"{metric}\n{v!r}\n".encode() for v in (champion, challenger)
    )

    assert verdict(old, new or b"", {**check, "mode": "point"}).startswith(expected)


def test_what_was_to_be_proven_stays_inconclusive_and_says_what_to_do() -> None:
    said = verdict(CHAMPION, BETTER, {"metric": "auc", "vs": "champion"})

    assert said.startswith(Verdict.INCONCLUSIVE)
    assert "mode: point" in said


@pytest.mark.parametrize(
    ("champion", "challenger", "check", "why"),
    [
        (None, BETTER, BARE, "no evaluation of the champion"),
        (CHAMPION, b"Accuracy\n0.9\n", BARE, "the evaluation has: accuracy"),
        (b"Accuracy\n0.9\n", BETTER, BARE, "champion's evaluation does not have"),
        (CHAMPION, b"AUC\nnan\n", BARE, "nan"),
        (CHAMPION, b"", BARE, "challenger"),
    ],
)
def test_what_cannot_be_judged_is_invalid(
    champion: bytes | None, challenger: bytes, check: Mapping[str, object], why: str
) -> None:
    said = verdict(champion, challenger, check)

    assert said.startswith(Verdict.INVALID)
    assert why in said


def test_rules_that_need_rows_are_refused() -> None:
    policy = Policy.parse({"checks": [BARE], "flips": {"max_churn": 0.1}})

    decision = evaluate_report(BytesIO(CHAMPION), BytesIO(BETTER), policy)

    assert decision.verdict is Verdict.INVALID
    assert "leave flips out" in decision.headline


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"decision": {"on_no_champion": "refuse"}}, "refuses to judge without one"),
        ({"preconditions": {"min_rows": 5000}}, "ask for min_rows"),
        ({"preconditions": {"label_values": ["a", "b"]}}, "ask for label_values"),
    ],
)
def test_what_the_policy_asks_of_rows_is_not_taken_as_given(
    rules: Mapping[str, object], why: str
) -> None:
    said = verdict(None, BETTER, {"metric": "auc", "at_least": 0.6, "mode": "point"}, **rules)

    assert said.startswith(Verdict.INVALID)
    assert why in said
