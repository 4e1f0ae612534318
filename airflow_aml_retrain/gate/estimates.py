"""
A number with its doubt: what every metric, slice and comparison comes to.

Law: an estimate carries its own error, and an interval is always made from it at the error
probability that the decision may spend, never at one that a metric chose for itself.
"""

from dataclasses import dataclass
from enum import StrEnum


class Against(StrEnum):
    """What the challenger is compared with."""

    CHAMPION = "champion"
    ANCHOR = "anchor"
    PRIOR = "prior"
    NOBODY = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """
    Paired yes-or-no outcomes behind a difference of two shares.

    Of *rows* counted (for recall: the positive ones), *gains* are those that only the challenger
    got right, *losses* those that only the other did.
    """

    rows: int
    gains: int
    losses: int

    @property
    def discordant(self) -> int:
        return self.gains + self.losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    A *metric* of the challenger, alone or compared.

    *reference* is the value of whom it is compared with (None: alone); *difference* is challenger
    minus reference, or the challenger's own value when alone; *se* is the standard error of
    *difference*, and *skew* how lopsided its distribution is. *rows* were counted, worth
    *effective_rows* independent ones (fewer where rows of one cluster go together). *degrees* are
    the degrees of freedom behind *se* (at most clusters less one, few where few rows bear it all),
    None for plenty. *method* names how *se* was found. *pairs* is there where an exact test can
    take over when few rows differ; alone, its *gains* are the hits of a share. *certified* bounds
    what binning may have moved *difference* by. *ranked* are the negative and the positive rows
    behind an AUC that is compared with no model's.
    """

    metric: str
    against: Against
    challenger: float
    reference: float | None
    difference: float
    se: float
    rows: int
    effective_rows: float
    method: str
    degrees: int | None = None
    pairs: Pairs | None = None
    certified: float = 0.0
    skew: float = 0.0
    ranked: tuple[int, int] | None = None
