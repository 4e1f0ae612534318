"""
What must be so before anything is judged: enough rows, the right rows, rows the models never saw.

Law: a precondition that fails makes the decision INVALID and spends nothing of a hold-out; one
that cannot be looked at, though the policy asks for it, fails.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.folded import bins, reaches
from airflow_aml_retrain.gate.judging.results import Precondition
from airflow_aml_retrain.gate.judging.timeliness import timely
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.rules.sections import OperatingPoint
from airflow_aml_retrain.gate.scores.operating import cuts
from airflow_aml_retrain.gate.scores.slices import vanished
from airflow_aml_retrain.gate.stretches import stretches

_GROUPS = 10
"""Into how many equal shares of the champion's scores the population stability index cuts."""

_CLUSTERS = 40
"""Of fewer that are very alike an end of an interval is missed with up to twice its alpha."""


def preconditions(rows: Rows, policy: Policy, facts: Facts) -> tuple[Precondition, ...]:
    """Every precondition of *policy*, the met ones too."""
    return (
        *_enough(rows, policy),
        *_clustered(rows, policy),
        *_known_again(policy),
        *_clean(rows, policy),
        *timely(rows, policy, facts),
        *_alike(rows, policy),
        *_unseen(policy, facts),
    )


def _least(name: str, needed: int, there: int, what: str) -> Precondition:
    reason = f"The hold-out has {there:,} {what}; at least {needed:,} are required."
    if there < needed:
        reason += f" Add {needed - there:,} more, or lower {name}."
    return Precondition(
        name=name,
        required=f"at least {needed:,}",
        observed=f"{there:,}",
        passed=there >= needed,
        reason=reason,
    )


def _most(name: str, allowed: float, there: float, what: str, mend: str) -> Precondition:
    reason = f"{what}: {there:.6g}, at most {allowed:.6g} is allowed."
    if there > allowed:
        reason += f" {mend}"
    return Precondition(
        name=name,
        required=f"at most {allowed:.6g}",
        observed=f"{there:.6g}",
        passed=there <= allowed,
        reason=reason,
    )


def _enough(rows: Rows, policy: Policy) -> Iterator[Precondition]:
    asked = policy.preconditions
    yield _least("min_rows", asked.min_rows, len(rows), "rows")
    if rows.task is Task.REGRESSION:
        return
    counts = _by_class(rows)
    rarest = int(counts.argmin())
    yield _least(
        "min_positives",
        asked.min_positives,
        int(counts[rarest]),
        f"rows of its rarest class {rows.classes[rarest]!r}",
    )
    if asked.min_discordant and CHAMPION in rows.scores:
        apart = _apart(rows, policy.decision.operating_point)
        yield _least(
            "min_discordant", asked.min_discordant, apart, "rows that the models answer differently"
        )


def _clustered(rows: Rows, policy: Policy) -> Iterator[Precondition]:
    if rows.clusters is None:
        return
    there = int(rows.clusters.max()) + 1
    reason = f"The rows go together in {there:,} clusters by {policy.data.cluster_key}"
    few = f"; with fewer than {_CLUSTERS} the doubt is easily understated, so add some."
    yield Precondition(
        name="clusters",
        required=f"at least {_CLUSTERS}",
        observed=f"{there:,}",
        passed=there >= _CLUSTERS,
        reason=reason + ("." if there >= _CLUSTERS else few),
        severity="warn",
    )


def _known_again(policy: Policy) -> Iterator[Precondition]:
    if policy.data.id is not None:
        return
    yield Precondition(
        name="holdout_ids",
        required="ids of the rows",
        observed="none",
        passed=False,
        reason="Without ids this hold-out is known again only by the very same rows in the same "
        "order; name data.id, so that rows that come back in another order or number count as "
        "used.",
        severity="warn",
    )


def _by_class(rows: Rows) -> NDArray[np.int64]:
    """How many rows each class has."""
    if rows.task is Task.BINARY:
        positive = int(np.count_nonzero(rows.truth))
        return np.array([len(rows) - positive, positive], dtype=np.int64)
    # A stretch at a time, for counting widens what it sees.
    counts = np.zeros(len(rows.classes), dtype=np.int64)
    for at in stretches(len(rows)):
        counts += np.bincount(rows.truth[at], minlength=len(counts))
    return counts


def _apart(rows: Rows, point: OperatingPoint) -> int:
    """How many rows the models answer differently, each where it would say yes in service."""
    if rows.task is Task.MULTICLASS:
        return int(np.count_nonzero(rows.said[CHAMPION] != rows.said[CHALLENGER]))
    at = cuts(rows, point)
    old, new = (reaches(rows.scores[model], at[model]) for model in (CHAMPION, CHALLENGER))
    return int(np.count_nonzero(old != new))


def _clean(rows: Rows, policy: Policy) -> Iterator[Precondition]:
    asked, met = policy.preconditions, rows.quality
    yield _most(
        "max_null_fraction",
        asked.max_null_fraction,
        _lost(rows),
        "Share of rows without a label or a score",
        f"Fill them in or leave them out of the hold-out{_where(met.example)}.",
    )
    yield _most(
        "max_duplicate_ids",
        asked.max_duplicate_ids,
        met.duplicates,
        "Rows whose id came before",
        f"Make data.id unique{_where(met.example)}.",
    )
    matched = len(rows) / (len(rows) + met.unmatched)
    passed = matched >= asked.min_matched_fraction
    mend = f" {met.unmatched:,} rows are not in all files{_where(met.example)}; score all models "
    mend += "over the same rows."
    yield Precondition(
        name="min_matched_fraction",
        required=f"at least {asked.min_matched_fraction:.6g}",
        observed=f"{matched:.6g}",
        passed=passed,
        reason=f"Share of rows that every model scored: {matched:.6g}, at least "
        f"{asked.min_matched_fraction:.6g} is required.{'' if passed else mend}",
    )


def _lost(rows: Rows) -> float:
    """
    The share of rows dropped for what any file lacks, or of rows that one file lacks it in.

    The files may lack different rows, so that more are dropped than any one of them lacks; and one
    may lack rows that are matched with no other's.
    """
    met = rows.quality
    dropped = met.incomplete / (len(rows) + met.incomplete)
    return max(dropped, max(met.nulls.values(), default=0) / max(met.read.values()))


def _where(example: str) -> str:
    return f" ({example})" if example else ""


def _alike(rows: Rows, policy: Policy) -> Iterator[Precondition]:
    asked = policy.preconditions
    if asked.label_values is not None:
        strange = [value for value in rows.classes if value not in asked.label_values]
        yield Precondition(
            name="label_values",
            required=", ".join(asked.label_values),
            observed=", ".join(rows.classes),
            passed=not strange,
            reason=f"The label holds {', '.join(map(repr, rows.classes))}"
            + (f"; {strange[0]!r} is none of the policy's label_values." if strange else "."),
        )
    if asked.label_rate is not None and rows.task is Task.BINARY:
        yield _label_rate(rows, asked.label_rate.reference, asked.label_rate.max_ratio)
    if asked.max_score_psi is not None and _has_one_score(rows):
        psi = stability(rows.scores[CHAMPION], rows.scores[CHALLENGER])
        found = _most(
            "max_score_psi",
            asked.max_score_psi,
            psi,
            "Population stability index of the challenger's scores against the champion's",
            "The challenger scores on another scale; thresholds may need to change.",
        )
        yield replace(found, severity="warn")
    gone = vanished(rows, policy.slices) if policy.slices else ()
    if policy.slices and policy.slices.must_exist:
        yield Precondition(
            name="must_exist",
            required=", ".join(policy.slices.must_exist),
            observed=f"{len(gone)} missing",
            passed=not gone,
            reason=f"No row of the hold-out is in {', '.join(gone)}; find out where they went."
            if gone
            else "Every slice that must exist is there.",
        )


def _label_rate(rows: Rows, reference: float, max_ratio: float) -> Precondition:
    rate = float(np.count_nonzero(rows.truth)) / len(rows)
    ratio = max(rate / reference, reference / rate) if rate else float("inf")
    return _most(
        "label_rate",
        max_ratio,
        ratio,
        f"Positive share {rate:.4g} against the usual {reference:.4g}, as a ratio",
        "The hold-out is not what it was; look at how it was drawn.",
    )


def _has_one_score(rows: Rows) -> bool:
    return rows.task is Task.BINARY and CHAMPION in rows.scores


def stability(old: NDArray[np.float32], new: NDArray[np.float32]) -> float:
    """
    The population stability index of *new* folded scores over ten equal shares of *old*.

    A share that is empty counts as half a row, so that the index is always finite.
    """
    codes = np.sort(bins(old))
    cuts = np.unique(codes[[len(codes) * at // _GROUPS for at in range(1, _GROUPS)]])
    before, after = (
        np.maximum(
            np.bincount(np.searchsorted(cuts, bins(s), "right"), minlength=len(cuts) + 1), 0.5
        )
        / len(s)
        for s in (old, new)
    )
    return float(((after - before) * np.log(after / before)).sum())


def _unseen(policy: Policy, facts: Facts) -> Iterator[Precondition]:
    allowed = policy.preconditions.max_train_overlap
    if allowed is None:
        return
    if facts.train_overlap is None:
        yield Precondition(
            name="max_train_overlap",
            required=f"at most {allowed:.6g}",
            observed="unknown",
            passed=False,
            reason="How many rows of the hold-out were trained on is not known; give it, or "
            "leave max_train_overlap out.",
        )
        return
    yield _most(
        "max_train_overlap",
        allowed,
        facts.train_overlap,
        "Share of hold-out rows that the challenger was trained on",
        "Hold out rows that no training sees.",
    )
