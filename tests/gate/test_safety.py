"""Nothing but proof promotes, and what cannot be judged spends nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.holdout.ledger import Use
from airflow_aml_retrain.gate.records.body import body
from airflow_aml_retrain.gate.rows import Rows
from airflow_aml_retrain.gate.verdict import Verdict
from tests.gate.holdouts import BAD, GOOD, NO_WORSE, ROWS, decide, policy, scored

ANCHORED: Mapping[str, object] = {"metric": "log_loss", "vs": "anchor"}


@pytest.mark.parametrize(
    ("rules", "facts"),
    [
        ({"operations": {"max_model_mb": 500}}, Facts(model_bytes={"challenger": 1000})),
        ({"flips": {"max_negative_rate": 0.9}}, Facts()),
        ({"calibration": {"slope": [0.0, 99.0]}}, Facts()),
    ],
)
def test_what_is_about_no_metric_promotes_nobody(rules: dict[str, object], facts: Facts) -> None:
    decision = decide(scored(GOOD), scored(BAD), policy(ANCHORED, **rules), facts=facts)

    assert decision.verdict is Verdict.INVALID
    assert decision.use is None
    assert "nothing is left that could prove the challenger good enough" in decision.reason


@pytest.mark.parametrize("warnings", [1, 20])
def test_no_number_of_warnings_turns_a_veto_away(warnings: int) -> None:
    guard = {"metric": "recall", "vs": "champion", "mode": "veto"}
    # Chosen so that the veto fails alone, and would not among two.
    cut = [
        min(score, 0.49) if at in set(range(0, 4 * 6, 4)) else score
        for at, score in enumerate(GOOD)
    ]
    more = [
        {"metric": "accuracy", "at_least": bound / 100, "mode": "veto", "severity": "warn"}
        for bound in range(1, warnings + 1)
    ]

    alone = decide(scored(GOOD), scored(cut), policy({**NO_WORSE, "margin": 0.1}, guard))
    beside = decide(scored(GOOD), scored(cut), policy({**NO_WORSE, "margin": 0.1}, guard, *more))

    assert alone.verdict is beside.verdict is Verdict.REJECT
    assert alone.judgement is not None
    assert 0.01 < (alone.judgement.checks[1].p_holm or 0.0) < 0.05


def test_a_warning_that_cannot_be_made_stops_nothing() -> None:
    groups = ["A"] * ROWS
    nowhere = {"metric": "auc", "vs": "champion", "scope": "group=B", "severity": "warn"}
    # Nobody is ever alerted, so that there is no precision.
    undefined = {"metric": "precision", "at_least": 0.5, "severity": "warn"}
    rules = policy(NO_WORSE, nowhere, undefined, decision={"operating_point": {"threshold": 0.999}})

    decision = decide(scored(BAD, group=groups), scored(GOOD, group=groups), rules)

    assert decision.verdict is Verdict.PROMOTE
    assert decision.judgement is not None
    assert decision.judgement.checks[1].outcome == "not made"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
@pytest.mark.parametrize("who", ["champion", "challenger"])
def test_a_latency_that_is_none_is_invalid(who: str, seconds: float) -> None:
    known = {"champion": 0.1, "challenger": 0.1, who: seconds}
    rules = policy(NO_WORSE, operations={"max_p95_latency_ratio": 2})

    decision = decide(scored(BAD), scored(GOOD), rules, facts=Facts(p95_latency=known))

    assert decision.verdict is Verdict.INVALID
    assert f"the {who}'s p95_latency is {seconds}" in decision.reason


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"operations": {"max_p95_latency_ratio": 2}}, "was not measured"),
        ({"slices": {"columns": ["group"], "metrics": ["auc"], "max_slices": 1}}, "max_slices"),
        ({"checks": [{**NO_WORSE, "scope": "group=C"}]}, "no row of the hold-out is in group=C"),
        ({"checks": [ANCHORED]}, "nothing is left that could prove"),
    ],
)
def test_what_is_known_beforehand_spends_nothing(rules: dict[str, Any], why: str) -> None:
    spent: list[Rows] = []

    def spend(rows: Rows) -> Use:
        spent.append(rows)
        return Use.fresh(0.05)

    groups = ["A" if at % 2 else "B" for at in range(ROWS)]
    checks = rules.pop("checks", [NO_WORSE])

    decision = decide(
        scored(BAD, group=groups), scored(GOOD, group=groups), policy(*checks, **rules), spend=spend
    )

    assert decision.verdict is Verdict.INVALID
    assert why in decision.reason
    assert not spent


def test_the_body_does_not_hold_the_clock() -> None:
    times = [f"2026-10-{1 + at % 20:02}T00:00:00Z" for at in range(ROWS)]
    asked = {"label_maturity": "P5D", "max_staleness": "P60D"}
    rules = policy(NO_WORSE, data={"time": "seen_at"}, preconditions=asked)

    bodies = [
        body(
            decide(
                scored(BAD, seen_at=times),
                scored(GOOD, seen_at=times),
                rules,
                facts=Facts(now=datetime(2026, 11, 1, hour, tzinfo=UTC)),
            ),
            {},
        )
        for hour in (1, 2)
    ]

    assert bodies[0] == bodies[1]
    assert "not after 5 days before the decision" in str(bodies[0])


def test_a_confidence_is_never_said_to_be_100_percent() -> None:
    late = replace(Use.fresh(0.05), alpha=0.00001)

    decision = decide(scored(BAD), scored(GOOD), policy(NO_WORSE), spend=lambda _: late)

    assert "with 99.999 % confidence" in decision.headline
