"""
How alpha, the chance of one wrong promotion, is shared out over the uses of a hold-out.

Law: each scheme weighs a use by the number of ways in which it could be misled, and the weighted
sum over all uses never exceeds alpha.

The weights are those of the reference, 5.3. Use t compares with a champion that is one of t
models, chosen on this very hold-out, so a union over them costs t times alpha_t (FIRST, CHAIN).
Where people or models learn from each verdict there are 2^(t-1) histories that may have led to use
t (ADAPTIVE, which counts a verdict as one bit: promoted or not). Where the champion never changes,
each use costs what it spends (BONFERRONI).
"""

from math import ldexp
from typing import Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.rules.sections import Spending

_FIRST_SHARE: Final = 0.9
"""Of alpha, for the first use under FIRST: who never reuses a hold-out gives up next to nothing."""

_LEAST: Final = 1e-300
"""Below it no quantile is known any more."""


def alpha_of(spending: Spending, use_number: int, max_uses: int, alpha: float) -> float:
    """
    What the use *use_number*, from 1, of at most *max_uses* may spend of *alpha*.

    `ValueError` for a use that the scheme does not have, `GateError` where there are so many that
    next to nothing is left for each.
    """
    if not 1 <= use_number <= uses_of(spending, max_uses):
        msg = f"there is no use {use_number} of at most {max_uses} under {spending.value!r}"
        raise ValueError(msg)
    share = _share(spending, use_number, max_uses, alpha)
    if share < _LEAST:
        msg = (
            f"spending {spending.value!r} leaves next to nothing of alpha for each of "
            f"{max_uses:,} uses of a hold-out, so that no use could show anything; lower "
            "holdout.reuse.max_uses, or spend otherwise"
        )
        raise GateError(msg)
    return share


def _share(spending: Spending, use_number: int, max_uses: int, alpha: float) -> float:
    match spending:
        case Spending.ONCE:
            return alpha
        case Spending.BONFERRONI:
            return alpha / max_uses
        case Spending.CHAIN:
            return 2 * alpha / (max_uses * (max_uses + 1))
        case Spending.ADAPTIVE:
            return ldexp(alpha, -max_uses)
        case Spending.FIRST:
            return _first(use_number, max_uses, alpha)


def weight_of(spending: Spending, use_number: int) -> float:
    """In how many ways the use *use_number* could be misled: what it spends, so often."""
    match spending:
        case Spending.BONFERRONI:
            return 1.0
        case Spending.ADAPTIVE:
            return ldexp(1.0, use_number - 1)
        case Spending.ONCE | Spending.CHAIN | Spending.FIRST:
            return float(use_number)


def uses_of(spending: Spending, max_uses: int) -> int:
    """How many uses there are under *spending* where a policy allows *max_uses*."""
    return 1 if spending is Spending.ONCE else max_uses


def _first(use_number: int, max_uses: int, alpha: float) -> float:
    """Each later use t weighs the same, t times its alpha_t, and all of them one tenth."""
    if max_uses == 1:
        return alpha
    if use_number == 1:
        return _FIRST_SHARE * alpha
    return (1 - _FIRST_SHARE) * alpha / ((max_uses - 1) * use_number)
