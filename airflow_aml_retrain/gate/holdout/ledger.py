"""
How often each hold-out has decided, and what the next decision on it may still spend.

Law: a decision counts once, however often it is tried; rows count as used under whatever name
they come back; and spent is spent, whatever a policy says later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import fsum
from typing import Final, Self

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.holdout.identity import overlap
from airflow_aml_retrain.gate.holdout.spending import alpha_of, uses_of, weight_of
from airflow_aml_retrain.gate.json_documents import opened, plain, readable
from airflow_aml_retrain.gate.rows import Holdout
from airflow_aml_retrain.gate.rules.sections import HoldoutRules, Reuse, Spending

SCHEMA: Final = "gate.ledger/1"

_ROUNDING: Final = 1e-9
"""Of alpha: sums of floats may differ by less, and nothing less is worth a decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """
    One use of a hold-out: the *number*-th of at most *max_uses*.

    Its decision may err with probability *alpha*, one-sided. *alpha_total* is for all uses; of it
    *spent_before* went to earlier ones and *spent_after* is gone with this one, both weighed as
    the scheme does, so their difference may be more than *alpha*. *remaining* uses are left.
    *shared_with* is the id of an earlier hold-out, not this one, with most of its rows in common,
    if that made this a reuse.
    """

    number: int
    max_uses: int
    spending: Spending
    alpha_total: float
    alpha: float
    spent_before: float
    spent_after: float
    remaining: int
    shared_with: str | None = None

    @classmethod
    def fresh(cls, alpha: float) -> Self:
        """The use of a hold-out that nobody keeps a ledger of: all of *alpha*, once."""
        return cls(
            number=1,
            max_uses=1,
            spending=Spending.ONCE,
            alpha_total=alpha,
            alpha=alpha,
            spent_before=0.0,
            spent_after=alpha,
            remaining=0,
        )

    def to_mapping(self) -> dict[str, object]:
        """As the body of a decision record holds it, under `holdout_budget`."""
        return {
            "use_number": self.number,
            "max_uses": self.max_uses,
            "spending": self.spending.value,
            "alpha_total": self.alpha_total,
            "alpha_this": self.alpha,
            "alpha_spent_before": self.spent_before,
            "alpha_spent_after": self.spent_after,
            "remaining": self.remaining,
            "shared_with": self.shared_with,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """*use* of the *holdout* (its sha256) by the decision that *key* names, *at* (ISO 8601)."""

    key: str
    holdout: str
    use: Use
    at: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """All uses of all hold-outs of one endpoint, oldest first. Nothing is ever taken out."""

    holdouts: tuple[Holdout, ...] = ()
    entries: tuple[Entry, ...] = ()

    def use(
        self, holdout: Holdout, rules: HoldoutRules, alpha: float, key: str, *, at: str = ""
    ) -> tuple[Use, "Ledger"]:
        """
        Spend one use of *holdout*, and return it with the ledger that has it.

        *key* names the decision: its run, its models and its policy. The same key on the same
        hold-out is the same use, and the ledger stays as it is. `GateError` if nothing is left.
        """
        for entry in self.entries:
            if (entry.key, entry.holdout) == (key, holdout.sha256):
                return entry.use, self
        shared = self._shared(holdout, rules.max_overlap)
        earlier = [entry for entry in self.entries if entry.holdout in shared]
        use = replace(
            _next_use(earlier, rules.reuse, alpha),
            shared_with=_most_shared(shared, holdout),
        )
        known = {other.sha256 for other in self.holdouts}
        holdouts = self.holdouts if holdout.sha256 in known else (*self.holdouts, holdout)
        entry = Entry(key, holdout.sha256, use, at)
        return use, Ledger(holdouts, (*self.entries, entry))

    def to_json(self) -> bytes:
        holdouts = [
            {"sha256": holdout.sha256, "rows": holdout.rows, "sketch": holdout.sketch}
            for holdout in self.holdouts
        ]
        entries = [
            {"key": entry.key, "holdout": entry.holdout, "at": entry.at, **entry.use.to_mapping()}
            for entry in self.entries
        ]
        return readable(plain({"schema": SCHEMA, "holdouts": holdouts, "entries": entries}))

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """The ledger that `to_json` wrote; `GateError` for any other, a newer one by name."""
        match opened(content, SCHEMA, "hold-out ledger"):
            case {"holdouts": list(holdouts), "entries": list(entries)}:
                return cls(tuple(map(_holdout, holdouts)), tuple(map(_entry, entries)))
            case document:
                raise _broken(document)

    def _shared(self, holdout: Holdout, max_overlap: float) -> dict[str, float]:
        """
        How much of its rows each known hold-out shares with *holdout*, if more than is allowed.

        Only with *holdout* itself, not with one that shares with one that shares with it: a
        window that rolls on has, after a while, none of the rows that it began with.
        """
        shares = {
            other.sha256: 1.0 if other.sha256 == holdout.sha256 else overlap(other, holdout)
            for other in self.holdouts
        }
        return {
            sha256: share
            for sha256, share in shares.items()
            if share > max_overlap or sha256 == holdout.sha256
        }


def _next_use(earlier: list[Entry], reuse: Reuse, alpha: float) -> Use:
    spending, number = reuse.spending, len(earlier) + 1
    limit = uses_of(spending, reuse.max_uses)
    if number > limit:
        raise _exhausted(earlier, f"it has decided {number - 1} times, and {limit} are allowed")
    spent = fsum(
        weight_of(spending, position) * entry.use.alpha
        for position, entry in enumerate(earlier, start=1)
    )
    left = alpha - spent
    if left <= _ROUNDING * alpha:
        why = f"what it decided before ({number - 1} times) has spent all of alpha {alpha:.10g}"
        raise _exhausted(earlier, why)
    planned, weight = alpha_of(spending, number, limit, alpha), weight_of(spending, number)
    # What is planned is left, unless a policy of another scheme or alpha spent before this one.
    fits = planned * weight <= left + _ROUNDING * alpha
    granted = planned if fits else left / weight
    return Use(
        number=number,
        max_uses=limit,
        spending=spending,
        alpha_total=alpha,
        alpha=granted,
        spent_before=spent,
        spent_after=spent + weight * granted,
        remaining=limit - number,
    )


def _exhausted(earlier: list[Entry], why: str) -> GateError:
    last = earlier[-1]
    msg = (
        f"hold-out exhausted: {why} (the last by {last.key}{last.at and f' at {last.at}'}); score "
        "rows that no decision has seen, since what is reused further is no longer evidence"
    )
    return GateError(msg)


def _most_shared(shared: Mapping[str, float], holdout: Holdout) -> str | None:
    others = {sha256: share for sha256, share in shared.items() if sha256 != holdout.sha256}
    if not others:
        return None
    return f"sha256:{max(others, key=lambda sha256: others[sha256])}"


def _holdout(said: object) -> Holdout:
    match said:
        case {"sha256": str(sha256), "rows": int(rows), "sketch": list(sketch)} if all(
            isinstance(value, int) for value in sketch
        ):
            return Holdout(rows, sha256, tuple(sketch))
        case _:
            raise _broken(said)


def _entry(said: object) -> Entry:
    match said:
        case {"key": str(key), "holdout": str(holdout), "at": str(at)}:
            return Entry(key, holdout, _use(said), at)
        case _:
            raise _broken(said)


def _use(said: object) -> Use:
    match said:
        case {
            "use_number": int(number),
            "max_uses": int(max_uses),
            "spending": str(spending),
            "alpha_total": float() | int() as alpha_total,
            "alpha_this": float() | int() as alpha,
            "alpha_spent_before": float() | int() as before,
            "alpha_spent_after": float() | int() as after,
            "remaining": int(remaining),
            "shared_with": str() | None as shared_with,
        } if spending in set(Spending) and 0 <= alpha <= 1:
            return Use(
                number=number,
                max_uses=max_uses,
                spending=Spending(spending),
                alpha_total=alpha_total,
                alpha=alpha,
                spent_before=before,
                spent_after=after,
                remaining=remaining,
                shared_with=shared_with,
            )
        case _:
            raise _broken(said)


def _broken(said: object) -> GateError:
    msg = (
        f"this hold-out ledger is broken: {said!r:.200} is not what {SCHEMA!r} says; restore an "
        "earlier version of the document, since without it nobody knows what was spent"
    )
    return GateError(msg)
