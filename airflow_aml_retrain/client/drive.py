"""
Holding a conversation, blocking or not: the only logic of the package that is written twice.

Law: *until* is an absolute time (epoch seconds) and ends waits, not looks. A pause is cut short
at it, the conversation may then ask once more, and the next pause raises `DeadlineExceeded`; so
a conversation that is resumed late still sees what has already come about.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar, cast

from airflow_aml_retrain.errors import DeadlineExceeded, ServiceUnavailable
from airflow_aml_retrain.wire.conversation import Conversation, Pause, Request, Response

T = TypeVar("T")
Outcome = Response | ServiceUnavailable | None


def run(
    conversation: Conversation[T],
    send: Callable[[Request], Response],
    *,
    until: float | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
    spread: Callable[[], float] = random.random,
) -> T:
    """Hold *conversation* over a blocking transport, and return what it returns."""
    outcome: Outcome = None
    asked = "nothing"
    try:
        while True:
            try:
                step = _advance(conversation, outcome)
            except StopIteration as end:
                return cast("T", end.value)
            outcome = None
            match step:
                case Request():
                    asked = step.line
                    try:
                        outcome = send(step)
                    except ServiceUnavailable as exc:
                        outcome = exc
                case Pause(seconds, most):
                    sleep(_length(seconds * (1 + most * spread()), until, clock(), asked))
    finally:
        conversation.close()


async def arun(
    conversation: Conversation[T],
    send: Callable[[Request], Awaitable[Response]],
    *,
    until: float | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    spread: Callable[[], float] = random.random,
) -> T:
    """Hold *conversation* over an asynchronous transport; cancelling the task ends it."""
    outcome: Outcome = None
    asked = "nothing"
    try:
        while True:
            try:
                step = _advance(conversation, outcome)
            except StopIteration as end:
                return cast("T", end.value)
            outcome = None
            match step:
                case Request():
                    asked = step.line
                    try:
                        outcome = await send(step)
                    except ServiceUnavailable as exc:
                        outcome = exc
                case Pause(seconds, most):
                    await sleep(_length(seconds * (1 + most * spread()), until, clock(), asked))
    finally:
        conversation.close()


def _advance(conversation: Conversation[T], outcome: Outcome) -> Request | Pause:
    if isinstance(outcome, ServiceUnavailable):
        return conversation.throw(outcome)
    return conversation.send(outcome)


def _length(seconds: float, until: float | None, now: float, asked: str) -> float:
    if until is None:
        return seconds
    if now >= until:
        deadline = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")
        msg = f"the deadline {deadline} has passed; the last question was {asked}"
        raise DeadlineExceeded(msg)
    return min(seconds, until - now)
