"""
A retrained model on its staging endpoint.

Law: that the service accepted it is no proof that it answers. Staging is taken to answer with the
model when its answers have changed and stay so, or when the time has passed in which the service
promises to serve a new model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.conversation import Conversation, pause
from airflow_aml_retrain.wire.verbs import Row, Verbs


@dataclass(frozen=True, slots=True)
class Staged:
    """Which resource of the staging endpoint was replaced, and whether its answers changed."""

    resource: str
    changed: bool


def stage(
    verbs: Verbs,
    model: ModelBlob,
    resource: str,
    *,
    rows: Sequence[Row],
    every: float,
    within: float,
) -> Conversation[Staged]:
    """
    Put *model* on a staging endpoint and wait until it answers *rows* with it.

    That is seen when its answers have changed and stay so. Two models can answer all rows
    alike, so after *within* seconds of waiting, the time in which the service promises to
    serve a new model, it is taken to serve. An earlier try may have put it there, and old and
    new then answer in turn: all of that time is waited out.
    """
    already = (yield from verbs.serving()).models.get(resource)
    before = yield from verbs.score(rows)
    yield from verbs.publish(model, resource)
    if already and already.location == model.location:
        yield from pause(within)
        return Staged(resource, changed=False)
    waited, last = 0.0, before
    while waited < within:
        yield from pause(every)
        waited += every
        answers = yield from verbs.score(rows)
        if answers == last != before:
            return Staged(resource, changed=True)
        last = answers
    return Staged(resource, changed=last != before)
