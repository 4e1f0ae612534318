"""
The few distributions that intervals and tests are made of, without scipy.

The normal distribution is the standard library's. All else comes from one function, the
regularised incomplete beta function; its continued fraction is carried on until nothing changes in
the 14th digit, so that quantiles have 10 digits, and tails 7 of their own however small they are,
for counts up to ten million.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from math import copysign, exp, lgamma, log, log1p, nan, sqrt
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()
_TINY: Final = 1e-300
_CLOSE: Final = 1e-14
_MOST_TERMS: Final = 1_000_000
_STEPS: Final = 200


def normal_quantile(probability: float) -> float:
    """Below which a standard normal number lies with *probability*, in (0, 1)."""
    return _NORMAL.inv_cdf(probability)


def normal_above(value: float) -> float:
    """The probability that a standard normal number exceeds *value*."""
    return _NORMAL.cdf(-value)


def t_above(value: float, degrees: float) -> float:
    """The probability that Student's t with *degrees* of freedom exceeds *value*."""
    tail = beta_below(degrees / (degrees + value * value), degrees / 2, 0.5) / 2
    return tail if value >= 0 else 1.0 - tail


@lru_cache(maxsize=1024)
def t_quantile(probability: float, degrees: float) -> float:
    """Below which Student's t with *degrees* of freedom lies with *probability*, in (0, 1)."""
    tail = min(probability, 1.0 - probability)
    far = 1.0
    while t_above(far, degrees) > tail:
        far *= 2.0
    distance = root(lambda value: tail - t_above(value, degrees), 0.0, far)
    return distance if probability > 0.5 else -distance


def beta_below(value: float, one: float, other: float) -> float:
    """The probability that Beta(*one*, *other*) is at most *value*."""
    if value <= 0.0 or value >= 1.0:
        return float(value >= 1.0)
    whole = lgamma(one + other) - lgamma(one) - lgamma(other)
    front = exp(whole + one * log(value) + other * log1p(-value))
    # The fraction converges quickly on one side of the mean, and each side tells the other.
    if value < (one + 1.0) / (one + other + 2.0):
        return front * _fraction(value, one, other) / one
    return 1.0 - front * _fraction(1.0 - value, other, one) / other


def _fraction(value: float, one: float, other: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    # A sum with 1 is 0 or far from it, so that nothing else must be kept from being divided by.
    above, below = 1.0, 1.0 / (1.0 - (one + other) * value / (one + 1.0) or _TINY)
    total = below
    for term in range(1, _MOST_TERMS):
        twice = one + 2 * term
        for part in (
            term * (other - term) * value / ((twice - 1.0) * twice),
            -(one + term) * (one + other + term) * value / (twice * (twice + 1.0)),
        ):
            below = 1.0 / (1.0 + part * below or _TINY)
            above = 1.0 + part / above or _TINY
            total *= above * below
        if abs(above * below - 1.0) < _CLOSE:
            break
    return total


def binomial_at_least(count: float, trials: float, chance: float) -> float:
    """
    The probability of *count* or more successes in *trials*, each with *chance*.

    Counts need not be whole: rows that go together are worth less than one each.
    """
    if count <= 0.0:
        return 1.0
    if count > trials:
        return 0.0
    return beta_below(chance, count, trials - count + 1.0)


def share_at_least(count: float, trials: float, alpha: float) -> float:
    """The exact (Clopper-Pearson) lower bound of a share, missed with at most *alpha*."""
    if count <= 0.0:
        return 0.0
    if count >= trials:
        return float(alpha ** (1.0 / trials))

    def rising(share: float) -> float:
        return binomial_at_least(count, trials, share) - alpha

    # Wilson's bound is near the exact one, and near it there is less to look through.
    near, seen = wilson(count, trials, alpha)[0], count / trials
    low, high = near - (seen - near) / 4.0, near + (seen - near) / 4.0
    if not rising(low) < 0.0 < rising(high):
        low, high = 0.0, 1.0
    return root(rising, low, high)


def share_at_most(count: float, trials: float, alpha: float) -> float:
    """The exact (Clopper-Pearson) upper bound of a share, missed with at most *alpha*."""
    return 1.0 - share_at_least(trials - count, trials, alpha)


def clopper_pearson(count: float, trials: float, alpha: float) -> tuple[float, float]:
    """Exact bounds of a share, each missed with a probability of at most *alpha*."""
    return share_at_least(count, trials, alpha), share_at_most(count, trials, alpha)


def wilson(count: float, trials: float, alpha: float) -> tuple[float, float]:
    """Wilson's bounds of a share, each missed with a probability of about *alpha*."""
    square = normal_quantile(alpha) ** 2
    middle = (count + square / 2.0) / (trials + square)
    rest = count * (trials - count) / trials + square / 4.0
    half = sqrt(square * rest) / (trials + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where *rising* crosses 0 between *low* and *high*, by Ridders' method."""
    ends, last = (low, high), nan
    at_low, at_high = rising(low), rising(high)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        at_middle = rising(middle)
        bent = sqrt(at_middle * at_middle - at_low * at_high)
        guess = middle - (middle - low) * at_middle / bent if bent else middle
        # A guess that does not leave an end tells that the function is flat there, and no more.
        if abs(guess - last) <= _CLOSE * abs(guess) and guess not in ends:
            break
        last, at_guess = guess, rising(guess)
        (low, at_low), (high, at_high) = _around(
            [(low, at_low), (middle, at_middle), (guess, at_guess), (high, at_high)]
        )
    return guess


def _around(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The two neighbours of *points* between which the sign changes."""
    points.sort()
    for left, right in pairwise(points):
        if copysign(1.0, left[1]) < copysign(1.0, right[1]) or right[1] == 0.0:
            return [left, right]
    return points[-2:]
