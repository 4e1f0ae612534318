"""
A decision as a document that outlives its run.

Law: the *body* depends on nothing but policy, data, models and hold-out budget: same input, same
bytes. Times, versions, names of the run and the place in the chain are the *envelope*. The
document's hash covers the body. Floats are written as Python writes them, which reads back to the
same number. A record is never changed: a person who decides otherwise writes a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final, Self, cast

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.json_documents import compact, opened, plain, readable
from airflow_aml_retrain.gate.verdict import Verdict

SCHEMA: Final = "gate.decision/2"
"""Published, whole, as `decision_schema.json` beside this module."""

_VERDICTS: Final = frozenset(verdict.value for verdict in Verdict)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """
    The document: *body* is what was decided and why, *envelope* when, where and by which code.

    Both are JSON objects and hold no secret: the caller names models by their location. What JSON
    cannot hold (NaN, infinity) becomes null here.
    """

    body: Mapping[str, object]
    envelope: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", plain(self.body))
        object.__setattr__(self, "envelope", plain(self.envelope))

    @property
    def sha256(self) -> str:
        return sha256(compact(self.body)).hexdigest()

    @property
    def verdict(self) -> Verdict:
        return Verdict(str(self.body["verdict"]))

    @property
    def headline(self) -> str:
        return str(self.body["headline"])

    @property
    def models(self) -> object:
        """The models as whoever judged named them; to be checked before it is believed."""
        return self.body["models"]

    def enveloped(self, more: Mapping[str, object]) -> Self:
        """The same decision, with *more* known of when and where it was made."""
        return replace(self, envelope={**self.envelope, **more})

    def overridden(
        self, *, by: str, why: str, place: str, envelope: Mapping[str, object] | None = None
    ) -> Self:
        """
        The record of a person's decision to promote, over this one, which lies at *place*.

        *by* is who, *why* their reason. All that was measured is kept as it was; where the gate
        would not promote, what it advised and promised is not. `GateError` for an INVALID
        decision, which measured nothing that a person could weigh, and for nobody.
        """
        if self.verdict is Verdict.INVALID:
            msg = f"{place} is INVALID and cannot be overridden; mend what it names and judge again"
            raise GateError(msg)
        if not by.strip():
            msg = f"an override of {place} must say who decided"
            raise GateError(msg)
        agrees = self.verdict is Verdict.PROMOTE
        deed = "approved" if agrees else "let in"
        body = {
            **self.body,
            **({} if agrees else _let_in(by, why)),
            "verdict": Verdict.PROMOTE,
            "headline": f"{Verdict.PROMOTE}: {deed} by {by}; the gate said {self.headline}",
            "override": {
                "of": place,
                "of_sha256": self.sha256,
                "verdict": self.verdict,
                "by": by,
                "why": why,
            },
        }
        return replace(self, body=body, envelope=envelope or {})

    def to_json(self) -> bytes:
        return readable(
            {
                "schema": SCHEMA,
                "body": self.body,
                "body_sha256": self.sha256,
                "envelope": self.envelope,
            }
        )

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """
        The record in *content*.

        `GateError` if it is none, if another version wrote it, or if its body was changed.
        """
        match opened(content, SCHEMA, "decision record"):
            case {
                "body": {"verdict": verdict, "headline": str(), "models": dict()} as body,
                "body_sha256": str(digest),
                "envelope": dict(envelope),
            } if verdict in _VERDICTS:
                record = cls(cast("dict[str, object]", body), envelope)
            case _:
                msg = f"this is JSON, and not a decision record of schema {SCHEMA!r}"
                raise GateError(msg)
        if record.sha256 != digest:
            msg = f"the body of this decision record was changed: its hash is not {digest}"
            raise GateError(msg)
        return record


def _let_in(by: str, why: str) -> dict[str, object]:
    """What is said otherwise of a challenger that a person lets in and the gate would not."""
    return {
        "reasons": [f"{by} let it in: {why}" if why else f"{by} let it in."],
        "guarantee": None,
        "next_step": "The challenger may go into service.",
        "rows_needed": None,
    }
