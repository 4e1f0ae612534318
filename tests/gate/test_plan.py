"""How many rows a policy needs is told before anybody has labelled one, where it can be known."""

from statistics import NormalDist
from typing import Any, Final

import pytest
from scipy.special import bdtrc

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.plan import Need, Plan, plan
from airflow_aml_retrain.gate.policy import Policy

INV: Final = NormalDist().inv_cdf
MARGIN: Final = {"metric": "accuracy", "vs": "champion", "margin": 0.01}


def planned(check: dict[str, Any], **known: Any) -> Need:
    """The need of a single *check* (its anchor is off)."""
    decision = {"anchor": "off"}
    return plan(Policy.parse({"checks": [check], "decision": decision}), **known).needs[-1]


def at_least(right: int, rows: int, chance: float) -> float:
    """How likely so many *rows* or more are right when each is with this *chance*."""
    return float(bdtrc(right - 1, rows, chance))


# The reference's table, gate.md section 5.2.
TABLE: Final = {
    0.02: (309, 773, 1546, 3091),
    0.01: (1237, 3091, 6183, 12365),
    0.005: (4946, 12365, 24730, 49460),
    0.002: (30913, 77282, 154564, 309128),
}


@pytest.mark.parametrize("margin", TABLE)
def test_rows_for_accuracy_are_those_of_the_reference(margin: float) -> None:
    for disagreement, rows in zip((0.02, 0.05, 0.1, 0.2), TABLE[margin], strict=True):
        if rows * disagreement < 30:
            continue
        need = planned({**MARGIN, "margin": margin}, disagreement=disagreement)

        # The table rounds; half a row is never enough.
        assert need.rows in {rows, rows + 1}


@pytest.mark.parametrize(("margin", "rows", "most"), [(0.02, 309, 800), (0.01, 1237, 1510)])
def test_where_few_rows_differ_their_exact_bounds_take_more_than_the_reference_says(
    margin: float, rows: int, most: int
) -> None:
    need = planned({**MARGIN, "margin": margin}, disagreement=0.02)

    # At 309 and 1,237 rows the power is 32 % and 64 %, not 80 % (`make simulate`).
    assert rows < (need.rows or 0) <= most


def test_a_smaller_alpha_and_more_power_cost_rows() -> None:
    policy = Policy.parse({"checks": [MARGIN], "decision": {"power": 0.9}})

    rows = plan(policy, alpha=0.045, disagreement=0.05).rows

    assert rows == pytest.approx((INV(0.955) + INV(0.9)) ** 2 * 0.05 / 0.01**2, abs=1)
    assert rows > plan(policy, disagreement=0.05).rows


def test_recall_is_planned_for_the_worst_share_of_changes_among_positives() -> None:
    recall = {**MARGIN, "metric": "recall", "margin": 0.05}

    need = planned(recall, disagreement=0.05, base_rate=0.1)

    positives = (INV(0.95) + INV(0.8)) ** 2 * 0.5 / 0.05**2
    assert need.rows == pytest.approx(positives / 0.1, abs=1)


def test_a_bound_is_planned_from_the_value_that_is_expected() -> None:
    need = planned({"metric": "accuracy", "at_least": 0.8}, expected={"accuracy": 0.83})

    # Of as many rows, so large a part must be right as even a model of 0.8 seldom gets...
    assert need.rows is not None
    passing = next(
        right
        for right in range(int(0.8 * need.rows), need.rows)
        if at_least(right, need.rows, 0.8) <= 0.05
    )
    # ... and the one that is expected gets with the power that was asked for.
    assert at_least(passing, need.rows, 0.83) == pytest.approx(0.8, abs=0.03)


def test_the_spread_of_auc_is_that_of_hanley_and_mcneil() -> None:
    need = planned({"metric": "auc", "at_least": 0.8}, base_rate=0.25, expected={"AUC": 0.85})

    assert need.rows is not None
    positives, negatives, area = 0.25 * need.rows, 0.75 * need.rows, 0.85
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area) + (positives - 1) * (one - area**2) + (negatives - 1) * (two - area**2)
    ) / (positives * negatives)
    reach = INV(0.95) + INV(0.8)
    assert reach * variance**0.5 == pytest.approx(0.05, rel=0.01)


def test_preconditions_need_rows_too() -> None:
    policy = Policy.parse(
        {
            "checks": [{"metric": "auc", "at_least": 0.8}],
            "preconditions": {"min_rows": 500, "min_positives": 40, "min_discordant": 25},
        }
    )

    told = plan(policy, base_rate=0.98, disagreement=0.01)

    assert [str(need) for need in told.needs] == [
        "preconditions.min_rows: 500 rows, whatever they hold",
        "preconditions.min_positives: 2,000 rows, for 40 of a label that is 2 % of them",
        "preconditions.min_discordant: 2,500 rows, for 25 that are answered differently",
        "auc at least 0.8: it can be told from the expected value",
    ]
    assert told.rows == 2500


def test_negative_flips_are_planned_for_two_models_that_are_equally_good() -> None:
    policy = Policy.parse({"checks": [MARGIN], "flips": {"max_negative_rate": 0.04}})

    few, many = (plan(policy, disagreement=rate).needs[-1] for rate in (0.05, 0.1))

    assert few.rows == pytest.approx(
        ((INV(0.95) * (0.04 * 0.96) ** 0.5 + INV(0.8) * (0.025 * 0.975) ** 0.5) / 0.015) ** 2,
        abs=1,
    )
    assert str(many) == (
        "flips.max_negative_rate: of two that are equally good 5 % flip, whatever their number"
    )


UNKNOWN: Final[list[tuple[dict[str, Any], dict[str, Any], str]]] = [
    ({"metric": "log_loss", "vs": "champion"}, {}, "cannot be told before there are labels"),
    ({"metric": "auc", "vs": "champion", "margin": 0.01}, {}, "cannot be told before there are"),
    ({"metric": "accuracy", "vs": "prior"}, {}, "cannot be told before there are labels"),
    ({"metric": "f1", "at_least": 0.5}, {"expected": {"f1": 0.6}}, "cannot be told before"),
    (MARGIN, {}, "it can be told from the disagreement"),
    ({**MARGIN, "metric": "recall"}, {"disagreement": 0.1}, "it can be told from the base_rate"),
    ({"metric": "auc", "at_least": 0.5}, {"expected": {"auc": 0.6}}, "told from the base_rate"),
    ({**MARGIN, "margin": 0}, {"disagreement": 0.1}, "how many hangs on how much better it is"),
    (
        {**MARGIN, "margin": 0},
        {"disagreement": 0.05, "rows": 12365},
        "how many hangs on how much better it is; 12,365 rows would show a difference of 0.005",
    ),
    (
        {"metric": "accuracy", "at_least": 0.8},
        {"expected": {"accuracy": 0.8}},
        "a value of 0.8 is not enough, whatever their number",
    ),
]


@pytest.mark.parametrize(("check", "known", "why"), UNKNOWN, ids=[why for _, _, why in UNKNOWN])
def test_what_cannot_be_known_before_labels_is_said_and_not_guessed(
    check: dict[str, Any], known: dict[str, Any], why: str
) -> None:
    need = planned(check, **known)

    assert need.rows is None
    assert why in str(need)


def test_vetoes_and_bare_numbers_need_no_rows() -> None:
    policy = Policy.parse(
        {
            "checks": [
                {"metric": "auc", "at_least": 0.8, "mode": "point"},
                {**MARGIN, "mode": "veto"},
                {**MARGIN, "margin": 0.0001, "severity": "warn"},
            ]
        }
    )

    told = plan(policy, disagreement=0.05, rows=3092)

    assert told.rows == 100
    _, point, veto = told.needs
    assert (point.rows, veto.rows) == (None, None)
    assert point.why == "bare numbers are compared, whatever their number"
    assert veto.why == "a veto passes with any number; 3,092 rows would show a difference of 0.01"


def test_a_plan_is_a_text_for_people() -> None:
    policy = Policy.parse({"checks": [MARGIN], "data": {"cluster_key": "customer"}})

    told: Plan = plan(policy, alpha=0.045, disagreement=0.05, rows=2000)

    assert (
        str(told)
        == """\
At least 3,219 independent rows are needed, as far as can be told; there are 2,000 (power 80 %, \
alpha 4.5 %):
* preconditions.min_rows: 100 rows, whatever they hold.
* accuracy vs champion, margin 0.01: 3,219 rows, if the two are equally good and differ in 5 % of \
them.
* accuracy vs anchor, margin 0.01: 3,219 rows, if the two are equally good and differ in 5 % of \
them.
Rows with one customer go together, and count for less."""
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"disagreement": 5}, "disagreement is 5, and must be a share"),
        ({"base_rate": 0.0}, "base_rate is 0.0, and must be a share"),
        ({"rows": 0}, "rows is 0, and must be at least 1"),
        ({"expected": {"auc": 85}}, r"expected auc is 85, and must lie in \[0, 1\]"),
        ({"expected": {"acu": 0.8}}, "no metric named 'acu'"),
    ],
)
def test_what_is_no_share_is_refused(known: dict[str, Any], said: str) -> None:
    with pytest.raises(GateError, match=said):
        planned(MARGIN, **known)
