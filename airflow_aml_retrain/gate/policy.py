"""
What "good enough" means, written down by the user before the numbers are known.

Law: there is no default rule. A policy without checks is refused, and so is a key that is not
known, since a misspelt rule would be a rule that is never applied.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import Final, Self

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import Direction, Metric, Task, metric_named, nearest

AUTO: Final = "auto"
CHAMPION: Final = "champion"


@dataclass(frozen=True, slots=True)
class Check:
    """
    One rule about one *metric* of the challenger.

    Either an absolute bound (*at_least* or *at_most*, whichever suits the metric's direction), or
    a comparison *vs* the champion. *margin* always means "may be worse by at most": 0 is "no
    worse", and a negative one demands an improvement.
    """

    metric: str
    vs: str | None = None
    margin: float = 0.0
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metric", metric_named(self.metric).name)
        asked = [self.vs, self.at_least, self.at_most]
        if sum(part is not None for part in asked) != 1:
            msg = f"check on {self.metric}: say one of at_least, at_most, or vs: {CHAMPION}"
            raise GateError(msg)
        if self.vs not in {None, CHAMPION}:
            msg = f"check on {self.metric}: vs is {self.vs!r}, and can only be {CHAMPION!r}"
            raise GateError(msg)
        if self.vs is None and self.margin != 0:
            msg = f"check on {self.metric}: a margin needs vs: {CHAMPION}"
            raise GateError(msg)
        self._require_fitting_bound()

    def _require_fitting_bound(self) -> None:
        higher = self.subject.direction is Direction.HIGHER
        if (self.at_most if higher else self.at_least) is not None:
            right, wrong = ("at_least", "at_most") if higher else ("at_most", "at_least")
            direction = self.subject.direction
            msg = f"check on {self.metric}: {direction} is better, so say {right}, not {wrong}"
            raise GateError(msg)
        if self.bound is not None and not self.subject.low <= self.bound <= self.subject.high:
            msg = (
                f"check on {self.metric}: the bound {self.bound:.10g} lies outside "
                f"[{self.subject.low:g}, {self.subject.high:g}], where the metric lies"
            )
            raise GateError(msg)

    @property
    def subject(self) -> Metric:
        return metric_named(self.metric)

    @property
    def bound(self) -> float | None:
        """The absolute bound; None for a comparison with the champion."""
        return self.at_least if self.at_least is not None else self.at_most

    @property
    def name(self) -> str:
        """The check in a few words, as the table of a decision shows it."""
        if self.vs is None:
            word = "at least" if self.at_least is not None else "at most"
            return f"{self.metric} {word} {self.bound:.10g}"
        if self.margin < 0:
            return f"{self.metric} better than {self.vs} by {-self.margin:.10g}"
        return f"{self.metric} vs {self.vs}, margin {self.margin:.10g}"

    @classmethod
    def parse(cls, given: object) -> Self:
        """A check from one mapping of a policy's `checks`."""
        if not isinstance(given, Mapping):
            msg = f"a check is a mapping such as {{metric: auc, at_least: 0.8}}, not {given!r}"
            raise GateError(msg)
        _require_known(given, _CHECK_KEYS, "check")
        metric = given.get("metric")
        if not isinstance(metric, str):
            msg = f"check {dict(given)!r} names no metric"
            raise GateError(msg)
        vs = given.get("vs")
        if vs is not None and not isinstance(vs, str):
            msg = f"check on {metric}: vs is {vs!r}, and can only be {CHAMPION!r}"
            raise GateError(msg)
        bounds = {
            key: _number(given[key], f"{key} of the check on {metric}")
            for key in ("margin", "at_least", "at_most")
            if given.get(key) is not None
        }
        return cls(metric, vs, **bounds)

    def to_mapping(self) -> dict[str, object]:
        if self.vs is not None:
            return {"metric": self.metric, "vs": self.vs, "margin": self.margin}
        word = "at_least" if self.at_least is not None else "at_most"
        return {"metric": self.metric, word: self.bound}

    def explain(self) -> str:
        """The check as one English sentence."""
        title = self.subject.title
        if self.vs is None:
            word = "at least" if self.at_least is not None else "at most"
            return f"The challenger's {title} must be {word} {self.bound:.10g}."
        if self.margin == 0:
            return f"The challenger's {title} must be no worse than the {self.vs}'s."
        if self.margin < 0:
            return (
                f"The challenger's {title} must be better than the {self.vs}'s "
                f"by at least {-self.margin:.10g}."
            )
        return (
            f"The challenger's {title} may be worse than the {self.vs}'s "
            f"by at most {self.margin:.10g}."
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """
    All the rules of one gate.

    *task* None: found from the columns. *label* is the column of the truth, needed for scored
    rows. *positive* is the label value that scores are the probability of; None: the second in
    sorted order, as the Studio has it. *score* is the column of the scores; None: Azure's names.
    """

    checks: tuple[Check, ...] = field(default=())
    task: Task | None = None
    label: str | None = None
    positive: str | None = None
    score: str | None = None
    threshold: float = 0.5
    min_rows: int = 100

    def __post_init__(self) -> None:
        if not self.checks:
            msg = "the gate has no rules; refusing to promote by default"
            raise GateError(msg)
        self._require_one_task()
        if not 0 <= self.threshold <= 1:
            msg = f"threshold is {self.threshold!r}, and must lie in [0, 1]"
            raise GateError(msg)
        if self.min_rows < 1:
            msg = f"min_rows is {self.min_rows!r}, and must be at least 1"
            raise GateError(msg)

    def _require_one_task(self) -> None:
        asked = self.task or self.checks[0].subject.task
        for check in self.checks:
            if check.subject.task is not asked:
                msg = (
                    f"{check.metric} is a metric of {check.subject.task}, the policy's task {asked}"
                )
                raise GateError(msg)

    @property
    def asked_task(self) -> Task:
        """The task whose metrics the checks are about."""
        return self.checks[0].subject.task

    @property
    def sha256(self) -> str:
        """What identifies the policy: the hash of its whole mapping, defaults included."""
        text = json.dumps(self.to_mapping(), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()

    @classmethod
    def parse(cls, given: object) -> Self:
        """A policy from a DAG param or from JSON; `GateError` says what is wrong with it."""
        if not isinstance(given, Mapping):
            msg = f"a policy is a mapping with a list of checks, not {given!r}"
            raise GateError(msg)
        _require_known(given, _POLICY_KEYS, "policy")
        return cls(
            checks=_checks(given.get("checks")),
            task=_task(given.get("task")),
            label=_text(given.get("label"), "label"),
            positive=_label_value(given.get("positive")),
            score=_text(given.get("score"), "score"),
            threshold=_number(_or(given.get("threshold"), 0.5), "threshold"),
            min_rows=_count(_or(given.get("min_rows"), 100), "min_rows"),
        )

    def to_mapping(self) -> dict[str, object]:
        """The policy with every default written out; `parse` reads it back."""
        return {
            "task": self.task.value if self.task else AUTO,
            "label": self.label,
            "positive": self.positive,
            "score": self.score,
            "threshold": self.threshold,
            "min_rows": self.min_rows,
            "checks": [check.to_mapping() for check in self.checks],
        }

    def explain(self) -> str:
        """The policy in plain English, one rule a line."""
        lines = [
            "The challenger is promoted only if every one of these holds, on the same rows:",
            *(f"* {check.explain()}" for check in self.checks),
            f"With fewer than {self.min_rows} rows nothing is decided and the champion stays.",
        ]
        if self.asked_task is Task.BINARY:
            which = repr(self.positive) if self.positive else "second in sorted order"
            start = f"A row counts as positive (label {which})"
            lines.append(f"{start} from a score of {self.threshold:.10g} up.")
        return "\n".join(lines)


_CHECK_KEYS: Final = ("metric", "vs", "margin", "at_least", "at_most")
_POLICY_KEYS: Final = ("task", "label", "positive", "score", "threshold", "min_rows", "checks")


def _require_known(given: Mapping[object, object], known: Sequence[str], what: str) -> None:
    for key in given:
        if key not in known:
            msg = f"{what} has an unknown key {key!r}{nearest(str(key), known)}"
            raise GateError(msg)


def _checks(given: object) -> tuple[Check, ...]:
    if given is None:
        return ()
    if not isinstance(given, list | tuple):
        msg = f"checks is a list of checks, not {given!r}"
        raise GateError(msg)
    return tuple(Check.parse(check) for check in given)


def _task(given: object) -> Task | None:
    if given is None or given == AUTO:
        return None
    if isinstance(given, str) and given in list(Task):
        return Task(given)
    msg = f"task is {given!r}{nearest(str(given), [AUTO, *Task])}"
    raise GateError(msg)


def _text(given: object, key: str) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given.strip():
        msg = f"{key} is {given!r}, and must be the name of a column"
        raise GateError(msg)
    return given.strip()


def _label_value(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str | int | float) or not str(given).strip():
        msg = f"positive is {given!r}, and must be a value of the label column"
        raise GateError(msg)
    return str(given).strip()


def _number(given: object, what: str) -> float:
    try:
        if isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given):
            return float(given)
    except OverflowError:  # an integer beyond the floats
        pass
    msg = f"{what} is {str(given)[:40]!r}, and must be a number"
    raise GateError(msg)


def _count(given: object, what: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        msg = f"{what} is {given!r}, and must be a whole number"
        raise GateError(msg)
    return given


def _or(given: object, default: object) -> object:
    return default if given is None else given
