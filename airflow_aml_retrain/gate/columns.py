"""
Which column of a scored CSV is what: Azure's names are known, so that its files need no set-up.

Binary models write `Scored Labels` and `Scored Probabilities` (Studio) or the same with `Binary
Class` before them (designer, v2); regression writes `Scored Labels` or `Regression Scored Labels`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy

_SCORES: Final[Mapping[Task, tuple[str, ...]]] = {
    Task.BINARY: ("Scored Probabilities", "Binary Class Scored Probabilities"),
    Task.REGRESSION: ("Scored Labels", "Regression Scored Labels"),
}
_SCORED_LABELS: Final = ("Scored Labels", "Binary Class Scored Labels")
_MULTICLASS: Final = ("Scored Probabilities for Class", "Multi Class Scored")


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions in the header; *scored_label* is None where there is none or no use for it."""

    task: Task
    label: int
    score: int
    scored_label: int | None


def find_columns(header: Sequence[str], policy: Policy) -> Columns:
    """The columns that *policy* is about; `GateError` names the ones that exist."""
    names = [name.strip() for name in header]
    if policy.label is None:
        msg = f"the policy names no label: set it to the column of the truth{_existing(names)}"
        raise GateError(msg)
    if policy.label in {policy.score, *_SCORED_LABELS, *_SCORES[Task.REGRESSION]}:
        msg = f"label {policy.label!r} is what a model said, not the truth{_existing(names)}"
        raise GateError(msg)
    task = _task(names, policy)
    if task is not policy.asked_task:
        msg = (
            f"the policy checks {policy.checks[0].metric}, a metric of {policy.asked_task}, "
            f"and the columns are those of {task}{_existing(names)}"
        )
        raise GateError(msg)
    scores = (policy.score,) if policy.score else _SCORES[task]
    return Columns(
        task=task,
        label=_position(names, (policy.label,), "label"),
        score=_position(names, scores, "score"),
        scored_label=_scored_label(names) if task is Task.BINARY else None,
    )


def _task(names: Sequence[str], policy: Policy) -> Task:
    if policy.task is not None:
        return policy.task
    if policy.score is not None:
        return policy.asked_task
    for task in Task:
        if any(name in names for name in _SCORES[task]):
            return _not_multiclass(names, task)
    return _not_multiclass(names, policy.asked_task)


def _not_multiclass(names: Sequence[str], task: Task) -> Task:
    if task is not Task.BINARY and any(name.startswith(_MULTICLASS) for name in names):
        msg = f"this gate cannot judge a multiclass model{_existing(names)}"
        raise GateError(msg)
    return task


def _position(names: Sequence[str], wanted: Sequence[str], what: str) -> int:
    present = [position for position, name in enumerate(names) if name in wanted]
    if not present:
        msg = f"there is no {what} column {' or '.join(map(repr, wanted))}{_existing(names)}"
        raise GateError(msg)
    if len(present) > 1:
        found = ", ".join(repr(names[position]) for position in present)
        msg = f"there is more than one {what} column: {found}; name one in the policy"
        raise GateError(msg)
    return present[0]


def _scored_label(names: Sequence[str]) -> int | None:
    present = [position for position, name in enumerate(names) if name in _SCORED_LABELS]
    return present[0] if len(present) == 1 else None


def _existing(names: Sequence[str]) -> str:
    hint = ""
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        hint = " (the columns of a CSV are separated by commas)"
    return f"; the columns are: {', '.join(map(ascii, names)) or 'none'}{hint}"
