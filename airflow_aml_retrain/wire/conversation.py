"""
A protocol verb as a conversation: a generator that yields requests and pauses and is sent answers.

Law: whatever is known about asking again stands in `ask`, once, for every verb of every backend.

=================  =================================  =====================  ============
what is asked      408, 429, 5xx, connection lost     401                    other 4xx
=================  =================================  =====================  ============
read or poll       again until the deadline           once, with a renewed   error
                                                      credential; for
                                                      *settling* seconds
                                                      after a creation
repeatable write   again inside *patience* seconds    the same               error
``POST /jobs``     again inside *patience* seconds    the same               error
=================  =================================  =====================  ============

A 5xx that finds fault with what was sent is doubted for `DOUBT` seconds and then believed.

The deadline itself is an absolute time, which only the driver (`client.drive`) knows. A wait
is counted without a clock: by the pauses asked for and by the time that the driver says each
attempt took.
"""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, TypeVar

from airflow_aml_retrain.errors import ServiceUnavailable, UnexpectedAnswer, WireError
from airflow_aml_retrain.wire.secret import scrubbed

T = TypeVar("T")

PATIENCE: Final = 600.0
"""Seconds for which a write is repeated."""

SETTLING: Final = 60.0
"""Seconds after a creation for which 401 and 404 are taken for "not there yet"."""

DOUBT: Final = 15.0
"""Seconds for which a write is repeated although the service finds fault with what was sent."""

_NOT_NOW: Final = frozenset({408, 429})
_NEVER: Final = frozenset({501})
"""The one 5xx that no amount of asking mends."""

_FIRST_BACK_OFF: Final = 1.0
_LONGEST_BACK_OFF: Final = 60.0
_LONGEST_WISH: Final = 300.0
_EXCERPT: Final = 300


class Credential(Enum):
    """Which credential a request must carry; the backend holds the credentials themselves."""

    NONE = "none"
    SERVICE_KEY = "service key"
    WORKSPACE_TOKEN = "workspace token"  # noqa: S105 - its name, not a token
    AZURE_AD = "Azure AD"


@dataclass(frozen=True, slots=True)
class Request:
    """
    One HTTP request.

    *body* is a JSON value in which a `Secret` may stand for a string (None: no body at all).
    *renew* asks the transport for a credential newer than the one just refused.
    """

    method: str
    url: str
    body: object = field(default=None, repr=False)
    credential: Credential = Credential.SERVICE_KEY
    renew: bool = False

    @property
    def line(self) -> str:
        """The request as it may be logged; our URLs carry no secret."""
        return f"{self.method} {self.url}"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; *headers* have lower-case names, *elapsed* is in seconds."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    elapsed: float = 0.0

    def json(self, *, quotable: bool = True) -> object:
        """The body as a JSON value; `WireError`, quoting it if it is *quotable*, for another."""
        try:
            return json.loads(self.body)
        except ValueError as exc:
            if not quotable:
                msg = f"expected JSON, got {len(self.body)} bytes that are none"
                raise WireError(msg) from None  # its cause would hold them
            msg = f"expected JSON, got {self.text()!r}"
            raise WireError(msg) from exc

    def text(self) -> str:
        """The beginning of the body, for a message, without the secrets it may echo."""
        return scrubbed(self.body.decode("utf-8", "replace"))[:_EXCERPT]


@dataclass(frozen=True, slots=True)
class Pause:
    """
    Wait this many seconds, or longer by up to the part *spread* of them.

    The driver chooses, so that a crowd does not march.
    """

    seconds: float
    spread: float = 0.1


Conversation = Generator[Request | Pause, Response | None, T]


def pause(seconds: float) -> Conversation[None]:
    yield Pause(seconds)


def ask(
    request: Request,
    *,
    patience: float | None = None,
    settling: float = 0.0,
    accept: frozenset[int] = frozenset(),
    blaming: frozenset[str] = frozenset(),
) -> Conversation[Response]:
    """
    Ask until there is an answer, and return it if it is any 2xx or in *accept*.

    *patience* None means: until the driver's deadline if *request* is a GET, `PATIENCE`
    otherwise. *blaming* are codes, outer or detail, of a 5xx that finds fault with what was sent;
    after `DOUBT` seconds it is believed. Raises `UnexpectedAnswer` then and for any other
    status, `ServiceUnavailable` when patience ended first.
    """
    if patience is None:
        patience = float("inf") if request.method == "GET" else PATIENCE
    waited, attempt, renewed = 0.0, 0, False
    while True:
        came = yield from _attempt(request)
        waited += came.elapsed
        if isinstance(came, Response):
            if came.status // 100 == 2 or came.status in accept:
                return came
            if came.status == 401 and not renewed:
                renewed, request = True, replace(request, renew=True)
                continue
            request = replace(request, renew=False)
        decisive = blaming if waited >= DOUBT else frozenset[str]()
        trouble = _trouble(request, came, settling=waited < settling, decisive=decisive)
        seconds = _back_off(attempt, came)
        if waited + seconds > patience:
            msg = f"gave up after {waited:.0f} s: {trouble}"
            raise ServiceUnavailable(msg, wished=_wished(came)) from trouble
        yield Pause(seconds)
        waited, attempt = waited + seconds, attempt + 1


def _attempt(request: Request) -> Conversation[Response | ServiceUnavailable]:
    try:
        answer = yield request
    except ServiceUnavailable as exc:
        return exc
    if answer is None:
        msg = f"{request.line}: the driver sent no answer"
        raise TypeError(msg)
    return answer


def _trouble(
    request: Request,
    came: Response | ServiceUnavailable,
    *,
    settling: bool,
    decisive: frozenset[str],
) -> ServiceUnavailable | UnexpectedAnswer:
    """Why what *came* will not do; raised at once where asking again cannot help."""
    if isinstance(came, ServiceUnavailable):
        return came
    why = unexpected(request, came)
    if decisive.intersection([why.code, *(code for code, _ in why.details)]):
        raise why
    if _is_passing(came.status) or (settling and came.status in {401, 404}):
        return why
    raise why


def _is_passing(status: int) -> bool:
    return status in _NOT_NOW or (status >= 500 and status not in _NEVER)


def _back_off(attempt: int, came: Response | ServiceUnavailable) -> float:
    own = min(_FIRST_BACK_OFF * 2.0 ** min(attempt, 10), _LONGEST_BACK_OFF)
    return max(own, _wished(came))


def _wished(came: Response | ServiceUnavailable) -> float:
    """Seconds that the service wants to be left alone for, as far as we go along with that."""
    wished = came.headers.get("retry-after", "") if isinstance(came, Response) else ""
    # The other form of Retry-After, a date, needs a clock; our own back-off is as polite.
    return min(float(wished), _LONGEST_WISH) if wished.isdecimal() else 0.0


def unexpected(request: Request, answer: Response) -> UnexpectedAnswer:
    """The error for *answer*, with whatever the service's own envelope says."""
    said = _envelope(answer)
    return UnexpectedAnswer(
        request.line,
        "HTTP 2xx",
        answer.status,
        code=str(said.get("code") or ""),
        reason=scrubbed(str(said.get("message") or "")),
        details=tuple(_details(said.get("details"))),
        body=answer.text(),
    )


def _envelope(answer: Response) -> Mapping[str, object]:
    """What stands in the body's "error": the one envelope of all the services' planes."""
    try:
        said = answer.json()
    except WireError:
        return {}
    match said:
        case {"error": {**error}}:
            return {str(name): value for name, value in error.items()}
        case _:
            return {}


def _details(said: object) -> Generator[tuple[str, str], None, None]:
    for detail in said if isinstance(said, list) else ():
        match detail:
            case {"code": str(code), "message": str(message)}:
                yield code, scrubbed(message)
            case _:
                pass
