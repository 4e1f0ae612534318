"""Conversations without a socket and without a clock: answers from a list, steps into one."""

from collections.abc import Iterable, Mapping
from json import dumps
from typing import TypeVar, cast

from airflow_aml_retrain.errors import ServiceUnavailable
from airflow_aml_retrain.wire.conversation import Conversation, Pause, Request, Response

T = TypeVar("T")

Answer = Response | ServiceUnavailable


def rehearse(
    conversation: Conversation[T],
    answers: Iterable[Answer],
    steps: list[str] | None = None,
    requests: list[Request] | None = None,
) -> T:
    """
    Hold *conversation*, giving it *answers* in turn, and return what it returns.

    What it did is appended to *steps* ("GET https://...", "pause 5") and *requests*.
    """
    told = iter(answers)
    outcome: Answer | None = None
    while True:
        try:
            step = (
                conversation.throw(outcome)
                if isinstance(outcome, ServiceUnavailable)
                else conversation.send(outcome)
            )
        except StopIteration as end:
            return cast("T", end.value)
        outcome = None
        match step:
            case Request():
                _note(step, steps, requests)
                outcome = next(told)
            case Pause(seconds) if steps is not None:
                steps.append(f"pause {seconds:g}")


def answered(
    body: object = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer whose body is *body* as JSON (None: empty)."""
    return Response(status, b"" if body is None else dumps(body).encode(), headers or {}, 0.0)


def refused(status: int, code: str = "", reason: str = "", **details: str) -> Response:
    """An answer in the services' error envelope."""
    told = [{"code": name, "message": message} for name, message in details.items()]
    return answered({"error": {"code": code, "message": reason, "details": told}}, status)


def _note(step: Request, steps: list[str] | None, requests: list[Request] | None) -> None:
    if steps is not None:
        steps.append(step.line + (" with a renewed key" if step.renew else ""))
    if requests is not None:
        requests.append(step)
