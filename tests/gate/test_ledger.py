"""A hold-out that decides again and again lets in a wrong model no more often than alpha."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.holdout.ledger import Ledger, Use
from airflow_aml_retrain.gate.holdout.spending import alpha_of, uses_of, weight_of
from airflow_aml_retrain.gate.rows import Holdout
from airflow_aml_retrain.gate.rules.sections import HoldoutRules, Reuse, Spending

ALPHA = 0.05
USES = (1, 2, 5, 12, 50)


def holdout(ids: Iterable[int]) -> Holdout:
    """A hold-out of the rows with these *ids*, as the reader would describe it."""
    hashes = sorted(int(sha256(str(each).encode()).hexdigest()[:15], 16) for each in ids)
    return Holdout(len(hashes), sha256(str(hashes).encode()).hexdigest(), tuple(hashes[:256]))


def rules(spending: Spending = Spending.FIRST, max_uses: int = 12) -> HoldoutRules:
    return HoldoutRules(reuse=Reuse(max_uses=max_uses, spending=spending))


def used(
    ledger: Ledger, rows: Holdout, keys: Sequence[str], given: HoldoutRules | None = None
) -> tuple[list[Use], Ledger]:
    uses = []
    for key in keys:
        use, ledger = ledger.use(rows, given or rules(), ALPHA, key)
        uses.append(use)
    return uses, ledger


def spent(spending: Spending, max_uses: int) -> list[float]:
    numbers = range(1, uses_of(spending, max_uses) + 1)
    return [alpha_of(spending, number, max_uses, ALPHA) for number in numbers]


@pytest.mark.parametrize("max_uses", USES)
@pytest.mark.parametrize("spending", [Spending.FIRST, Spending.CHAIN])
def test_a_union_over_all_earlier_champions_costs_alpha(spending: Spending, max_uses: int) -> None:
    total = sum(t * alpha for t, alpha in enumerate(spent(spending, max_uses), start=1))

    assert total == pytest.approx(ALPHA, rel=1e-12)


@pytest.mark.parametrize("max_uses", USES)
def test_a_union_over_all_uses_costs_alpha(max_uses: int) -> None:
    assert sum(spent(Spending.BONFERRONI, max_uses)) == pytest.approx(ALPHA, rel=1e-12)
    assert spent(Spending.ONCE, max_uses) == [ALPHA]


@pytest.mark.parametrize("max_uses", USES)
def test_a_union_over_all_histories_of_verdicts_costs_less_than_alpha(max_uses: int) -> None:
    total = sum(
        2**before * alpha for before, alpha in enumerate(spent(Spending.ADAPTIVE, max_uses))
    )

    assert total == pytest.approx(ALPHA * (1 - 0.5**max_uses), rel=1e-12)


@pytest.mark.parametrize("spending", Spending)
def test_no_scheme_spends_more_than_alpha_by_its_own_weights(spending: Spending) -> None:
    for max_uses in USES:
        alphas = spent(spending, max_uses)
        total = sum(weight_of(spending, t) * alpha for t, alpha in enumerate(alphas, start=1))
        assert ALPHA / 2 <= total <= ALPHA * (1 + 1e-12)


@pytest.mark.parametrize(
    ("spending", "prices"),
    [
        (Spending.BONFERRONI, {5: 1.6, 12: 2.0, 20: 2.2, 50: 2.5}),
        (Spending.CHAIN, {5: 2.0, 12: 2.7, 20: 3.0, 50: 3.7}),
        (Spending.ADAPTIVE, {5: 2.3, 12: 4.1, 20: 6.2, 50: 13.6}),
    ],
)
def test_the_price_in_rows_is_that_of_the_reference(
    spending: Spending, prices: dict[int, float]
) -> None:
    def rows(alpha: float) -> float:
        return (-NormalDist().inv_cdf(alpha) + NormalDist().inv_cdf(0.8)) ** 2

    found = {uses: rows(alpha_of(spending, uses, uses, ALPHA)) / rows(ALPHA) for uses in prices}

    assert found == pytest.approx(prices, abs=0.06)


def test_who_uses_a_hold_out_once_gives_up_a_tenth_of_alpha() -> None:
    assert alpha_of(Spending.FIRST, 1, 12, ALPHA) == pytest.approx(0.9 * ALPHA)
    assert alpha_of(Spending.FIRST, 1, 1, ALPHA) == ALPHA


@pytest.mark.parametrize(
    ("spending", "number"), [(Spending.FIRST, 0), (Spending.CHAIN, 13), (Spending.ONCE, 2)]
)
def test_a_use_that_a_scheme_does_not_have_is_our_own_fault(
    spending: Spending, number: int
) -> None:
    with pytest.raises(ValueError, match=f"there is no use {number} of at most 12"):
        alpha_of(spending, number, 12, ALPHA)


def promoted_wrongly(alphas: Sequence[float], worlds: int = 40_000) -> float:
    """
    The share of worlds in which some use promotes, where no model is better than another.

    What the hold-out says of a model is its quality (0) plus its own luck; a champion that was
    promoted for its luck keeps it.
    """
    random = np.random.default_rng(4)
    champion, wrong = random.standard_normal(worlds), np.zeros(worlds, bool)
    for alpha in alphas:
        challenger = random.standard_normal(worlds)
        better = challenger - champion > -NormalDist().inv_cdf(alpha) * 2**0.5
        champion[better], wrong = challenger[better], wrong | better
    return float(wrong.mean())


@pytest.mark.parametrize("spending", [Spending.FIRST, Spending.CHAIN, Spending.ADAPTIVE])
def test_many_uses_promote_a_no_better_model_no_more_often_than_alpha(spending: Spending) -> None:
    error = (ALPHA * (1 - ALPHA) / 40_000) ** 0.5

    assert promoted_wrongly(spent(spending, 12)) <= ALPHA + 3 * error
    assert promoted_wrongly([ALPHA] * 12) > 4 * ALPHA


def test_uses_are_counted_down_and_each_is_told_what_went_before() -> None:
    uses, ledger = used(Ledger(), holdout(range(90)), ["jan", "feb", "mar"])

    assert [(use.number, use.remaining) for use in uses] == [(1, 11), (2, 10), (3, 9)]
    assert [use.alpha for use in uses] == spent(Spending.FIRST, 12)[:3]
    assert uses[2].spent_before == uses[1].spent_after
    assert uses[2].spent_before == pytest.approx(0.9 * ALPHA + 0.1 * ALPHA / 11)
    assert uses[2].spent_after == pytest.approx(0.9 * ALPHA + 0.2 * ALPHA / 11)
    assert [entry.key for entry in ledger.entries] == ["jan", "feb", "mar"]
    assert len(ledger.holdouts) == 1


def test_a_retry_is_the_same_use_and_spends_nothing() -> None:
    (first, _), ledger = used(Ledger(), holdout(range(90)), ["jan", "feb"])

    again, after = ledger.use(holdout(range(90)), rules(), ALPHA, "jan")

    assert (again, after) == (first, ledger)


def test_the_same_decision_on_other_rows_is_another_use() -> None:
    _, ledger = used(Ledger(), holdout(range(90)), ["jan"])

    use, after = ledger.use(holdout(range(1000, 1090)), rules(), ALPHA, "jan")

    assert (use.number, use.shared_with) == (1, None)
    assert len(after.entries) == 2


@pytest.mark.parametrize("spending", Spending)
def test_an_exhausted_hold_out_is_refused(spending: Spending) -> None:
    uses = uses_of(spending, 3)
    given = rules(spending, 3)
    _, ledger = used(Ledger(), holdout(range(90)), [f"run {at}" for at in range(uses)], given)

    with pytest.raises(
        GateError,
        match=rf"hold-out exhausted: it has decided {uses} times, and {uses} are allowed "
        rf"\(the last by run {uses - 1}\); score rows that no decision has seen",
    ):
        ledger.use(holdout(range(90)), given, ALPHA, "one more")

    assert ledger.use(holdout(range(90)), given, ALPHA, "run 0")[1] is ledger
    assert ledger.use(holdout(range(500, 590)), given, ALPHA, "one more")[0].number == 1


def test_a_hold_out_with_most_rows_of_an_earlier_one_counts_on() -> None:
    december, january, february = (holdout(range(at, at + 100)) for at in (0, 20, 40))
    _, ledger = used(Ledger(), december, ["dec"])
    _, ledger = used(ledger, january, ["jan"])

    use, _ = ledger.use(february, rules(), ALPHA, "feb")

    assert (use.number, use.shared_with) == (3, f"sha256:{january.sha256}")


def test_a_hold_out_inside_an_earlier_one_counts_on() -> None:
    _, ledger = used(Ledger(), holdout(range(200)), ["jan"])

    assert ledger.use(holdout(range(50)), rules(), ALPHA, "feb")[0].number == 2


def test_a_hold_out_with_fewer_rows_in_common_is_fresh() -> None:
    _, ledger = used(Ledger(), holdout(range(100)), ["jan"])

    use, _ = ledger.use(holdout(range(55, 155)), rules(), ALPHA, "feb")

    assert (use.number, use.shared_with, use.spent_before) == (1, None, 0.0)


def test_a_window_that_rolls_on_is_never_exhausted_by_rows_that_left_it() -> None:
    ledger, numbers = Ledger(), []
    for month in range(24):
        window = holdout(range(40 * month, 40 * month + 120))
        use, ledger = ledger.use(window, rules(Spending.CHAIN), ALPHA, f"month {month}")
        numbers.append(use.number)

    assert numbers[:3] == [1, 2, 2]
    assert set(numbers[3:]) == {2}


def test_spent_is_spent_whatever_the_policy_says_later() -> None:
    _, ledger = used(Ledger(), holdout(range(90)), ["jan"], rules(Spending.ONCE))

    with pytest.raises(
        GateError, match=r"what it decided before \(1 times\) has spent all of alpha 0\.05"
    ):
        ledger.use(holdout(range(90)), rules(Spending.FIRST), ALPHA, "feb")


def test_a_policy_that_plans_for_more_uses_later_gets_what_is_left() -> None:
    rows, weighed = holdout(range(90)), []
    _, ledger = used(Ledger(), rows, [f"early {at}" for at in range(3)], rules(Spending.CHAIN, 3))
    with pytest.raises(
        GateError, match=r"what it decided before \(3 times\) has spent all of alpha"
    ):
        ledger.use(rows, rules(Spending.CHAIN, 50), ALPHA, "late")

    ledger = Ledger()
    for at in range(8):
        given = rules(Spending.FIRST, 4) if at < 3 else rules(Spending.FIRST, 8)
        use, ledger = ledger.use(rows, given, ALPHA, f"use {at}")
        weighed.append(use.number * use.alpha)
        if sum(weighed) >= ALPHA * (1 - 1e-9):
            break

    assert sum(weighed) == pytest.approx(ALPHA, rel=1e-9)


def test_a_ledger_reads_back_as_it_was_written() -> None:
    _, ledger = used(Ledger(), holdout(range(90)), ["jan", "feb"])
    _, ledger = used(ledger, holdout(range(9, 99)), ["mar"], rules(Spending.BONFERRONI))
    _, ledger = used(ledger, Holdout(5, "f" * 64), ["apr"])

    assert Ledger.from_json(ledger.to_json()) == ledger
    assert Ledger.from_json(Ledger().to_json()) == Ledger()


def damaged(**change: object) -> bytes:
    _, ledger = used(Ledger(), holdout(range(90)), ["jan"])
    document: dict[str, Any] = json.loads(ledger.to_json())
    document["entries"][0] |= change
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b'{"schema": "gate.ledger/2", "entries": {}}',
            "this hold-out ledger was written by a newer version, as 'gate.ledger/2', .* upgrade",
        ),
        (b'{"schema": "gate.ledger/x"}', "written by a newer version"),
        (b'{"schema": "gate.decision/1"}', "not a hold-out ledger"),
        (b"[]", "not a hold-out ledger"),
        (b'{"schema": "gate.led', "a hold-out ledger is JSON; this is not"),
        (b"", "a hold-out ledger is JSON; this is not"),
        (b'{"schema": "gate.ledger/1"}', "this hold-out ledger is broken"),
        (b'{"schema": "gate.ledger/1", "holdouts": [3], "entries": []}', "ledger is broken: 3"),
        (damaged(alpha_this=-0.01), "this hold-out ledger is broken"),
        (damaged(alpha_this="0.01"), "this hold-out ledger is broken"),
        (damaged(spending="twice"), "this hold-out ledger is broken"),
        (damaged(key=None), "this hold-out ledger is broken"),
    ],
)
def test_what_is_no_ledger_of_ours_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(GateError, match=said):
        Ledger.from_json(content)


def test_without_a_ledger_a_use_has_all_of_alpha() -> None:
    assert Use.fresh(0.1).to_mapping() == {
        "use_number": 1,
        "max_uses": 1,
        "spending": "once",
        "alpha_total": 0.1,
        "alpha_this": 0.1,
        "alpha_spent_before": 0.0,
        "alpha_spent_after": 0.1,
        "remaining": 0,
        "shared_with": None,
    }
