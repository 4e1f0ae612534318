"""
Checks, slices and bodies of decision records, drafted from simulated worlds.

A body's verdict follows from its checks, as `verdict.decide` says.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

import numpy as np

from airflow_aml_retrain.gate.verdict import Outcome, Verdict, decide
from tests.gate.simulated import (
    LOWER_IS_BETTER,
    TITLES,
    Body,
    World,
    binary_curves,
    calibration,
    flips,
)

MODELS: Final = {
    "champion": {"endpoint": "census-live", "location": "models/2026-10/census.ilearner"},
    "challenger": {"endpoint": "census-challenger", "location": "models/2026-11/census.ilearner"},
    "anchor": {"endpoint": "census-anchor", "location": "models/2026-03/census.ilearner"},
}
POLICY: Final[Body] = {
    "gate": "census",
    "data": {"label": "income", "positive": ">50K", "score": None},
    "checks": [{"metric": "log_loss", "vs": "champion", "mode": "prove", "margin": 0.0005}],
    "calibration": {"slope": [0.9, 1.1], "severity": "fail"},
    "slices": {"columns": ["segment"], "margin": 0.002, "mode": "veto", "min_rows": 500},
}
BUDGET: Final[Body] = {
    "use_number": 3,
    "max_uses": 12,
    "spending": "first",
    "alpha_total": 0.05,
    "alpha_this": 0.00015152,
    "alpha_spent_before": 0.04522727,
    "remaining": 9,
    "shared_with": None,
}
_SURENESS: Final = 1.6448536
_NEXT: Final = {
    Verdict.PROMOTE: "The challenger may replace the champion.",
    Verdict.REJECT: "The champion stays. Look at the failed checks before training again.",
    Verdict.INCONCLUSIVE: "The champion stays until there is more to tell by.",
}


def compared(world: World, metric: str, margin: float = 0.0, **more: object) -> Body:
    """A check of *metric* against the champion, or as *more* says."""
    rule: Body = {"vs": "champion", "mode": "prove"} | more
    vs = str(rule["vs"])
    theirs, ours = world.of(vs)[metric], world.of("challenger")[metric]
    error, difference = world.errors("challenger", vs)[metric], ours - theirs
    gain = -difference if metric in LOWER_IS_BETTER else difference
    outcome = _outcome(str(rule["mode"]), margin + gain, _SURENESS * error)
    needed = world.rows * (2.486 * error / max(abs(margin + gain), 1e-9)) ** 2
    said = {"passed": "shown.", "failed": "refuted."}.get(outcome, "neither shown nor refuted.")
    return _check(world, metric, f"{metric} vs {vs}{f', margin {margin:g}' if margin else ''}") | {
        **rule,
        "margin": margin,
        "reference": theirs,
        "challenger": ours,
        "difference": difference,
        "se": error,
        "low": difference - _SURENESS * error,
        "high": difference + _SURENESS * error,
        "rows_needed": int(needed) if outcome is Outcome.INCONCLUSIVE else None,
        "min_detectable": 2.486 * error,
        "outcome": outcome.value,
        "reason": f"The challenger's {TITLES[metric]} is {ours:.4g}, {abs(difference):.2g} "
        f"{'better' if gain > 0 else 'worse'} than the {vs}'s {theirs:.4g}; at most {margin:g} "
        f"worse is allowed, and that is {said}",
    }


def bounded(world: World, metric: str, at_least: float) -> Body:
    """A check of the challenger's own value."""
    ours, error = world.of("challenger")[metric], world.errors("challenger")[metric]
    outcome = _outcome("prove", ours - at_least, _SURENESS * error)
    return _check(world, metric, f"{metric} at least {at_least:g}") | {
        "bound": at_least,
        "bound_kind": "at_least",
        "challenger": ours,
        "se": error,
        "low": ours - _SURENESS * error,
        "high": ours + _SURENESS * error,
        "outcome": outcome.value,
        "reason": f"The challenger's {TITLES[metric]} is {ours:.4g}; at least {at_least:g} is "
        f"required, and that is {outcome.value}.",
    }


def banded(world: World, what: str, value: float, low: float, high: float) -> Body:
    """A calibration check: its band stands in the policy only."""
    return _check(world, what, f"{what} in [0.9, 1.1]") | {
        "mode": "veto",
        "alpha": None,
        "method": None,
        "challenger": value,
        "low": low,
        "high": high,
        "outcome": "passed",
        "reason": f"The challenger's {what} is {value:g}, between {low:g} and {high:g}, which "
        "meets [0.9, 1.1].",
    }


def limited(world: World, what: str, value: float, reach: float | None, at_most: float) -> Body:
    """A check of a rate that must be small; without *reach* of its bare number."""
    outcome = _outcome("prove", at_most - value, reach or 0.0)
    return _check(world, what, f"{what} at most {at_most:g}") | {
        "higher_is_better": False,
        "bound": at_most,
        "bound_kind": "at_most",
        "challenger": value,
        "low": None if reach is None else value - reach,
        "high": None if reach is None else value + reach,
        "alpha": None if reach is None else 0.045,
        "method": None if reach is None else "wilson",
        "outcome": outcome.value,
        "reason": f"The challenger's {what} are {value:.4g}; at most {at_most:g} is allowed.",
    }


def not_made(world: World, metric: str, vs: str) -> Body:
    name = f"{metric} vs {vs}"
    return _check(world, metric, name) | {
        "vs": vs,
        "margin": 0.0,
        "outcome": Outcome.NOT_MADE.value,
        "reason": f"The check {name!r} was not made: there is no {vs}.",
    }


def precondition(name: str, required: str, observed: str, *, passed: bool = True) -> Body:
    return {
        "name": name,
        "required": required,
        "observed": observed,
        "passed": passed,
        "severity": "fail",
        "reason": f"{name}: {required} required, {observed} observed.",
    }


def binary_body(world: World, checks: Sequence[Body], **more: object) -> Body:
    compared_ = "champion" in world.scores
    defaults: Body = {
        "flips": flips(world, lambda truth, scores: (scores >= 0.5) == (truth > 0.5))
        if compared_
        else None,
        "calibration": {
            model: calibration(world, model) for model in world.scores if model != "anchor"
        },
        "curves": binary_curves(world),
    }
    return body_of(world, checks, task="binary", classes=("<=50K", ">50K"), **defaults | more)


def body_of(
    world: World, checks: Sequence[Body], *, task: str, classes: Sequence[str], **more: object
) -> Body:
    """A body whose verdict follows from *checks*; *more* replaces what it has."""
    required = [check for check in checks if check["severity"] == "fail"]
    verdict = decide(Outcome(check["outcome"]) for check in required)
    wanted = {Verdict.PROMOTE: "passed", Verdict.REJECT: "failed"}.get(verdict, "inconclusive")
    proofs = [check["name"] for check in required if check["mode"] == "prove"]
    decisive = [check for check in required if check["outcome"] == wanted]
    return {
        "verdict": verdict.value,
        "headline": f"{verdict.value}: {decisive[0]['reason']}",
        "reasons": [check["reason"] for check in decisive],
        "deciding_check": decisive[0]["name"],
        "guarantee": "Were the challenger in truth worse than its proof allows "
        f"({'; '.join(proofs)}), this hold-out would let it in with a probability of at most "
        "0.045. That holds if its rows are independent of each other and neither training nor "
        "anybody who tuned it has seen them.",
        "next_step": _NEXT[verdict],
        "rows_needed": max((check["rows_needed"] or 0 for check in decisive), default=0) or None,
        "gate": "census",
        "policy": POLICY,
        "policy_sha256": sha256(b"policy").hexdigest(),
        "models": {name: MODELS[name] for name in world.scores},
        "data": _data(world, task, classes),
        "preconditions": [
            precondition("min_rows", "at least 100", f"{world.rows:,}"),
            precondition("max_duplicate_ids", "at most 0", "0"),
            precondition("min_matched_fraction", "at least 1", "1"),
        ],
        "checks": list(checks),
        "estimates": list(_estimates(world)),
        "slices": [],
        "flips": None,
        "calibration": None,
        "curves": None,
        "holdout_budget": BUDGET,
        "telling_rows": [17, 2048, 911, 4],
        "override": None,
        **more,
    }


def slices(
    world: World, count: int, *, harmed: int = 0, names: Sequence[str] | None = None
) -> list[Body]:
    """*count* slices of ever fewer rows: the first *harmed* are harmed, the last are blind."""
    random = np.random.default_rng(3)
    sizes = (world.rows * 0.3 / np.arange(1, count + 1)).astype(int) + 40
    found = []
    for at, rows in enumerate(sizes.tolist()):
        error = 0.55 / rows**0.5
        harm = 5 * error if at < harmed else 0.3 * error
        difference = harm + error * float(random.uniform(-1, 1))
        blind = at >= 0.8 * count
        found.append(
            {
                "slice": names[at] if names else f"segment={'ABCDEFGHIJKLMNOPQRST'[at % 20]}",
                "metric": "log_loss",
                "title": "log loss",
                "higher_is_better": False,
                "rows": rows,
                "positives": int(0.24 * rows),
                "reference": 0.36,
                "challenger": 0.36 + difference,
                "difference": difference,
                "se": error,
                "low": difference - 1.645 * error,
                "high": difference + 1.645 * error,
                "p_value": 0.00001 * (at + 1) if at < harmed else 0.2 + 0.7 * at / count,
                "p_holm": None if blind else 0.0004 if at < harmed else 1.0,
                "min_detectable": 2.486 * error,
                "underpowered": blind,
                "outcome": "failed" if at < harmed else "not made" if blind else "passed",
                "reason": f"In slice {at + 1} harm is {'' if at < harmed else 'not '}shown.",
            }
        )
    return found


def as_recall(each: Body) -> Body:
    turned = {"difference": -each["difference"], "low": -each["high"], "high": -each["low"]}
    return each | turned | {"metric": "recall", "title": "recall", "higher_is_better": True}


def _outcome(mode: str, spare: float, reach: float) -> Outcome:
    if spare < -reach:
        return Outcome.FAILED
    return Outcome.PASSED if mode == "veto" or spare >= reach else Outcome.INCONCLUSIVE


def _check(world: World, metric: str, name: str) -> Body:
    """A check before anything is known of it."""
    numbers = "margin bound reference challenger difference se low high p_value p_holm"
    return {
        **dict.fromkeys(f"{numbers} bound_kind rows_needed min_detectable vs".split()),
        "name": name,
        "metric": metric,
        "title": TITLES.get(metric, metric),
        "scope": "all",
        "mode": "prove",
        "severity": "fail",
        "automatic": False,
        "higher_is_better": metric not in LOWER_IS_BETTER,
        "alpha": 0.045,
        "method": "jackknife",
        "rows": world.rows,
        "effective_rows": float(world.rows),
    }


def _data(world: World, task: str, classes: Sequence[str]) -> Body:
    is_binary = task == "binary"
    return {
        "task": task,
        "holdout_id": "sha256:" + sha256(world.truth.tobytes()).hexdigest(),
        "rows": world.rows,
        "classes": list(classes),
        "positive": classes[-1] if is_binary else None,
        "positives": int(world.truth.sum()) if is_binary else None,
        "rows_read": dict.fromkeys(world.scores, world.rows),
        "nulls": dict.fromkeys(world.scores, 0),
        "unmatched": 0,
        "duplicates": 0,
        "matched_by": "id",
        "clusters": None,
        "oldest": "2026-10-01T00:00:00+00:00",
        "newest": "2026-10-31T23:58:12+00:00",
        "clipped": dict.fromkeys(world.scores, 0),
        "binning": None if task == "regression" else "folded float32 >> 14",
        "auc_certified_error": 3.1e-7 if is_binary else None,
        "score_sha256": {name: sha256(name.encode()).hexdigest() for name in world.scores},
        "thresholds": dict.fromkeys(world.scores, 0.5) if is_binary else None,
    }


def _estimates(world: World) -> Iterator[Body]:
    values = {model: world.of(model) for model in world.scores}
    other = "champion" if "champion" in values else None
    errors = world.errors("challenger", other)
    for metric, ours in values["challenger"].items():
        theirs = values[other][metric] if other else 0.0
        reach = 2.0 * errors[metric]
        yield {
            "metric": metric,
            "title": TITLES[metric],
            "higher_is_better": metric not in LOWER_IS_BETTER,
            "champion": theirs if other else None,
            "challenger": ours,
            "anchor": values.get("anchor", {}).get(metric),
            "difference": ours - theirs if other else None,
            "low": ours - theirs - reach,
            "high": ours - theirs + reach,
        }
