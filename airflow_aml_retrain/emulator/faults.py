"""
Trouble made to order: the next requests that match are refused, dropped, delayed or deceived.

A fault is used up by the requests to which it applies: `fail_job` by starts, `expire_sas` by
polls, `ignore_patch` by PATCHes, the others by any request of the three planes.
"""

import threading

from airflow_aml_retrain.emulator.messages import Deed, Fault
from airflow_aml_retrain.emulator.refusals import Answer, Refusal, documented, refusal

PLANES = frozenset({"jobs", "execute", "management"})

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
    """Which plane a path belongs to; the empty string for everything of our own."""
    parts = path.strip("/").split("/")
    match parts:
        case ["workspaces", _, "services", _, "jobs", *_]:
            return "jobs"
        case ["workspaces", _, "services", _, "execute", *_]:
            return "execute"
        case ["workspaces", _, "webservices", *_]:
            return "management"
        case ["_emulator", *_]:
            return "control"
        case _:
            return ""


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
    if deed.fail_job is not None:
        return plane == "jobs" and method == "POST" and path.endswith("/start")
    if deed.expire_sas:
        return plane == "jobs" and method == "GET"
    if deed.ignore_patch:
        return plane == "management" and method == "PATCH"
    return True
