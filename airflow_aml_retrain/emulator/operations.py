"""
Operations: what is asked of a web service and takes its time.

Law: until an operation has ended, what is shown and what answers are as they were before it. An
operation ends by itself when its time has come; whoever asks next finds it ended. It is queued
for the first half of its time and has no start until then.
"""

import threading
import uuid
from dataclasses import replace
from typing import Any, Final, Literal

from airflow_aml_retrain.emulator import effects
from airflow_aml_retrain.emulator.definitions import Properties
from airflow_aml_retrain.emulator.effects import Rejected
from airflow_aml_retrain.emulator.endpoints import NEVER
from airflow_aml_retrain.emulator.messages import Deed
from airflow_aml_retrain.emulator.records import Operation, WebService
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.views import PREVIEW, date, region

Method = Literal["PUT", "PATCH", "DELETE", "POST"]

_STEPS: Final = {PREVIEW: 9}
"""Into how many steps an operation is told; tenths but for the preview."""


class Operations:
    """Every operation of every web service."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.RLock()
        self._under_way: dict[str, str] = {}

    def resume(self) -> None:
        """After a restart: know what is still under way."""
        webs = {web.id: web for web in self._site.store.all(WebService)}
        for operation in self._site.store.all(Operation):
            if not operation.status and operation.service_id in webs:
                self._under_way[webs[operation.service_id].guid] = operation.service_id

    def begin(
        self, web: WebService, method: Method, version: str, deed: Deed, **wishes: Any
    ) -> Operation:
        """Something asked of *web*; *wishes* are what it brings."""
        now, takes = self._site.clock(), self._site.settings.operation_time
        operation = Operation(
            id=str(uuid.uuid4()),
            service_id=web.id,
            subscription_id=web.subscription_id,
            location=region(web.location),
            method=method,
            version=version,
            created=now,
            starts=now + takes / 2,
            ends=NEVER if deed.hang_operation else now + takes,
            doomed=deed.fail_operation,
            ignored=deed.ignore_patch is True,
            unserved=deed.serve_old or deed.ignore_patch == "served",
            **wishes,
        )
        with self._lock:
            self._site.store.add(operation)
            self._under_way[web.guid] = web.id
        return operation

    def at_once(self, web: WebService, version: str, wanted: Properties) -> None:
        """A PUT that takes no time."""
        with self._lock:
            operation = self.begin(web, "PUT", version, Deed(), wanted=wanted)
            now = self._site.clock()
            self._end(replace(operation, starts=now, ends=now))
            self.settle(web.id)

    def find(self, number: str) -> Operation | None:
        """The operation of that id, ended if its time has come."""
        found = self._site.store.get(Operation, number)
        if found is None or found.status:
            return found
        self.settle(found.service_id)
        return self._site.store.get(Operation, number)

    def settle_service(self, guid: str) -> None:
        """End what has come to its end on the service that the data plane knows as *guid*."""
        service_id = self._under_way.get(guid)
        if service_id is not None:
            self.settle(service_id)

    def settle(self, service_id: str) -> None:
        """End what has come to its end on a web service, in the order in which it was asked."""
        with self._lock:
            now = self._site.clock()
            for operation in self.under_way(service_id):
                if operation.ends <= now:
                    self._end(operation)
            web = self._site.store.get(WebService, service_id)
            if web is not None and not self.under_way(service_id):
                self._under_way.pop(web.guid, None)

    def under_way(self, service_id: str) -> list[Operation]:
        return [o for o in self._site.store.all(Operation, service_id) if not o.status]

    def _end(self, operation: Operation) -> None:
        web = self._site.store.get(WebService, operation.service_id)
        ended = replace(operation, status="Succeeded")
        if web is not None:
            try:
                effects.carry_out(self._site, web, operation)
            except Rejected as exc:
                effects.fail(self._site, web, operation)
                ended = replace(operation, status="Failed", code=exc.code, message=exc.message)
        self._site.store.change(Operation, operation.id, lambda _: ended)


def shown(operation: Operation, site: Site) -> dict[str, object]:
    """The body of a poll."""
    now = site.clock()
    place = f"/subscriptions/{operation.subscription_id}/providers/Microsoft.MachineLearning"
    path = f"{place}/locations/{operation.location}/operationsStatus/{operation.id}"
    said: dict[str, object] = {"id": path, "name": operation.id}
    said["status"] = operation.status or "Provisioning"
    if operation.status or operation.starts <= now:
        said["startTime"] = date(operation.starts)
    if operation.status:
        said["endTime"] = date(operation.ends)
    said["percentComplete"] = _percent(operation, site)
    if operation.status == "Failed":
        # As the specification has it, and as Microsoft's client for JavaScript reads it.
        told = {"code": operation.code, "message": operation.message, "details": []}
        said["errorInfo"] = told | {"target": operation.service_id.rpartition("/")[2]}
        said["error"] = told
    return said


def _percent(operation: Operation, site: Site) -> float:
    if operation.status == "Succeeded":
        return site.settings.gaps.preview_ends_at if operation.version == PREVIEW else 1.0
    steps = _STEPS.get(operation.version, 10)
    # One that hangs runs on at the usual pace, as far as it gets.
    takes = site.settings.operation_time / 2 or 1.0
    done = int((site.clock() - operation.starts) / takes * steps)
    return min(max(done, 0), steps - 1) / steps
