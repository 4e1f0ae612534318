"""
A decision as the body of its record: JSON that depends on nothing but policy, data and models.

The report is drawn from this alone, so every picture can be drawn again without the data.
"""

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite

import numpy as np

from airflow_aml_retrain.gate.decision import Decision
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.judging.slice_checks import worst_first
from airflow_aml_retrain.gate.metrics import Direction, Task, metrics_of
from airflow_aml_retrain.gate.rows import ANCHOR, CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.scores.curves import curves
from airflow_aml_retrain.gate.scores.measured import Scores
from airflow_aml_retrain.gate.scores.telling import telling_rows
from airflow_aml_retrain.gate.statistics.intervals import interval
from airflow_aml_retrain.gate.verdict import Verdict

_NEXT = {
    Verdict.PROMOTE: "The challenger may replace the champion.",
    Verdict.REJECT: "The champion stays. Look at the failed checks before training again.",
    Verdict.INCONCLUSIVE: "The champion stays until there is more to tell by.",
    Verdict.INVALID: "The champion stays. Mend what is named above and run it again.",
}
_ALONE = {
    Verdict.PROMOTE: "The challenger may go into service.",
    Verdict.REJECT: "Nothing is promoted. Look at the failed checks before training again.",
    Verdict.INCONCLUSIVE: "Nothing is promoted until there is more to tell by.",
}
"""Where there is no champion that could stay."""


def body(decision: Decision, models: Mapping[str, object]) -> dict[str, object]:
    """The body of the record of *decision*; *models* is what the caller knows of each model."""
    policy, judgement = decision.policy, decision.judgement
    rows, scores, use = decision.rows, decision.scores, decision.use
    said = {
        "verdict": decision.verdict.value,
        "headline": decision.headline,
        "reasons": list(judgement.reasons) if judgement else [decision.reason],
        "deciding_check": _name(judgement.deciding) if judgement else None,
        "guarantee": _guarantee(decision),
        "next_step": _next_step(decision),
        "rows_needed": judgement.rows_needed if judgement else None,
        "gate": policy.gate if policy else "gate",
        "policy": policy.to_mapping() if policy else None,
        "policy_sha256": policy.sha256 if policy else None,
        "models": dict(models),
        "data": _data(rows, scores) if rows and scores else None,
        "preconditions": [asdict(each) for each in decision.preconditions],
        "checks": [asdict(each) for each in judgement.checks] if judgement else [],
        "estimates": _estimates(rows, scores, use.alpha) if rows and scores and use else [],
        "slices": [asdict(each) for each in worst_first(judgement.slices)] if judgement else [],
        "flips": judgement.flips.to_mapping() if judgement and judgement.flips else None,
        "calibration": _calibration(decision),
        "curves": curves(rows, scores) if rows and scores and judgement else None,
        "holdout_budget": use.to_mapping() if use else None,
        "telling_rows": list(telling_rows(rows)) if rows and judgement else [],
        "override": None,
    }
    return {key: _plain(value) for key, value in said.items()}


def _name(result: object) -> str:
    name = getattr(result, "name", None) or getattr(result, "slice", "")
    return str(name)


def _guarantee(decision: Decision) -> str | None:
    """What the `prove` checks answer for; None where there is none, since no other mode does."""
    if decision.use is None or decision.rows is None or decision.judgement is None:
        return None
    proofs = [each.name for each in decision.judgement.checks if each.is_proof]
    if not proofs:
        return None
    alone = "independent of each other"
    if decision.rows.clusters is not None:
        alone = "independent between clusters"
    few = any(each.name == "clusters" and not each.passed for each in decision.preconditions)
    chance = f"{'about' if few else 'at most'} {decision.use.alpha:.4g}"
    if few:
        chance += ", or of more, since its clusters are few"
    return (
        f"Were the challenger in truth worse than its proof allows ({'; '.join(proofs)}), this "
        f"hold-out would let it in with a probability of {chance}. That holds if its rows are "
        f"{alone} and neither training nor anybody who tuned it has seen them."
    )


def _next_step(decision: Decision) -> str:
    step = _NEXT[decision.verdict]
    if decision.rows and CHAMPION not in decision.rows.scores:
        step = _ALONE.get(decision.verdict, step)
    if decision.verdict is Verdict.INCONCLUSIVE and decision.judgement and decision.rows:
        needed = decision.judgement.rows_needed
        if needed:
            more = max(needed - len(decision.rows), 1)
            step += f" About {more:,} more rows of hold-out would settle it."
    return step


def _data(rows: Rows, scores: Scores) -> dict[str, object]:
    met = rows.quality
    positives = int(np.count_nonzero(rows.truth)) if rows.task is Task.BINARY else None
    return {
        "task": rows.task.value,
        "holdout_id": f"sha256:{rows.holdout.sha256}",
        "rows": len(rows),
        "classes": list(rows.classes),
        "positive": rows.classes[1] if rows.task is Task.BINARY else None,
        "positives": positives,
        "rows_read": dict(met.read),
        "nulls": dict(met.nulls),
        "unmatched": met.unmatched,
        "duplicates": met.duplicates,
        "matched_by": met.matched_by,
        "clusters": None if rows.clusters is None else int(rows.clusters.max()) + 1,
        "oldest": met.oldest.isoformat() if met.oldest else None,
        "newest": met.newest.isoformat() if met.newest else None,
        "clipped": dict(met.clipped),
        "binning": None if rows.task is Task.REGRESSION else "folded float32 >> 14",
        "auc_certified_error": _certified(rows, scores),
        "score_sha256": dict(met.score_sha256),
        "thresholds": dict(scores.thresholds) or None,
    }


def _certified(rows: Rows, scores: Scores) -> float | None:
    if rows.task is not Task.BINARY:
        return None
    against = Against.CHAMPION if CHAMPION in rows.scores else Against.NOBODY
    return scores.estimate("auc", against).certified


def _estimates(rows: Rows, scores: Scores, alpha: float) -> list[dict[str, object]]:
    values = {model: scores.values(model) for model in rows.scores}
    against = Against.CHAMPION if CHAMPION in rows.scores else Against.NOBODY
    table = []
    for metric in metrics_of(rows.task):
        estimate = scores.estimate(metric.name, against)
        low, high = interval(estimate, alpha)
        table.append(
            {
                "metric": metric.name,
                "title": metric.title,
                "higher_is_better": metric.direction is Direction.HIGHER,
                "champion": values.get(CHAMPION, {}).get(metric.name),
                "challenger": values[CHALLENGER][metric.name],
                "anchor": values.get(ANCHOR, {}).get(metric.name),
                "difference": estimate.difference if against else None,
                "low": low,
                "high": high,
            }
        )
    return table


def _calibration(decision: Decision) -> dict[str, object] | None:
    if not decision.judgement or not decision.judgement.calibration:
        return None
    reports = decision.judgement.calibration
    return {model: report.to_mapping() for model, report in reports.items()}


def _plain(value: object) -> object:
    """*value* as JSON has it: no NaN, no infinity, no tuples, no numpy."""
    match value:
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case np.generic():
            return _plain(value.item())
        case float():
            return value if isfinite(value) else None
        case _:
            return value
