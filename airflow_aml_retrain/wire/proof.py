"""
Proving which model an endpoint serves.

That a service accepted an update proves nothing about the model: the endpoint serves a model
when its read-back says so (where it can be read) and when it answers probe rows as that model
was seen to answer them in staging.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.errors import BadInput, UnexpectedAnswer
from airflow_aml_retrain.wire.conversation import Conversation, pause
from airflow_aml_retrain.wire.verbs import Verbs

_STEADY: Final = 2
"""Rounds in a row that must agree: while a model spreads, old and new answer in turn."""

_CLOSE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Probe:
    """A row, and the scored columns with which a model was seen to answer it."""

    row: Mapping[str, str]
    answer: Mapping[str, str]

    def agrees(self, answer: Mapping[str, str]) -> bool:
        """Whether *answer* says the same; numbers may differ by a part in a million."""
        return all(_same(value, answer.get(name)) for name, value in self.answer.items())


@dataclass(frozen=True, slots=True)
class Proof:
    """
    What was seen of an endpoint: each witness agrees, disagrees, or (None) could not be asked.

    *why* says what the last disagreement was.
    """

    by_location: bool | None
    by_answers: bool | None
    why: str = ""

    @property
    def holds(self) -> bool:
        """No witness disagrees, and at least one agrees."""
        said = {self.by_location, self.by_answers}
        return True in said and False not in said

    @property
    def is_proven(self) -> bool:
        """The answers themselves tell the model apart; read-back alone leaves it unproven."""
        return self.holds and self.by_answers is True


_UNSTEADY: Final = Proof(None, by_answers=False, why="its answers keep changing")


def seen_serving(
    verbs: Verbs,
    *,
    resource: str,
    location: str,
    probes: Sequence[Probe],
    every: float,
    within: float,
) -> Conversation[Proof]:
    """
    Look every *every* seconds until the model at *location* is seen serving, steadily.

    After *within* seconds of waiting the last, disagreeing proof is returned. An empty
    *location*, or no *probes*, leaves that witness out.
    """
    waited, steady = 0.0, 0
    while True:
        proof = yield from _look(verbs, resource=resource, location=location, probes=probes)
        steady = steady + 1 if proof.holds else 0
        if steady == _STEADY or (steady == 1 and not probes):
            return proof
        if waited >= within:
            return _UNSTEADY if proof.holds else proof
        yield from pause(every)
        waited += every


def _look(
    verbs: Verbs, *, resource: str, location: str, probes: Sequence[Probe]
) -> Conversation[Proof]:
    by_location, serves = None, ""
    if location:
        serving = yield from verbs.serving()
        model = serving.models.get(resource)
        serves = model.location if model else "nothing"
        by_location = serves == location
    if by_location is False:
        return Proof(by_location, None, f"its read-back names {serves}, not {location}")
    if not probes:
        return Proof(by_location, None)
    try:
        answers = yield from verbs.score([probe.row for probe in probes])
    except UnexpectedAnswer as exc:
        return Proof(by_location, by_answers=False, why=f"it does not answer: {exc}")
    differing = sum(not probe.agrees(answer) for probe, answer in zip(probes, answers, strict=True))
    why = f"{differing} of {len(probes)} probe rows are answered otherwise" if differing else ""
    return Proof(by_location, not differing, why)


def scored_columns(row: Mapping[str, str]) -> dict[str, str]:
    """The columns of a scored row that a model added; both services name them alike."""
    scored = {name: value for name, value in row.items() if "Scored " in name}
    if not scored:
        msg = f"expected scored columns ('Scored Labels', ...), got only {sorted(row)}"
        raise BadInput(msg)
    return scored


def probes_to_json(probes: Sequence[Probe]) -> bytes:
    said = [{"row": dict(probe.row), "answer": dict(probe.answer)} for probe in probes]
    return json.dumps(said, indent=1).encode()


def probes_from_json(data: bytes) -> list[Probe]:
    match json.loads(data):
        case [*said]:
            return [_probe(one) for one in said]
        case other:
            msg = f"expected a list of probe rows, got {type(other).__name__}"
            raise BadInput(msg)


def _probe(said: object) -> Probe:
    match said:
        case {"row": dict() as row, "answer": dict() as answer}:
            return Probe(row, answer)
        case other:
            msg = f"expected a probe with row and answer, got {other!r}"
            raise BadInput(msg)


def _same(one: str, other: str | None) -> bool:
    if one == other:
        return True
    try:
        return math.isclose(float(one), float(other or ""), rel_tol=_CLOSE, abs_tol=_CLOSE)
    except ValueError:
        return False
