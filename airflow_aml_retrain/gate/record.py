"""
A decision as a document that outlives its run.

Law: the *body* depends on nothing but policy, data and models: same input, same bytes. Times,
versions and names of the run are the *envelope*, which the caller gives. The document's hash
covers the body. Floats are written as Python writes them, which reads back to the same number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import Final, NoReturn, Self

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.checks import CheckResult, Estimate
from airflow_aml_retrain.gate.decision import Decision
from airflow_aml_retrain.gate.holdout import Holdout
from airflow_aml_retrain.gate.verdict import Verdict

SCHEMA: Final = "gate.decision/1"


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """
    The document: *body* is what was decided and why, *envelope* when, where and by which code.

    Both are JSON objects and hold no secret: the caller names models by their location.
    """

    body: Mapping[str, object]
    envelope: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        decision: Decision,
        *,
        models: Mapping[str, object] | None = None,
        envelope: Mapping[str, object] | None = None,
    ) -> Self:
        """
        The record of *decision*.

        *models* says which champion and challenger were judged; *envelope* holds decided_at,
        decision_id, versions, timings, dag_id, run_id, task_id and whatever else is known.
        """
        return cls(_body(decision, models or {}), dict(envelope or {}))

    @property
    def sha256(self) -> str:
        return sha256(_compact(self.body)).hexdigest()

    @property
    def verdict(self) -> Verdict:
        return Verdict(str(self.body["verdict"]))

    @property
    def headline(self) -> str:
        return str(self.body["headline"])

    @property
    def models(self) -> object:
        """The models as the caller of `of` named them; to be checked before it is believed."""
        return self.body["models"]

    def to_json(self) -> bytes:
        document = {
            "schema": SCHEMA,
            "body": self.body,
            "body_sha256": self.sha256,
            "envelope": self.envelope,
        }
        text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """
        The record in *content*.

        `GateError` if it is none, if a newer version wrote it, or if its body was changed.
        """
        try:
            document = json.loads(content, parse_constant=_refused)
        except ValueError as exc:
            msg = f"a decision record is JSON; this is not: {content[:60]!r}"
            raise GateError(msg) from exc
        match document:
            case {"schema": str(schema)} if schema != SCHEMA:
                msg = (
                    f"this decision record is written as {schema!r} and we read {SCHEMA!r}; read "
                    "it with the version of airflow-aml-retrain that wrote it"
                )
                raise GateError(msg)
            case {
                "schema": str(),
                "body": dict(body),
                "body_sha256": digest,
                "envelope": dict(env),
            }:
                record = cls(body, env)
            case _:
                msg = f"this is JSON, and not a decision record of schema {SCHEMA!r}"
                raise GateError(msg)
        if record.sha256 != digest:
            msg = f"the body of this decision record was changed: its hash is not {digest}"
            raise GateError(msg)
        return record


def _refused(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


def _compact(body: Mapping[str, object]) -> bytes:
    text = json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def _body(decision: Decision, models: Mapping[str, object]) -> dict[str, object]:
    policy = decision.policy
    return {
        "verdict": decision.verdict.value,
        "headline": decision.headline,
        "reasons": list(decision.reasons),
        "policy": policy.to_mapping() if policy else None,
        "policy_sha256": policy.sha256 if policy else None,
        "models": dict(models),
        "rows": decision.rows,
        "holdout": _holdout(decision.holdout),
        "checks": [_check(result) for result in decision.checks],
        "estimates": {number.metric: _estimate(number) for number in decision.estimates},
        "telling_rows": list(decision.telling_rows),
    }


def _holdout(holdout: Holdout | None) -> dict[str, object] | None:
    if holdout is None:
        return None
    return {
        "id": f"sha256:{holdout.sha256}",
        "rows": holdout.rows,
        "classes": list(holdout.classes),
        "positive": holdout.positive or None,
    }


def _check(result: CheckResult) -> dict[str, object]:
    return {
        "name": result.check.name,
        **result.check.to_mapping(),
        **_estimate(result.estimate),
        "outcome": result.outcome.value,
        "reason": result.reason,
    }


def _estimate(estimate: Estimate) -> dict[str, object]:
    return {
        "champion": _number(estimate.champion),
        "challenger": _number(estimate.challenger),
        "difference": _number(estimate.difference),
    }


def _number(value: float | None) -> float | None:
    """JSON has no NaN and no infinity; a metric nobody asked for may be one."""
    return value if value is not None and isfinite(value) else None
