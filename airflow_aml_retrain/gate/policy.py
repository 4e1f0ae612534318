"""
What "good enough" means, written down by the user before the numbers are known.

Law: there is no default rule. A policy without a check that can refuse is refused itself, and so
is a key that is not known, since a misspelt rule would be a rule that is never applied.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain
from typing import ClassVar, Self

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.estimates import Against
from airflow_aml_retrain.gate.metrics import Task, metric_named
from airflow_aml_retrain.gate.rules.check import ALL, Check, Mode, Severity
from airflow_aml_retrain.gate.rules.parsing import Section
from airflow_aml_retrain.gate.rules.sections import (
    Calibration,
    Data,
    DecisionRules,
    Flips,
    HoldoutRules,
    Operations,
    Preconditions,
    Slices,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Section):
    """All the rules of one *gate*; docs/policy.md tells them to the user, key by key."""

    place: ClassVar[str] = ""

    gate: str = "gate"
    data: Data = field(default_factory=Data)
    decision: DecisionRules = field(default_factory=DecisionRules)
    preconditions: Preconditions = field(default_factory=Preconditions)
    checks: tuple[Check, ...] = ()
    calibration: Calibration | None = None
    flips: Flips | None = None
    slices: Slices | None = None
    operations: Operations | None = None
    holdout: HoldoutRules = field(default_factory=HoldoutRules)

    @classmethod
    def load(cls, text: str) -> Self:
        """A policy from YAML or JSON; `GateError` says what is wrong with it, and where."""
        from airflow_aml_retrain.gate.rules.policy_text import document

        return cls.parse(document(text))

    def require_sense(self) -> None:
        self._require_rules()
        self._require_one_task()
        self._require_columns()

    def _require_rules(self) -> None:
        if not self.checks:
            msg = "the gate has no rules; refusing to promote by default"
            raise GateError(msg)
        required = [check for check in self.checks if check.severity is Severity.FAIL]
        if not required:
            msg = (
                "every check of the policy only warns; refusing to promote by default. "
                "Leave severity: warn out of at least one"
            )
            raise GateError(msg)
        if all(check.mode is Mode.VETO for check in required):
            msg = (
                "every required check of the policy is a veto, which passes when little is known; "
                "refusing to promote by default. Add one of mode prove"
            )
            raise GateError(msg)
        names = [check.name for check in self.checks]
        for name in names:
            if names.count(name) > 1:
                msg = f"two checks are the same: {name}"
                raise GateError(msg)

    def _require_one_task(self) -> None:
        possible = frozenset(Task) if self.data.task is None else frozenset({self.data.task})
        for asked, tasks in self._asked():
            if not possible & tasks:
                msg = (
                    f"{asked} is for {_either(tasks)} models, and the rest of the policy "
                    f"for {_either(possible)}"
                )
                raise GateError(msg)
            possible &= tasks

    def _asked(self) -> Iterator[tuple[str, frozenset[Task]]]:
        """What was asked for, and the kinds of model that have it."""
        metrics = [check.metric for check in self.checks]
        for metric in (*metrics, *(self.slices.metrics if self.slices else ())):
            yield metric, metric_named(metric).tasks
        if self.calibration:
            yield "calibration", frozenset({Task.BINARY})
        if self.preconditions.label_rate:
            yield "preconditions.label_rate", frozenset({Task.BINARY})
        if self.flips:
            yield "flips", frozenset({Task.BINARY, Task.MULTICLASS})

    def _require_columns(self) -> None:
        if self.data.time is None:
            for rule in self.preconditions.needing_time():
                msg = f"preconditions.{rule} needs the time of a row; name its column in data.time"
                raise GateError(msg)
        if self.data.id is None and self.preconditions.max_train_overlap is not None:
            msg = "preconditions.max_train_overlap compares ids; name their column in data.id"
            raise GateError(msg)

    @property
    def asked_task(self) -> frozenset[Task]:
        """The kinds of model that have everything that is asked for."""
        possible = frozenset(Task) if self.data.task is None else frozenset({self.data.task})
        return possible.intersection(*(tasks for _, tasks in self._asked()))

    @property
    def slice_columns(self) -> tuple[str, ...]:
        """Every column that rows are told apart by: those of slices and of checks' scopes."""
        scopes = (check.scope.partition("=")[0] for check in self.checks if check.scope != ALL)
        return tuple(dict.fromkeys(chain(self.slices.needed if self.slices else (), scopes)))

    def all_checks(self) -> tuple[Check, ...]:
        """The checks, and the guard against drift that `decision.anchor: auto` adds to them."""
        return self.checks + tuple(dict.fromkeys(self._anchor_checks()))

    def _anchor_checks(self) -> Iterator[Check]:
        by_hand = any(check.vs is Against.ANCHOR for check in self.checks)
        if self.decision.anchor == "off" or by_hand:
            return
        for check in self.checks:
            required = check.mode is Mode.PROVE and check.severity is Severity.FAIL
            if required and check.vs is Against.CHAMPION and check.scope == ALL:
                # That it beats the champion is asked once; the anchor only bounds the decay.
                margin = max(check.margin, 0.0)
                yield replace(check, vs=Against.ANCHOR, margin=margin, automatic=True)

    @property
    def sha256(self) -> str:
        """What identifies the policy: the hash of its whole mapping, defaults included."""
        text = json.dumps(self.to_mapping(), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()


def _either(tasks: frozenset[Task]) -> str:
    return " or ".join(sorted(tasks))
