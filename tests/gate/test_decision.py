"""A decision is always made, can be checked by its numbers, and promotes only on evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.decision import Decision, evaluate
from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.holdout.ledger import Ledger, Use
from airflow_aml_retrain.gate.records.body import body
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.verdict import Outcome, Verdict
from airflow_aml_retrain.gate.verdict import decide as verdict_over
from tests.gate.holdouts import (
    BAD,
    GOOD,
    MIDDLE,
    NO_WORSE,
    ROWS,
    TRUTH,
    decide,
    model,
    policy,
    scored,
)


def outcomes(decision: Decision) -> list[str]:
    assert decision.judgement is not None
    return [result.outcome.value for result in decision.judgement.checks]


def reason(decision: Decision) -> str:
    return decision.reason if decision.judgement is None else decision.judgement.deciding.reason


def test_a_better_challenger_is_promoted_and_a_worse_one_is_not() -> None:
    better = decide(scored(BAD), scored(GOOD), policy(NO_WORSE))
    worse = decide(scored(GOOD), scored(BAD), policy(NO_WORSE))

    assert (better.verdict, worse.verdict) == (Verdict.PROMOTE, Verdict.REJECT)
    assert better.headline.startswith("PROMOTE: The challenger's log loss is")
    assert "better than the champion's" in better.headline
    assert "no worse is required" in worse.headline


def test_what_could_be_either_is_inconclusive_and_says_how_many_rows_would_tell() -> None:
    decision = decide(scored(model(0.5, seed=1)), scored(model(0.5, seed=2)), policy(NO_WORSE))

    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "more rows would settle it" in decision.headline
    assert decision.judgement is not None
    assert (decision.judgement.rows_needed or 0) > ROWS


def test_more_rows_settle_what_was_inconclusive_as_was_foretold() -> None:
    few = 400
    rules = policy({"metric": "log_loss", "vs": "champion"})
    old, new = model(0.50, seed=1, rows=few), model(0.52, seed=2, rows=few)
    small = decide(scored(old, TRUTH[:few]), scored(new, TRUTH[:few]), rules)
    assert small.verdict is Verdict.INCONCLUSIVE
    assert small.judgement is not None
    needed = small.judgement.rows_needed or 0

    truth = [at % 4 == 0 for at in range(4 * needed)]
    old, new = (model(skill, seed, rows=len(truth)) for skill, seed in ((0.50, 3), (0.52, 4)))

    assert few < needed < 20_000
    assert decide(scored(old, truth), scored(new, truth), rules).verdict is Verdict.PROMOTE


@settings(max_examples=8)
@given(st.floats(0, 1), st.floats(0, 1))
def test_two_models_never_both_beat_each_other(one: float, other: float) -> None:
    better = policy({"metric": "log_loss", "vs": "champion", "margin": -1e-6})
    a, b = model(one, seed=1), model(other, seed=2)

    there = decide(scored(a), scored(b), better).verdict
    back = decide(scored(b), scored(a), better).verdict

    assert [there, back].count(Verdict.PROMOTE) <= 1


@pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "f1", "auc", "log_loss"])
def test_swapping_the_models_turns_every_difference_around(metric: str) -> None:
    rules = policy({"metric": metric, "vs": "champion"})
    there = decide(scored(MIDDLE), scored(GOOD), rules).judgement
    back = decide(scored(GOOD), scored(MIDDLE), rules).judgement

    assert there is not None
    assert back is not None
    assert there.checks[0].difference == pytest.approx(-(back.checks[0].difference or 0))
    assert there.checks[0].low == pytest.approx(-(back.checks[0].high or 0))


def test_a_margin_allows_what_no_margin_forbids() -> None:
    slightly_worse = scored(model(0.59)), scored(model(0.5895))
    strict = decide(*slightly_worse, policy(NO_WORSE))
    lenient = decide(
        scored(model(0.59)), scored(model(0.5895)), policy({**NO_WORSE, "margin": 0.02})
    )

    assert strict.verdict is not Verdict.PROMOTE
    assert lenient.verdict is Verdict.PROMOTE


def test_a_veto_passes_on_doubt_and_fails_on_harm() -> None:
    guard = {"metric": "recall", "vs": "champion", "mode": "veto"}
    doubtful = decide(scored(MIDDLE), scored(GOOD), policy(NO_WORSE, guard))
    # Better probabilities for everybody, but no longer beyond one half.
    cut = [min(score, 0.49) if at % 8 == 0 else score for at, score in enumerate(GOOD)]
    harmed = decide(scored(MIDDLE), scored(cut), policy(NO_WORSE, guard))

    assert outcomes(doubtful) == ["passed", "passed", "not made"]
    assert outcomes(harmed)[1] == "failed"
    assert harmed.verdict is Verdict.REJECT
    assert "beyond chance" in reason(harmed)


def test_vetoes_alone_promote_nothing() -> None:
    with pytest.raises(GateError, match="prove"):
        policy({"metric": "recall", "vs": "champion", "mode": "veto"})


def test_a_warning_changes_no_verdict() -> None:
    warning = {"metric": "log_loss", "at_most": 0.0001, "severity": "warn"}

    decision = decide(scored(BAD), scored(GOOD), policy(NO_WORSE, warning))

    assert (decision.verdict, outcomes(decision)[1]) == (Verdict.PROMOTE, "failed")


def test_no_champion_leaves_the_absolute_checks_or_is_refused() -> None:
    bound = {"metric": "auc", "at_least": 0.8}

    alone = decide(None, scored(GOOD), policy(NO_WORSE, bound))
    refused = decide(None, scored(GOOD), policy(bound, decision={"on_no_champion": "refuse"}))
    nothing = decide(None, scored(GOOD), policy(NO_WORSE))

    assert (alone.verdict, outcomes(alone)) == (
        Verdict.PROMOTE,
        ["not made", "passed", "not made"],
    )
    assert refused.verdict is Verdict.INVALID
    assert "there is no champion" in refused.headline
    assert nothing.verdict is Verdict.INVALID
    assert "nothing is left that could prove" in nothing.headline


def test_an_anchor_stops_a_decay_that_every_single_step_hides() -> None:
    rules = policy({**NO_WORSE, "margin": 0.05})
    champion, challenger = scored(model(0.45)), scored(model(0.44))

    without = decide(champion, challenger, rules)
    champion, challenger = scored(model(0.45)), scored(model(0.44))
    anchored = decide(champion, challenger, rules, anchor=scored(model(0.75)))

    assert without.verdict is Verdict.PROMOTE
    assert without.judgement is not None
    assert without.judgement.checks[1].reason.endswith("was not made: no anchor was scored.")
    assert anchored.verdict is Verdict.REJECT
    assert "anchor" in reason(anchored)


def test_the_guarantee_is_worth_what_the_ledger_leaves() -> None:
    ledger = Ledger()
    rules = policy(NO_WORSE)

    def spend(rows: Rows) -> Use:
        nonlocal ledger
        use, ledger = ledger.use(rows.holdout, rules.holdout, 0.05, key=str(len(ledger.entries)))
        return use

    first = decide(scored(BAD), scored(GOOD), rules, spend=spend)
    second = decide(scored(BAD), scored(MIDDLE), rules, spend=spend)

    assert first.judgement is not None
    assert second.judgement is not None
    assert (first.judgement.checks[0].alpha or 0) > 10 * (second.judgement.checks[0].alpha or 0)


@pytest.mark.parametrize(
    ("checks", "promise"),
    [
        ([NO_WORSE], "than its proof allows (log_loss vs champion), this hold-out"),
        (
            [NO_WORSE, {"metric": "auc", "at_least": 0.6}, {"metric": "f1", "vs": "anchor"}],
            "(log_loss vs champion; auc at least 0.6), this hold-out",
        ),
        ([NO_WORSE, {"metric": "recall", "vs": "champion", "mode": "veto"}], "vs champion), this"),
        ([{"metric": "auc", "at_least": 0.6, "mode": "point"}], None),
    ],
)
def test_only_what_is_proven_is_promised(
    checks: Sequence[Mapping[str, object]], promise: str | None
) -> None:
    decision = decide(scored(BAD), scored(GOOD), policy(*checks))

    said = body(decision, {})["guarantee"]
    assert decision.verdict is Verdict.PROMOTE
    assert said is None if promise is None else promise in str(said)


def test_few_clusters_are_said_to_promise_less() -> None:
    customer = [f"c{at % 12}" for at in range(ROWS)]
    rules = policy(NO_WORSE, data={"label": "income", "cluster_key": "customer"})

    decision = decide(scored(BAD, customer=customer), scored(GOOD, customer=customer), rules)

    assert "a probability of about 0.05, or of more, since its clusters are few." in str(
        body(decision, {})["guarantee"]
    )


OF_ACCURACY = {"metrics": ["accuracy"]}


def undecided(rules: Mapping[str, Any], *, parts: int = 2, skill: float = 0.5) -> dict[str, Any]:
    """What is written where nothing but *rules* leaves two models in doubt that are alike."""
    regions = {"region": [f"r{at * parts // ROWS}" for at in range(ROWS)]}
    bound = {"metric": "auc", "at_least": 0.6}
    old, new = model(skill, seed=1), model(skill, seed=2)
    decision = decide(
        scored(old, TRUTH, **regions), scored(new, TRUTH, **regions), policy(bound, **rules)
    )
    assert decision.verdict is Verdict.INCONCLUSIVE
    return dict(body(decision, {}))


def test_it_is_said_how_many_rows_would_settle_the_negative_flips() -> None:
    flips = undecided({"flips": {"max_negative_rate": 0.2}}, skill=0.3)

    rate = flips["flips"]["negative_rate"]
    assert 0.18 < rate < 0.2
    doubt = 1.6449 * (0.2 * 0.8) ** 0.5 + 0.8416 * (rate * (1 - rate)) ** 0.5
    assert flips["rows_needed"] == pytest.approx((doubt / (0.2 - rate)) ** 2, rel=0.001)
    more = f"{flips['rows_needed'] - ROWS:,} more rows"
    assert f"About {more} would settle it, were the rate as it looks." in flips["headline"]
    assert f"About {more} of hold-out would settle it." in flips["next_step"]


@pytest.mark.parametrize(
    ("rules", "parts", "told", "times"),
    [
        (
            {"mode": "prove", "margin": 0.001, **OF_ACCURACY},
            2,
            "would settle it, were",
            2,
        ),
        (
            {"min_rows": 600, "on_underpowered": "inconclusive", **OF_ACCURACY},
            4,
            "100 more rows of it",
            4,
        ),
        (
            {"min_positives": 125, "on_underpowered": "inconclusive", **OF_ACCURACY},
            5,
            "100 more rows of it",
            5,
        ),
    ],
)
def test_it_is_said_how_many_rows_would_settle_the_slices(
    rules: Mapping[str, Any], parts: int, told: str, times: int
) -> None:
    written = undecided({"slices": {"columns": ["region"], "min_rows": 100, **rules}}, parts=parts)

    doubtful = [each for each in written["slices"] if each["outcome"] == "inconclusive"]
    needed = max(each["rows_needed"] or 0 for each in doubtful)
    assert needed * times == pytest.approx(written["rows_needed"], rel=0.05)
    assert told in written["headline"]
    more = written["rows_needed"] - ROWS
    assert f"About {more:,} more rows of hold-out would settle it." in written["next_step"]


def test_a_spent_holdout_decides_nothing() -> None:
    def spend(_: Rows) -> Use:
        msg = "hold-out exhausted"
        raise GateError(msg)

    decision = decide(scored(BAD), scored(GOOD), policy(NO_WORSE), spend=spend)

    assert decision.verdict is Verdict.INVALID
    assert "hold-out exhausted" in decision.headline


def test_a_failed_precondition_spends_nothing() -> None:
    spent: list[Rows] = []

    def spend(rows: Rows) -> Use:
        spent.append(rows)
        return Use.fresh(0.05)

    rules = policy(NO_WORSE, preconditions={"min_rows": ROWS + 1})
    decision = decide(scored(BAD), scored(GOOD), rules, spend=spend)

    assert (decision.verdict, spent) == (Verdict.INVALID, [])
    assert "Add 1 more" in decision.headline
    decide(scored(BAD), scored(GOOD), policy(NO_WORSE), spend=spend)
    assert len(spent) == 1


@pytest.mark.parametrize(("allowed", "is_invalid"), [(0.02, False), (0.019, True)])
@pytest.mark.parametrize("by", [{}, {"id": "key"}])
def test_rows_that_are_dropped_for_either_file_are_all_counted(
    by: dict[str, str],
    allowed: float,
    *,
    is_invalid: bool,
) -> None:
    """Each file lacks 1 % of the rows, and another 1 %."""
    old, new = ([*map(str, scores)] for scores in (BAD, GOOD))
    old[:20], new[100:120] = [""] * 20, [""] * 20
    rules = policy(NO_WORSE, data=by, preconditions={"max_null_fraction": allowed})

    decision = decide(scored(old, key=range(ROWS)), scored(new, key=range(ROWS)), rules)

    [met] = [each for each in decision.preconditions if each.name == "max_null_fraction"]
    assert (decision.rows is not None and len(decision.rows)) == ROWS - 40
    assert (met.observed, met.passed) == ("0.02", not is_invalid)
    assert (decision.verdict is Verdict.INVALID) is is_invalid


LABELS = [">50K" if positive else "<=50K" for positive in TRUTH]
BROKEN: dict[str, tuple[BinaryIO, str]] = {
    "labels that differ": (scored(GOOD, [not TRUTH[0], *TRUTH[1:]]), "differ in row 1"),
    "a row less": (scored(GOOD[1:], TRUTH[1:]), "score"),
    "one class": (scored(GOOD, [True] * ROWS), "class"),
    "a score above 1": (scored([1.5, *GOOD[1:]]), "row 1"),
    "a nan": (scored(["nan", *GOOD[1:]]), "row 1"),
    "an infinity": (scored(["inf", *GOOD[1:]]), "row 1"),
    "decimal commas": (scored(['"0,5"', *GOOD[1:]]), "comma"),
    "no score": (scored(["", *GOOD[1:]]), "row 1"),
    "nothing": (BytesIO(b""), "empty"),
    "a truncated parquet": (BytesIO(b"PAR1" + bytes(100)), "Parquet"),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_what_cannot_be_judged_is_invalid_and_names_what_is_wrong(what: str) -> None:
    file, said = BROKEN[what]

    decision = decide(scored(BAD), file, policy(NO_WORSE))

    assert decision.verdict is Verdict.INVALID
    assert said in decision.headline
    assert "challenger" in decision.headline


def test_constant_scores_are_no_improvement() -> None:
    decision = decide(
        scored(GOOD), scored([0.25] * ROWS), policy({"metric": "auc", "vs": "champion"})
    )

    assert decision.verdict is Verdict.REJECT


def test_a_million_slices_are_refused_and_a_vanished_one_is_missed() -> None:
    names = [f"customer-{at}" for at in range(ROWS)]
    slices = {"columns": ["who"], "metrics": ["log_loss"], "max_slices": 1000}
    many = decide(scored(BAD, who=names), scored(GOOD, who=names), policy(NO_WORSE, slices=slices))
    groups = ["A" if at % 2 else "B" for at in range(ROWS)]
    gone = decide(
        scored(BAD, who=groups),
        scored(GOOD, who=groups),
        policy(NO_WORSE, slices={**slices, "must_exist": ["who=C"]}),
    )

    assert (many.verdict, gone.verdict) == (Verdict.INVALID, Verdict.INVALID)
    assert "1000" in many.headline
    assert "who=C" in gone.headline


def test_a_slice_that_is_harmed_keeps_the_challenger_out() -> None:
    groups = ["A" if at % 40 < 12 else "B" for at in range(ROWS)]
    worse_for_a = [b if g == "A" else a for a, b, g in zip(GOOD, BAD, groups, strict=True)]
    slices = {"columns": ["group"], "metrics": ["log_loss"]}

    decision = decide(
        scored(model(0.3), group=groups),
        scored(worse_for_a, group=groups),
        policy(NO_WORSE, slices=slices),
    )

    assert decision.verdict is Verdict.REJECT
    assert reason(decision).startswith("In group=A the challenger's log loss")


def test_a_check_can_be_about_one_slice() -> None:
    groups = ["A" if at % 40 < 12 else "B" for at in range(ROWS)]
    check = {"metric": "auc", "vs": "champion", "scope": "group=A"}
    slices = {"columns": ["group"], "metrics": ["log_loss"]}

    decision = decide(
        scored(BAD, group=groups), scored(GOOD, group=groups), policy(check, slices=slices)
    )

    assert decision.judgement is not None
    assert decision.judgement.checks[0].rows == groups.count("A")
    assert decision.judgement.checks[0].reason.startswith("In group=A the challenger's AUC")


def test_a_slice_is_judged_at_the_thresholds_of_all_rows() -> None:
    # The challenger gives A high scores, so that its alerts are not spread as the champion's.
    groups = ["A" if at % 3 else "B" for at in range(ROWS)]
    lifted = [min(score + 0.3 * (at % 3 > 0), 1.0) for at, score in enumerate(GOOD)]
    matched = {"threshold": 0.5, "match": "alert_rate"}
    alerts = {"metric": "precision", "vs": "champion", "mode": "point", "scope": "group=A"}

    decision = decide(
        scored(BAD, group=groups),
        scored(lifted, group=groups),
        policy(NO_WORSE, alerts, decision={"operating_point": matched}),
    )

    wanted = sum(score >= 0.5 for score in BAD)
    threshold = sorted(lifted, reverse=True)[wanted - 1]
    hit = [TRUTH[at] for at in range(ROWS) if groups[at] == "A" and lifted[at] >= threshold]
    assert decision.judgement is not None
    assert decision.judgement.checks[1].challenger == pytest.approx(sum(hit) / len(hit))


def test_a_veto_by_a_bound_is_the_exact_binomial_test() -> None:
    guard = {"metric": "accuracy", "at_least": 0.9, "mode": "veto"}

    decision = decide(scored(BAD), scored(GOOD), policy(NO_WORSE, guard))

    assert decision.judgement is not None
    (result,) = (check for check in decision.judgement.checks if check.metric == "accuracy")
    right = round((result.challenger or 0.0) * ROWS)
    assert result.p_value == pytest.approx(stats.binom.cdf(right, ROWS, 0.9), rel=1e-9)


def test_rows_in_another_order_change_nothing_but_their_order() -> None:
    order = np.random.default_rng(3).permutation(ROWS)
    ids = [f"r{at}" for at in range(ROWS)]
    rules = policy(NO_WORSE, {"metric": "auc", "vs": "champion"}, data={"id": "id"})

    def shuffled(values: Sequence[float]) -> BinaryIO:
        return scored(
            [values[at] for at in order], [TRUTH[at] for at in order], id=[ids[at] for at in order]
        )

    straight = decide(scored(BAD, id=ids), scored(GOOD, id=ids), rules)
    mixed = decide(shuffled(BAD), scored(GOOD, id=ids), rules)

    assert straight.verdict is mixed.verdict is Verdict.PROMOTE
    assert straight.rows is not None
    assert mixed.rows is not None
    assert straight.rows.holdout == mixed.rows.holdout
    assert straight.judgement is not None
    assert mixed.judgement is not None
    for here, there in zip(straight.judgement.checks[:2], mixed.judgement.checks, strict=False):
        assert here.difference == pytest.approx(there.difference, rel=1e-9)


def test_the_same_input_gives_the_same_body() -> None:
    bodies = [body(decide(scored(BAD), scored(GOOD), policy(NO_WORSE)), {}) for _ in range(2)]

    assert bodies[0] == bodies[1]


def test_a_fault_that_is_not_of_the_data_is_left_to_the_caller() -> None:
    class Lost(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            msg = "the connection was lost"
            raise ConnectionError(msg)

        def readinto(self, buffer: object, /) -> int:
            msg = "the connection was lost"
            raise ConnectionError(msg)

    with pytest.raises(ConnectionError):
        evaluate({"champion": Lost(b"x"), "challenger": scored(GOOD)}, policy(NO_WORSE))


def test_only_passed_checks_promote() -> None:
    every = list(Outcome)
    promoting = [(a, b) for a in every for b in every if verdict_over([a, b]) is Verdict.PROMOTE]

    assert set(promoting) == {
        (Outcome.PASSED, Outcome.PASSED),
        (Outcome.PASSED, Outcome.NOT_MADE),
        (Outcome.NOT_MADE, Outcome.PASSED),
    }
    assert verdict_over([]) is Verdict.INVALID
    assert verdict_over([Outcome.NOT_MADE]) is Verdict.INVALID


def test_facts_that_a_policy_limits_must_be_known() -> None:
    rules = policy(NO_WORSE, operations={"max_p95_latency_ratio": 1.2, "max_model_mb": 5})
    size = {"challenger": 4_000_000}

    unknown = decide(scored(BAD), scored(GOOD), rules)
    slow = Facts(p95_latency={"champion": 0.1, "challenger": 0.2}, model_bytes=size)
    quick = Facts(p95_latency={"champion": 0.1, "challenger": 0.1}, model_bytes=size)

    assert unknown.verdict is Verdict.INVALID
    assert decide(scored(BAD), scored(GOOD), rules, facts=slow).verdict is Verdict.REJECT
    assert decide(scored(BAD), scored(GOOD), rules, facts=quick).verdict is Verdict.PROMOTE


def test_every_result_says_one_sentence() -> None:
    checks = [
        NO_WORSE,
        {"metric": "auc", "at_least": 0.8},
        {"metric": "log_loss", "vs": "prior"},
        {"metric": "precision", "vs": "champion", "mode": "veto"},
        {"metric": "accuracy", "vs": "champion", "mode": "point"},
    ]
    rules = policy(
        *checks,
        calibration={"slope": [0.5, 2], "observed_expected": [0.1, 10], "max_debiased_ce": 1},
        flips={"max_negative_rate": 0.5, "max_churn": 0.5},
    )

    decision = decide(scored(BAD), scored(GOOD), rules)

    assert decision.judgement is not None
    for result in decision.judgement.checks:
        assert result.reason.endswith("."), asdict(result)
        assert result.reason[0].isupper()
        assert "nan" not in result.reason
