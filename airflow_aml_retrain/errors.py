"""
Everything that can go wrong, as one tree.

* RetrainError
  x NotConfigured
  x BadInput
    + NoSuchName
  x NotUpdatable
  x WireError
    + UnexpectedAnswer
    + UnknownJobStatus
  x ServiceUnavailable
  x DeadlineExceeded
  x JobFailed
    + JobCancelled
  x ModelsFailed
  x UpdateFailed
  x LeaseHeld
  x PromotionRefused
    + PromotionFrozen
  x PromotionFailed
  x GateError

They, we, you: `WireError` and `ServiceUnavailable` are the service's, `NotConfigured`,
`BadInput` and `NotUpdatable` are the user's to mend, `TypeError` and `ValueError` are our bugs.
A message names what was asked, what was expected, what came and, where a person must act,
what to do. No message holds a key, a token or a SAS.
"""

from collections.abc import Iterable, Mapping


class RetrainError(Exception):
    """The root: catch this to catch all that this package raises on purpose."""


class NotConfigured(RetrainError):
    """Something that the user must set is not set, or cannot be what it was set to."""


class BadInput(RetrainError):
    """What was handed in cannot be used: data, names or values."""


class NoSuchName(BadInput):
    """
    A name that the service does not know.

    *kind* is what was named ("resource", "endpoint"), *given* the name, *existing* those
    that do exist, shown with `ascii()` because real ones can hold U+00A0.
    """

    def __init__(self, kind: str, given: str, existing: Iterable[str]) -> None:
        self.kind = kind
        self.given = given
        self.existing = tuple(existing)
        names = ", ".join(ascii(name) for name in self.existing) or "none"
        super().__init__(f"there is no {kind} named {given!a}; the existing ones are: {names}")


class NotUpdatable(RetrainError):
    """The endpoint cannot take a retrained model; the message says which one can."""


class WireError(RetrainError):
    """The service said something that its protocol does not define."""


class UnexpectedAnswer(WireError):
    """
    An HTTP answer outside what was expected.

    *code*, *details* (pairs of code and message) and *reason* are those of the service's own
    error envelope, empty where the body was something else.
    """

    def __init__(
        self,
        asked: str,
        expected: str,
        status: int,
        *,
        code: str = "",
        reason: str = "",
        details: tuple[tuple[str, str], ...] = (),
        body: str = "",
    ) -> None:
        self.asked = asked
        self.expected = expected
        self.status = status
        self.code = code
        self.reason = reason
        self.details = details
        said = " ".join(
            part
            for part in (
                f"{code}:" if code else "",
                reason,
                *(f"[{name}: {message}]" for name, message in details),
            )
            if part
        )
        super().__init__(f"{asked}: expected {expected}, got {status}: {said or repr(body)}")


class UnknownJobStatus(WireError):
    """A job status that the protocol does not define."""

    def __init__(self, status: object, known: Iterable[str]) -> None:
        self.status = status
        self.known = tuple(sorted(known))
        super().__init__(f"job status {status!r} is not one of {', '.join(self.known)}")


class ServiceUnavailable(RetrainError):
    """
    No answer, or only answers that mean "not now", for longer than we may wait.

    *elapsed* is how long the last attempt took, and *wished* how long the service wants not to be
    asked again (0: it did not say), in seconds.
    """

    def __init__(self, message: str, *, elapsed: float = 0.0, wished: float = 0.0) -> None:
        self.elapsed = elapsed
        self.wished = wished
        super().__init__(message)


class DeadlineExceeded(RetrainError):
    """The absolute time until which we were told to wait has passed."""


class JobFailed(RetrainError):
    """The job ended, and not well. *details* is the service's own account."""

    def __init__(self, job: str, details: str) -> None:
        self.job = job
        self.details = details
        super().__init__(f"job {job} failed: {details or 'the service gave no details'}")


class JobCancelled(JobFailed):
    """The job was cancelled, by us or by somebody else."""

    def __init__(self, job: str, details: str = "") -> None:
        super().__init__(job, details or "it was cancelled")


class ModelsFailed(RetrainError):
    """
    Of several models more were not retrained than may be. *failures* says why, by model.

    What became of each is in the result of the task.
    """

    def __init__(self, failures: Mapping[str, str], of: int) -> None:
        self.failures = dict(failures)
        self.of = of
        first, why = next(iter(self.failures.items()))
        super().__init__(
            f"{len(self.failures)} of {of} models were not retrained, among them {first}: {why}"
        )


class UpdateFailed(RetrainError):
    """
    The service accepted a change of a definition, and then said that it failed.

    *code* and *reason* are the service's own, empty where it gave none.
    """

    def __init__(self, what: str, code: str = "", reason: str = "") -> None:
        self.what = what
        self.code = code
        self.reason = reason
        said = ": ".join(part for part in (code, reason) if part) or "the service gave no reason"
        super().__init__(f"the update of {what} failed: {said}")


class LeaseHeld(RetrainError):
    """Somebody else is at work on the same endpoint. *holder* says who, as far as is known."""

    def __init__(self, what: str, holder: str = "another run") -> None:
        self.what = what
        self.holder = holder
        super().__init__(f"{what} is held by {holder}")


class PromotionRefused(RetrainError):
    """The promotion was not begun; the champion serves as before."""


class PromotionFrozen(PromotionRefused):
    """A person has put an earlier model back, and has not released promotions since."""


class PromotionFailed(RetrainError):
    """
    The promotion was begun and not verified.

    *undone* says whether the champion before it was seen serving again.
    """

    def __init__(self, message: str, *, undone: bool) -> None:
        self.undone = undone
        super().__init__(message)


class GateError(RetrainError):
    """The gate could not judge; the decision becomes INVALID and the champion stays."""
