"""A decision is always made, can be checked by its numbers, and promotes only on evidence."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.gate.checks import Estimate, apply
from airflow_aml_retrain.gate.decision import Decision, evaluate, evaluate_report, invalid
from airflow_aml_retrain.gate.holdout import telling_rows
from airflow_aml_retrain.gate.policy import Check, Policy
from airflow_aml_retrain.gate.verdict import Outcome, Verdict, decide

ROWS = 400
TRUTH = [at % 4 == 0 for at in range(ROWS)]


def policy(*checks: Mapping[str, object], **more: object) -> Policy:
    return Policy.parse({"label": "income", "checks": list(checks), **more})


def scored(scores: Sequence[float], truth: Sequence[bool] = TRUTH) -> BytesIO:
    lines = (
        f"{'>50K' if positive else '<=50K'},{score!r}\n"
        for positive, score in zip(truth, scores, strict=True)
    )
    return BytesIO(("income,Scored Probabilities\n" + "".join(lines)).encode())


def model(skill: float, seed: int = 7) -> list[float]:
    """Scores that know the truth by *skill* and else guess."""
    noise = np.random.default_rng(seed).random(ROWS)
    scores: list[float] = (skill * np.array(TRUTH) + (1 - skill) * noise).tolist()
    return scores


def values(text: str) -> BytesIO:
    return BytesIO(text.encode())


NO_WORSE = {"metric": "auc", "vs": "champion"}
GOOD, BAD = model(0.6), model(0.1)


def test_a_better_challenger_is_promoted() -> None:
    decision = evaluate(scored(BAD), scored(GOOD), policy(NO_WORSE))

    assert decision.verdict is Verdict.PROMOTE
    assert decision.headline.startswith("PROMOTE: 1 check passed on 400 rows. The challenger's AUC")
    assert decision.rows == ROWS


def test_a_worse_challenger_is_rejected_and_every_check_says_its_sentence() -> None:
    decision = evaluate(
        scored(GOOD), scored(BAD), policy(NO_WORSE, {"metric": "recall", "at_least": 0})
    )

    assert decision.verdict is Verdict.REJECT
    assert [result.outcome for result in decision.checks] == [Outcome.FAILED, Outcome.PASSED]
    assert decision.reasons == (decision.checks[0].reason,)
    assert "worse than the champion's 1; no worse is required, missed by" in decision.reasons[0]
    assert decision.headline.startswith("REJECT: 1 of 2 checks failed on 400 rows.")
    assert decision.checks[1].reason.endswith("at least 0 is required.")


def test_two_models_that_answer_alike_are_no_worse_than_each_other() -> None:
    demanding = {"metric": "log_loss", "vs": "champion", "margin": -0.001}

    same = evaluate(scored(GOOD), scored(GOOD), policy(NO_WORSE))
    not_better = evaluate(scored(GOOD), scored(GOOD), policy(demanding))

    assert (same.verdict, same.telling_rows) == (Verdict.PROMOTE, ())
    assert not_better.verdict is Verdict.REJECT
    assert "at least 0.001 better is required, missed by 0.001" in not_better.reasons[0]


@given(st.floats(0, 1), st.floats(0, 1))
def test_two_models_never_both_beat_each_other(one: float, other: float) -> None:
    better = policy({"metric": "log_loss", "vs": "champion", "margin": -1e-6})
    a, b = model(one, seed=1), model(other, seed=2)

    there, back = evaluate(scored(a), scored(b), better), evaluate(scored(b), scored(a), better)

    assert {there.verdict, back.verdict} <= {Verdict.PROMOTE, Verdict.REJECT}
    assert [there.verdict, back.verdict].count(Verdict.PROMOTE) <= 1


def test_too_few_rows_decide_nothing_and_say_how_many_are_missing() -> None:
    decision = evaluate(scored(BAD), scored(GOOD), policy(NO_WORSE, min_rows=1000))

    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.headline == (
        "INCONCLUSIVE: The hold-out has 400 rows and the policy asks for 1000; 600 more are needed "
        "before anything is decided."
    )
    assert decision.checks[0].outcome is Outcome.PASSED


def test_exactly_min_rows_are_enough() -> None:
    assert evaluate(scored(BAD), scored(GOOD), policy(NO_WORSE, min_rows=ROWS)).verdict == "PROMOTE"


@pytest.mark.parametrize(
    ("check", "champion", "challenger", "outcome"),
    [
        (Check("auc", "champion", 0.01), 0.85, 0.84, Outcome.PASSED),
        (Check("auc", "champion", 0.01), 0.85, 0.8399999, Outcome.FAILED),
        (Check("log_loss", "champion", 0.01), 0.30, 0.31, Outcome.PASSED),
        (Check("log_loss", "champion", 0.01), 0.30, 0.3100001, Outcome.FAILED),
        (Check("auc", "champion", -0.01), 0.80, 0.81, Outcome.PASSED),
        (Check("auc", "champion", -0.01), 0.80, 0.8099999, Outcome.FAILED),
        (Check("rmse", "champion", -1), 10, 9, Outcome.PASSED),
        (Check("auc", at_least=0.8), None, 0.8, Outcome.PASSED),
        (Check("auc", at_least=0.8), None, 0.7999999, Outcome.FAILED),
        (Check("mae", at_most=2), None, 2, Outcome.PASSED),
        (Check("mae", at_most=2), None, 2.0000001, Outcome.FAILED),
    ],
)
def test_a_bound_is_met_on_the_bound_and_missed_beyond_it(
    check: Check, champion: float | None, challenger: float, outcome: Outcome
) -> None:
    result = apply(check, Estimate(check.metric, champion, challenger))

    assert result.outcome is outcome
    assert ("missed by" in result.reason) is (outcome is Outcome.FAILED)


def test_no_check_and_a_mixed_bag_never_promote() -> None:
    assert decide([]) is Verdict.INVALID
    assert decide([Outcome.PASSED, Outcome.FAILED]) is Verdict.REJECT
    assert decide([Outcome.PASSED], enough_rows=False) is Verdict.INCONCLUSIVE


def test_regression_is_found_from_the_columns() -> None:
    truth = "".join(f"{at},{at + 1}\n" for at in range(200))
    closer = "".join(f"{at},{at + 0.5}\n" for at in range(200))
    header = "price,Scored Labels\n"
    rule = {"metric": "mae", "vs": "champion", "margin": -0.5}

    decision = evaluate(
        values(header + truth), values(header + closer), policy(rule, label="price")
    )

    assert decision.verdict is Verdict.PROMOTE
    assert [(e.metric, e.difference) for e in decision.estimates][:2] == [
        ("mae", -0.5),
        ("rmse", -0.5),
    ]


def test_numbers_too_large_to_judge_are_invalid() -> None:
    rows = values("price,Scored Labels\n1e308,-1e308\n-1e308,1e308\n")
    again = BytesIO(rows.getvalue())

    decision = evaluate(
        rows, again, policy({"metric": "rmse", "vs": "champion"}, label="price", min_rows=1)
    )

    assert decision.verdict is Verdict.INVALID
    assert "root mean squared error is inf, which is no number to decide on" in decision.headline


DIFFERENT: dict[str, tuple[BytesIO, str]] = {
    "labels": (
        scored(GOOD, [*TRUTH[:9], True, *TRUTH[10:]]),
        "the labels of champion and challenger differ in row 10; score both models over",
    ),
    "fewer rows": (
        scored(GOOD[:-1], TRUTH[:-1]),
        "the champion scored 400 rows and the challenger 399; score both models over the same",
    ),
    "other classes": (
        BytesIO(scored(GOOD).getvalue().replace(b">50K", b"rich")),
        "labelled ('<=50K', '>50K') and the challenger's ('<=50K', 'rich')",
    ),
    "other task": (
        BytesIO(scored(GOOD).getvalue().replace(b"Probabilities", b"Labels")),
        "challenger: the policy checks auc, a metric of binary, and the columns are those of",
    ),
    "no rows": (values("income,Scored Probabilities\n"), "challenger: the file has a header and"),
    "empty": (values(""), "challenger: the file is empty"),
    "NaN": (
        BytesIO(scored([*GOOD[:-1], float("nan")]).getvalue()),
        "challenger: score 'Scored Probabilities' is nan in row 400",
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_files_that_do_not_fit_together_are_invalid_and_said_why(case: str) -> None:
    challenger, said = DIFFERENT[case]

    decision = evaluate(scored(BAD), challenger, policy(NO_WORSE))

    assert decision.verdict is Verdict.INVALID
    assert said in decision.reasons[0]
    assert decision.headline == f"INVALID: the champion stays, because {decision.reasons[0]}"
    assert decision.checks == ()


def test_a_champion_that_cannot_be_read_is_invalid_too() -> None:
    decision = evaluate(values(""), scored(GOOD), policy(NO_WORSE))

    assert (decision.verdict, decision.reasons[0][:9]) == (Verdict.INVALID, "champion:")


def test_a_holdout_is_known_by_its_truth_and_not_by_scores_or_the_positive_class() -> None:
    def identity(truth: Sequence[bool], **more: object) -> str:
        decision = evaluate(scored(GOOD, truth), scored(BAD, truth), policy(NO_WORSE, **more))
        assert decision.holdout is not None
        return decision.holdout.sha256

    assert identity(TRUTH) == identity(TRUTH, positive="<=50K") == identity(TRUTH, threshold=0.1)
    assert identity(TRUTH) != identity([*TRUTH[1:], True])


scores = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0]), min_size=50, max_size=50)


@given(scores, scores)
def test_telling_rows_are_the_twenty_that_differ_most(one: list[float], other: list[float]) -> None:
    apart = [abs(b - a) for a, b in zip(one, other, strict=True)]
    expected = sorted((-d, at) for at, d in enumerate(apart, start=1) if d)[:20]

    found = telling_rows(np.array(one), np.array(other))

    assert list(found) == [at for _, at in expected]


REPORT = "Accuracy,Precision,Recall,F-Score,AUC,Average Log Loss,Training Log Loss,Note\n"
NUMBERS = "0.85,0.7,0.6,0.65,0.9,0.33,41.5,fine\n"


def judged(challenger: str, *checks: Mapping[str, object], champion: str | None = None) -> Decision:
    theirs = None if champion is None else values(champion)
    return evaluate_report(theirs, values(challenger), policy(*checks))


def test_a_jobs_own_evaluation_is_judged_by_absolute_checks() -> None:
    decision = judged(REPORT + NUMBERS, {"metric": "auc", "at_least": 0.8})

    assert decision.verdict is Verdict.PROMOTE
    assert decision.rows is None
    assert decision.reasons[-1].endswith("min_rows was not applied.")
    assert {e.metric: e.challenger for e in decision.estimates}["log_loss_reduction"] == 41.5


def test_the_evaluations_of_two_jobs_are_compared() -> None:
    worse = NUMBERS.replace("0.9,", "0.8,")

    assert judged(REPORT + worse, NO_WORSE, champion=REPORT + NUMBERS).verdict is Verdict.REJECT
    assert judged(REPORT + NUMBERS, NO_WORSE, champion=REPORT + worse).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(
    ("report", "check", "said"),
    [
        (REPORT + NUMBERS, NO_WORSE, "there are no numbers of a champion"),
        ("", NO_WORSE, "challenger: the evaluation should be a header and one row"),
        (REPORT, NO_WORSE, "it has 1 lines"),
        (REPORT + NUMBERS * 2, NO_WORSE, "it has 3 lines"),
        (REPORT + "1,2\n", NO_WORSE, "names 8 columns and gives 2 values"),
        ("AUC\nNaN\n", {"metric": "auc", "at_least": 0.5}, "AUC in the evaluation is nan, outside"),
        ("AUC\n90\n", {"metric": "auc", "at_least": 0.5}, "90.0, outside [0, 1]"),
        ("AUC\ngood\n", {"metric": "auc", "at_least": 0.5}, "is not a number: 'good'"),
        ("AUC,auc\n.9,.8\n", {"metric": "auc", "at_least": 0.5}, "two columns"),
        ("Accuracy\n.9\n", {"metric": "auc", "at_least": 0.5}, "checks auc, and the evaluation"),
        ("x,y\n1,2\n", {"metric": "auc", "at_least": 0.5}, "no metric that is known"),
        ("x\n" * 600_000, {"metric": "auc", "at_least": 0.5}, "larger than 1 MB"),
    ],
)
def test_an_evaluation_that_cannot_be_used_is_invalid(
    report: str, check: Mapping[str, object], said: str
) -> None:
    decision = judged(report, check)

    assert decision.verdict is Verdict.INVALID
    assert said in decision.headline


def test_a_decision_can_be_invalid_without_a_policy() -> None:
    decision: Any = invalid(None, "the policy could not be read")

    assert (decision.policy, decision.verdict) == (None, Verdict.INVALID)
    assert decision.headline == "INVALID: the champion stays, because the policy could not be read"
