"""
Record bodies as the gate writes them, for whoever reads records: report, markdown, approval.

`BODIES` has them by name, each made anew when called, so that a test may change its own.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from hashlib import sha256
from typing import Any, Final

import numpy as np

from tests.gate.drafted import (
    BUDGET,
    as_recall,
    banded,
    binary_body,
    body_of,
    bounded,
    compared,
    limited,
    not_made,
    precondition,
    slices,
)
from tests.gate.simulated import (
    Body,
    binary_world,
    class_curves,
    class_world,
    flips,
    regression_curves,
    regression_world,
)

HOSTILE: Final = (
    "<script>alert('x')</script> & \"quoted\" \x1b[31m \u202e ]]> --> {{ var.value.key }} "
    "| [a](javascript:1) `x` <img src=https://evil.test/x onerror=alert(1)>"
)
"""A name that tries everything: tags, quotes, control characters, a table's end, a template."""


@cache
def _promoted() -> Body:
    world = binary_world(24_000, 0.13)
    checks = [
        compared(world, "log_loss", 0.0005),
        compared(world, "auc", 0.002),
        compared(world, "recall", 0.01, mode="veto"),
        bounded(world, "auc", 0.8),
        banded(world, "calibration slope", 1.02, 0.98, 1.06),
        compared(world, "log_loss", 0.0005, vs="anchor", automatic=True),
        bounded(world, "precision", 0.72) | {"severity": "warn"},
    ]
    return binary_body(world, checks, slices=slices(world, 8))


@cache
def _rejected() -> Body:
    world = binary_world(12_000, -0.12)
    checks = [
        compared(world, "log_loss"),
        compared(world, "auc", 0.02),
        compared(world, "recall", 0.01, mode="veto"),
        bounded(world, "auc", 0.75),
        compared(world, "log_loss", 0.004, vs="anchor", automatic=True),
        limited(world, "negative flips", 0.027, 0.0024, 0.04),
        limited(world, "churn", 0.061, None, 0.05) | {"mode": "point", "severity": "warn"},
    ]
    return binary_body(world, checks, slices=slices(world, 14, harmed=2))


@cache
def _undecided() -> Body:
    world = binary_world(2_000, 0.02)
    checks = [
        compared(world, "log_loss"),
        compared(world, "accuracy", 0.02),
        bounded(world, "auc", 0.7),
        compared(world, "log_loss", vs="anchor", automatic=True),
    ]
    budget = BUDGET | {"use_number": 1, "alpha_this": 0.045, "alpha_spent_before": 0.0}
    return binary_body(world, checks, holdout_budget=budget | {"remaining": 11})


def promoted() -> Body:
    """PROMOTE, binary, everything there; one warning."""
    return deepcopy(_promoted())


def rejected() -> Body:
    """REJECT, binary, with slices in which harm is shown."""
    return deepcopy(_rejected())


def undecided() -> Body:
    """INCONCLUSIVE, binary, few rows, no slices; says how many rows would settle it."""
    return deepcopy(_undecided())


def invalid() -> Body:
    """INVALID: a precondition failed before anything was judged."""
    reason = "The hold-out has 61 rows; at least 100 are required. Add 39 more, or lower min_rows."
    whole = promoted()
    nothing: Body = dict.fromkeys(("deciding_check", "guarantee", "rows_needed", "flips"))
    nothing |= dict.fromkeys(("calibration", "curves", "holdout_budget"))
    nothing |= {"checks": [], "estimates": [], "slices": [], "telling_rows": []}
    return (
        whole
        | nothing
        | {
            "verdict": "INVALID",
            "headline": f"INVALID: {reason}",
            "reasons": [reason],
            "next_step": "The champion stays. Mend what is named above and run it again.",
            "preconditions": [
                precondition("min_rows", "at least 100", "61", passed=False) | {"reason": reason},
                precondition("max_duplicate_ids", "at most 0", "0"),
                precondition("max_score_psi", "at most 0.25", "0.31", passed=False)
                | {"severity": "warn"},
            ],
        }
    )


def unreadable() -> Body:
    """INVALID: not even the policy could be read, so there are hardly any numbers."""
    reason = "the policy has no key 'chekcs'; did you mean 'checks'?"
    empty: Body = {key: [] for key, value in invalid().items() if isinstance(value, list)}
    return (
        dict.fromkeys(invalid())
        | empty
        | {
            "verdict": "INVALID",
            "headline": f"INVALID: {reason}",
            "reasons": [reason],
            "next_step": "Mend the policy and run it again.",
            "gate": "gate",
            "models": {},
        }
    )


def overridden() -> Body:
    """A person's PROMOTE of what had been INCONCLUSIVE."""
    return undecided() | {
        "verdict": "PROMOTE",
        "reasons": ["ada@example.test let it in: we accept the doubt."],
        "guarantee": None,
        "next_step": "The challenger may go into service.",
        "rows_needed": None,
        "override": _override(
            "INCONCLUSIVE", "The old model cannot read the new tariff codes; we accept the doubt."
        ),
    }


def approved() -> Body:
    """A PROMOTE that a person approved."""
    return promoted() | {"override": _override("PROMOTE", "Looks well.")}


def decided_long_ago() -> Body:
    """A person's PROMOTE as early records have it, which do not say what the gate had said."""
    override = _override("", "We accept the doubt.")
    del override["verdict"]
    return undecided() | {"verdict": "PROMOTE", "override": override}


def _override(verdict: str, why: str) -> Body:
    return {
        "of": "decisions/census/2026-11-03T041207Z.json",
        "of_sha256": sha256(b"of").hexdigest(),
        "verdict": verdict,
        "by": "ada@example.test",
        "why": why,
    }


def first_model() -> Body:
    """PROMOTE without a champion: only absolute checks could be made."""
    world = binary_world(24_000, 0.13).without("champion").without("anchor")
    checks = [
        not_made(world, "log_loss", "champion"),
        bounded(world, "auc", 0.8),
        bounded(world, "precision", 0.55),
    ]
    return deepcopy(binary_body(world, checks, slices=[], flips=None))


def regression() -> Body:
    """PROMOTE of a regression."""
    world = regression_world()
    checks = [compared(world, "mae"), compared(world, "rmse", 500.0), bounded(world, "r2", 0.8)]
    return deepcopy(
        body_of(world, checks, task="regression", classes=(), curves=regression_curves(world))
    )


def multiclass(classes: Sequence[str] = ("bus", "car", "bicycle", "on foot", "train")) -> Body:
    """PROMOTE of a multiclass model; *classes* may be many."""
    world = class_world(len(classes))
    checks = [compared(world, "accuracy"), compared(world, "macro_recall", 0.01)]
    return deepcopy(
        body_of(
            world,
            checks,
            task="multiclass",
            classes=classes,
            flips=flips(world, np.equal),
            curves=class_curves(world, list(classes)),
        )
    )


def many_slices(count: int = 200) -> Body:
    """REJECT with *count* slices of two metrics each, some blind, and long names."""
    world = binary_world(24_000, 0.13)
    names = [f"segment=S{number:03d}, region=a rather long name" for number in range(count)]
    found = slices(world, count, harmed=3, names=names)
    return rejected() | {"slices": found + [as_recall(each) for each in found]}


def hostile() -> Body:
    """A PROMOTE by a person, in which every text that people or data choose is `HOSTILE`."""
    whole = multiclass(("a", HOSTILE, "c")) | {
        key: rejected()[key] for key in ("slices", "verdict")
    }
    replaced: Body = _poisoned(whole, keys=_CHOSEN)
    override = {"of": HOSTILE, "of_sha256": "0" * 64, "by": HOSTILE, "why": HOSTILE}
    return replaced | {
        "verdict": "PROMOTE",
        "models": {"champion": {HOSTILE: HOSTILE}, "challenger": {"location": HOSTILE}},
        "policy": {HOSTILE: [HOSTILE]},
        "preconditions": [precondition(HOSTILE, HOSTILE, HOSTILE, passed=False)],
        "override": override,
        "holdout_budget": BUDGET | {"shared_with": HOSTILE},
    }


BODIES: Final[Mapping[str, Callable[[], Body]]] = {
    "promoted": promoted,
    "rejected": rejected,
    "undecided": undecided,
    "invalid": invalid,
    "unreadable": unreadable,
    "overridden": overridden,
    "approved": approved,
    "decided long ago": decided_long_ago,
    "first model": first_model,
    "regression": regression,
    "multiclass": multiclass,
    "twenty classes": lambda: multiclass([f"class {number}" for number in range(20)]),
    "many slices": many_slices,
    "hostile": hostile,
}


def envelope(
    metric: str = "log_loss",
    level: float = 0.44,
    verdicts: Sequence[str] = ("INVALID", "REJECT", "INCONCLUSIVE", "PROMOTE", "PROMOTE"),
) -> Body:
    """The envelope of a decision that 13 others came before, with *verdicts* over and over."""
    drift = level - 0.0042 * np.arange(14) ** 0.7
    noise = 0.003 * np.random.default_rng(5).standard_normal(14)
    history = [
        {
            "decided_at": f"202{5 + month // 12}-{month % 12 + 1:02d}-03T04:10:00+00:00",
            "verdict": verdicts[month % len(verdicts)],
            "metric": metric,
            "value": round(float(value), 5),
            "low": round(float(value) - 0.006, 5),
            "high": round(float(value) + 0.006, 5),
            "headline": f"{verdicts[month % len(verdicts)]}: the decision of month {month + 1}.",
        }
        for month, value in enumerate(drift + noise, start=9)
    ]
    return {
        "decided_at": "2026-11-03T04:12:07.123456+00:00",
        "package_version": "2.0.0",
        "dag_id": "retrain_on_schedule",
        "run_id": "scheduled__2026-11-03T04:00:00+00:00",
        "task_id": "evaluate",
        "map_index": -1,
        "try_number": 1,
        "timings": {"read": 0.42, "evaluate": 0.31},
        "previous": "decisions/census/2026-10-03T041000Z.json",
        "previous_chain_sha256": sha256(b"before").hexdigest(),
        "chain_sha256": sha256(b"chain").hexdigest(),
        "history": history,
    }


_CHOSEN: Final = frozenset(
    {"headline", "reason", "name", "title", "slice", "gate", "next_step", "guarantee", "positive"}
)


def _poisoned(value: Any, *, keys: frozenset[str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _poisoned(each, keys=keys, key=name) for name, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each, keys=keys, key=key) for each in value]
    return HOSTILE if key in keys else value
