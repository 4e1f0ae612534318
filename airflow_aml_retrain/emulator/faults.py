"""
Trouble made to order: the next requests that match are refused, dropped, delayed or deceived.

A fault is used up by the requests to which it applies: `fail_job` by starts, `expire_sas` by
polls, `expire_tokens` by requests of the Resource Manager, `ignore_patch` by PATCHes, those that
concern an operation by what begins one, the others by any request of the service's planes.
"""

import re
import threading
from collections.abc import Callable
from typing import Final

from airflow_aml_retrain.emulator.messages import Deed, Fault
from airflow_aml_retrain.emulator.refusals import Answer, Refusal, documented, refusal

PLANES = frozenset({"jobs", "execute", "management", "resources", "identity"})

_PLANES: Final = tuple(
    (re.compile(where, re.IGNORECASE), plane)
    for where, plane in (
        ("/(workspaces|subscriptions)/[^/]+/services/[^/]+/jobs(/.*)?", "jobs"),
        ("/(workspaces|subscriptions)/[^/]+/services/[^/]+/execute(/.*)?", "execute"),
        ("/workspaces/[^/]+/webservices(/.*)?", "management"),
        ("/subscriptions/[^/]+/services(/.*)?", ""),
        ("/subscriptions/.*", "resources"),
        ("/identity/token|/[^/]+/(oauth2/v2.0/token|v2.0/.well-known/[^/]+)", "identity"),
        ("/_emulator(/.*)?", "control"),
    )
)

_CODES = {
    400: "BadArgument",
    401: "Unauthorized",
    404: "NotFound",
    408: "RequestTimeout",
    409: "Conflict",
    413: "MemoryQuotaViolation",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


class Faults:
    """The faults that are left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def left(self) -> list[Fault]:
        with self._lock:
            return [fault.model_copy() for fault in self._faults]

    def take(self, plane: str, method: str, path: str) -> Deed | None:
        """What is to be done to this request, using up the first fault that matches."""
        with self._lock:
            for fault in self._faults:
                if _matches(fault, plane, method, path):
                    fault.times -= 1
                    self._faults = [fault for fault in self._faults if fault.times > 0]
                    return fault.do
        return None


def plane_of(path: str) -> str:
    """Which plane a path belongs to; the empty string for what no fault is for."""
    return next((plane for where, plane in _PLANES if where.fullmatch(path.rstrip("/"))), "")


def refused(deed: Deed) -> Refusal:
    """The error answer that *deed* asks for, in documented words where it gives none."""
    status = deed.status or 500
    code = deed.code or _CODES.get(status, "InternalError")
    known = documented().get(code)
    if known is None:
        return Refusal(status, code, deed.message or code, _detail(deed))
    said = refusal(Answer(code))
    message = said.message if deed.detail else deed.message or said.message
    return Refusal(status, code, message, _detail(deed))


def _detail(deed: Deed) -> tuple[dict[str, str], ...]:
    if deed.detail is None:
        return ()
    known = documented().get(deed.code or "")
    template = known.details.get(deed.detail, "") if known else ""
    return ({"code": deed.detail, "message": deed.message or template},)


def _matches(fault: Fault, plane: str, method: str, path: str) -> bool:
    return (
        plane in PLANES
        and fault.plane in {None, plane}
        and (fault.method or method).upper() == method
        and (fault.path or "") in path
        and _applies(fault.do, plane, method, path)
    )


def _applies(deed: Deed, plane: str, method: str, path: str) -> bool:
    asked = (name for name in _APPLIES if getattr(deed, name) not in {None, False})
    return all(_APPLIES[name](plane, method, path) for name in asked)


def _is_web_service(plane: str, path: str) -> bool:
    return plane == "resources" and "/webservices/" in path.lower()


def _is_update(plane: str, method: str, path: str) -> bool:
    return _is_web_service(plane, path) and method in {"PUT", "PATCH"}


def _begins_operation(plane: str, method: str, path: str) -> bool:
    return _is_web_service(plane, path) and method != "GET"


_APPLIES: Final[dict[str, Callable[[str, str, str], bool]]] = {
    "fail_job": lambda plane, method, path: (
        plane == "jobs" and method == "POST" and path.endswith("/start")
    ),
    "expire_sas": lambda plane, method, _: plane == "jobs" and method == "GET",
    "expire_tokens": lambda plane, *_: plane == "resources",
    "ignore_patch": lambda plane, method, path: (
        (plane == "management" and method == "PATCH") or _is_update(plane, method, path)
    ),
    "fail_operation": _begins_operation,
    "hang_operation": _begins_operation,
    "serve_old": _is_update,
    "stale_read": lambda plane, method, path: _is_web_service(plane, path) and method == "GET",
}
"""Which requests a deed is for, if not for all."""
