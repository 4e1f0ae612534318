"""
A retrained model on its staging endpoint.

Law: that the service accepted it is no proof that it answers. Staging is taken to answer with the
model when its answers have changed and stay so, or when the time has passed in which the service
promises to serve a new model.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.conversation import Conversation, pause
from airflow_aml_retrain.wire.verbs import Row, Verbs


@dataclass(frozen=True, slots=True)
class Placed:
    """
    A model that a staging endpoint has accepted.

    *operation* is what the service still does then, *before* stands for how the endpoint
    answered until then, and *again* says that an earlier try may have put the model there.
    """

    resource: str
    operation: str
    before: str
    again: bool


@dataclass(frozen=True, slots=True)
class Staged:
    """Which resource of the staging endpoint was replaced, and whether its answers changed."""

    resource: str
    changed: bool


def place(
    verbs: Verbs, model: ModelBlob, resource: str, *, rows: Sequence[Row]
) -> Conversation[Placed]:
    """Put *model* on a staging endpoint, after noting how it answers *rows* until then."""
    already = (yield from verbs.serving()).models.get(resource)
    before = yield from answered(verbs, rows)
    operation = yield from verbs.publish(model, resource)
    again = already is not None and already.location == model.location
    return Placed(resource, operation, before, again)


def see_answering(
    verbs: Verbs,
    placed: Placed,
    location: str,
    *,
    rows: Sequence[Row],
    every: float,
    within: float,
) -> Conversation[Staged]:
    """
    Wait until the endpoint answers *rows* with the model at *location*.

    That is seen when its answers have changed and stay so. Two models can answer all rows
    alike, so after *within* seconds of waiting, the time in which the service promises to
    serve a new model, it is taken to serve. An earlier try may have put it there, and old and
    new then answer in turn: all of that time is waited out. Raises `UpdateFailed`.
    """
    yield from verbs.followed(
        placed.operation, resource=placed.resource, location=location, every=every
    )
    if placed.again:
        yield from pause(within)
        return Staged(placed.resource, changed=False)
    waited, last = 0.0, placed.before
    while waited < within:
        yield from pause(every)
        waited += every
        answers = yield from answered(verbs, rows)
        if answers == last != placed.before:
            return Staged(placed.resource, changed=True)
        last = answers
    return Staged(placed.resource, changed=last != placed.before)


def answered(verbs: Verbs, rows: Sequence[Row]) -> Conversation[str]:
    """What stands for the answers to *rows*: the same for the same answers."""
    answers = yield from verbs.score(rows)
    return sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()
