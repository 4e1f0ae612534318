"""
Which column of a scored file is what: Azure's names are known, so that its files need no set-up.

Binary models write `Scored Labels` and `Scored Probabilities` (Studio) or the same with `Binary
Class` before them (designer, v2); regression writes `Scored Labels` or `Regression Scored Labels`;
multiclass writes `Scored Labels` or `Multi Class Scored Labels` and, for each class x,
`Scored Probabilities for Class "x"` (Studio) or `Scored Probabilities_x` (designer, v2).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rows import ANCHOR
from airflow_aml_retrain.gate.spelling import canonical

_SCORES: Final[Mapping[Task, tuple[str, ...]]] = {
    Task.BINARY: ("Scored Probabilities", "Binary Class Scored Probabilities"),
    Task.REGRESSION: ("Scored Labels", "Regression Scored Labels"),
}
_SAID: Final[Mapping[Task, tuple[str, ...]]] = {
    Task.BINARY: ("Scored Labels", "Binary Class Scored Labels"),
    Task.MULTICLASS: ("Scored Labels", "Multi Class Scored Labels"),
    Task.REGRESSION: (),
}
_SCORE_OF_CLASS: Final = re.compile(
    r'(?:Multi Class )?Scored Probabilities(?: for Class |_)"?(?P<name>.+?)"?', re.DOTALL
)
_MODELS_OWN: Final = {name for names in (*_SCORES.values(), *_SAID.values()) for name in names}


@dataclass(frozen=True, slots=True)
class Columns:
    """
    Positions in the header of what a model was asked and answered.

    *scores* is one column or, for multiclass, one for each of *classes*. *said* is the column of
    the scored labels, *id* that of the ids; None where there is none or no use for it.
    """

    task: Task
    label: int
    scores: tuple[int, ...]
    classes: tuple[str, ...] = ()
    said: int | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class MarkColumns:
    """Positions in one file's header of what rows are told apart by, whoever scored them."""

    slices: Mapping[str, int] = field(default_factory=dict)
    cluster: int | None = None
    time: int | None = None


def find_columns(header: Sequence[str], policy: Policy) -> Columns:
    """The columns that *policy* is about; `GateError` names the ones that exist."""
    data = policy.data
    if data.label is None:
        advice = "set data.label to the column of the truth"
        msg = f"the policy names no label: {advice}{_existing(header)}"
        raise GateError(msg)
    if data.label in _MODELS_OWN or _SCORE_OF_CLASS.fullmatch(data.label):
        msg = f"label {data.label!r} is what a model said, not the truth{_existing(header)}"
        raise GateError(msg)
    task = _task(header, policy)
    scores = _scores(header, task, data.score)
    return Columns(
        task=task,
        label=_position(header, (data.label,), "label"),
        scores=tuple(scores.values()),
        classes=tuple(scores) if task is Task.MULTICLASS else (),
        said=_said(header, task),
        id=None if data.id is None else _position(header, (data.id,), "id"),
    )


def find_marks(headers: Mapping[str, Sequence[str]], policy: Policy) -> Mapping[str, MarkColumns]:
    """
    By model, the columns of slices, clusters and time that are read from its file.

    Each is read from the first of *headers* that has it, which are therefore in order: champion,
    challenger. Never from the anchor's, since nobody compares the anchor's rows by group.
    """
    compared = {model: header for model, header in headers.items() if model != ANCHOR}
    slices = {name: _owner(compared, name, "slice") for name in policy.slice_columns}
    cluster = _owner(compared, policy.data.cluster_key, "cluster_key")
    time = _owner(compared, policy.data.time, "time")
    return {
        model: MarkColumns(
            {name: at for name, (owner, at) in slices.items() if owner == model},
            cluster[1] if cluster[0] == model else None,
            time[1] if time[0] == model else None,
        )
        for model in headers
    }


def _owner(
    headers: Mapping[str, Sequence[str]], name: str | None, what: str
) -> tuple[str | None, int]:
    """The first model whose file has the column *name*, and where; nobody if *name* is None."""
    if name is None:
        return None, 0
    for model, header in headers.items():
        if name in header:
            return model, _position(header, (name,), what)
    everywhere = list(dict.fromkeys(chain(*headers.values())))
    return None, _position(everywhere, (name,), what)


def _task(header: Sequence[str], policy: Policy) -> Task:
    asked, found = policy.asked_task, _found_task(header, policy)
    if found is None:
        return next(task for task in Task if task in asked)
    if found not in asked:
        metrics = ", ".join(dict.fromkeys(check.metric for check in policy.checks))
        msg = (
            f"the policy checks {metrics}, a metric of {' or '.join(sorted(asked))}, "
            f"and the columns are those of {found}{_existing(header)}"
        )
        raise GateError(msg)
    return found


def _found_task(header: Sequence[str], policy: Policy) -> Task | None:
    """The kind of model that writes such columns; None if they do not tell."""
    data = policy.data
    if data.task is not None:
        return data.task
    if data.score is not None:
        begun = any(_class_of(name, data.score) for name in header)
        return Task.MULTICLASS if begun and data.score not in header else None
    if any(_class_of(name, None) for name in header):
        return Task.MULTICLASS
    return next((task for task, names in _SCORES.items() if set(names) & set(header)), None)


def _scores(header: Sequence[str], task: Task, score: str | None) -> dict[str, int]:
    """Where the scores are: by class or, where there is one column, by its name."""
    if task is not Task.MULTICLASS:
        wanted = (score,) if score else _SCORES[task]
        return {"": _position(header, wanted, "score")}
    found = [(_class_of(name, score), at) for at, name in enumerate(header)]
    scores = {name: at for name, at in found if name}
    if len(scores) < 2 or len(scores) < sum(bool(name) for name, _ in found):
        begun = f"{score}x" if score else 'Scored Probabilities for Class "x"'
        msg = f"there must be one column {begun} for each class x{_existing(header)}"
        raise GateError(msg)
    return scores


def _class_of(name: str, beginning: str | None) -> str:
    """Of which class a column has the scores; "" if of none."""
    if beginning is not None:
        return canonical(name[len(beginning) :].strip(' "')) if name.startswith(beginning) else ""
    found = _SCORE_OF_CLASS.fullmatch(name)
    return canonical(found["name"]) if found else ""


def _position(header: Sequence[str], wanted: Sequence[str], what: str) -> int:
    present = [position for position, name in enumerate(header) if name in wanted]
    if not present:
        msg = f"there is no {what} column {' or '.join(map(repr, wanted))}{_existing(header)}"
        raise GateError(msg)
    if len(present) > 1:
        found = ", ".join(repr(header[position]) for position in present)
        msg = f"there is more than one {what} column: {found}; name one in the policy"
        raise GateError(msg)
    return present[0]


def _said(header: Sequence[str], task: Task) -> int | None:
    present = [position for position, name in enumerate(header) if name in _SAID[task]]
    return present[0] if len(present) == 1 else None


def _existing(header: Sequence[str]) -> str:
    hint = ""
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        hint = " (the columns of a CSV are separated by commas)"
    return f"; the columns are: {', '.join(map(ascii, header)) or 'none'}{hint}"
