"""
Asynchronous operations of the resource manager, in the words of their status.

Law: whether an operation has ended is told by its word alone. `percentComplete` said 1.0 while
it went on and 0.888 when it had succeeded. The wire calls the word `status`, the published
specification `provisioningState`; a failure comes as `errorInfo` there and as `error` elsewhere.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from airflow_aml_retrain.errors import UnexpectedAnswer, UpdateFailed, WireError
from airflow_aml_retrain.wire.conversation import Conversation, Credential, Request, ask, pause
from airflow_aml_retrain.wire.members import member, text
from airflow_aml_retrain.wire.secret import scrubbed
from airflow_aml_retrain.wire.shapes import shape_of


class Progress(Enum):
    """Where an operation, or the resource that it changes, is in its life."""

    UNDER_WAY = "under way"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


WORDS: Final = {
    "Unknown": Progress.UNDER_WAY,
    "Provisioning": Progress.UNDER_WAY,
    "Succeeded": Progress.SUCCEEDED,
    "Failed": Progress.FAILED,
    "Canceled": Progress.CANCELLED,
}
_FOLDED: Final = {word.casefold(): progress for word, progress in WORDS.items()}
_NOT_FOR_US: Final = frozenset({401, 403, 404})
_DEEPEST: Final = 3
"""Details of details of an error that are worth a line."""


def progress_of(word: object) -> Progress:
    """Return what *word* means; another word than those of `WORDS` is a `WireError`."""
    progress = _FOLDED.get(word.casefold()) if isinstance(word, str) else None
    if progress is None:
        told = repr(word) if isinstance(word, str) else shape_of(word)
        msg = f"the state of an operation, {told}, is not one of {', '.join(sorted(WORDS))}"
        raise WireError(msg)
    return progress


def has_ended(said: object, what: str) -> bool:
    """
    Tell whether the operation that says *said* of itself has succeeded, or goes on.

    Raises `UpdateFailed`, naming *what* was to be changed, if it ended otherwise.
    """
    status = member(said, "status")
    word = member(said, "provisioningState") if status is None else status
    if word is None:
        msg = f"expected an operation with a status, got {shape_of(said)}"
        raise WireError(msg)
    progress = progress_of(word)
    if progress in {Progress.FAILED, Progress.CANCELLED}:
        raise _failure(said, what, progress)
    return progress is Progress.SUCCEEDED


def told(operation: str, what: str, *, every: float) -> Conversation[bool]:
    """
    Ask the URL *operation* every *every* seconds until it has succeeded.

    False if it may not be asked: internal hosts and those of other regions refuse us. Raises
    `WireError`, naming the URL, for what the protocol does not define.
    """
    request = Request("GET", operation, credential=Credential.AZURE_AD)
    while True:
        try:
            answer = yield from ask(request)
        except UnexpectedAnswer as exc:
            if exc.status not in _NOT_FOR_US:
                raise
            return False
        try:
            if has_ended(answer.json(), what):
                return True
        except WireError as exc:
            msg = f"{request.line}: {exc}"
            raise WireError(msg) from exc
        yield from pause(every)


def _failure(said: object, what: str, progress: Progress) -> UpdateFailed:
    error = member(said, "errorInfo") or member(said, "error")
    reason = " ".join(_sayings(error))
    if progress is Progress.CANCELLED:
        reason = reason or "the operation was cancelled"
    return UpdateFailed(what, text(error, "code"), reason)


def _sayings(error: object, depth: int = 0) -> Iterator[str]:
    """What *error* says, and then its details, each with its code."""
    code, message = text(error, "code"), scrubbed(text(error, "message"))
    if depth and (code or message):
        yield f"[{code}: {message}]"
    elif message:
        yield message
    details = member(error, "details")
    for each in details if isinstance(details, list) and depth < _DEEPEST else ():
        yield from _sayings(each, depth + 1)
