"""
Waiting in the triggerer until a service has ended the update of a definition.

What the update came to is not told from here: whoever resumes looks at the service itself.
`on_kill` undoes nothing, and neither does `cleanup`: the change stays on record as pending, for
the next run to settle.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_aml_retrain.errors import RetrainError, WireError
from airflow_aml_retrain.triggers.reach import backend_in_time
from airflow_aml_retrain.wire.conversation import Conversation, pause
from airflow_aml_retrain.wire.verbs import Verbs


class UpdateTrigger(BaseTrigger):
    """
    Fires once, when the update has ended, well or not, or the deadline has passed.

    :param operation: The URL of the operation; holds no secret.
    :param resource: The resource that is updated.
    :param location: Where its new model lies; holds no token.
    :param conn_id: The connection of the service.
    :param service: The web service.
    :param poll_interval: Seconds between two looks.
    :param deadline: Seconds since 1970.
    :param carried: What the task wants to find in the event when it resumes; holds no secret.
        (`dag.test()` of 3.3.2 drops the arguments of a deferral.)
    """

    def __init__(
        self,
        operation: str,
        *,
        resource: str,
        location: str,
        conn_id: str,
        deadline: float,
        service: str | None = None,
        poll_interval: float = 5.0,
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's own
        self.operation = operation
        self.resource = resource
        self.location = location
        self.conn_id = conn_id
        self.service = service
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.carried = dict(carried or {})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "operation": self.operation,
            "resource": self.resource,
            "location": self.location,
            "conn_id": self.conn_id,
            "service": self.service,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "carried": self.carried,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            backend = await backend_in_time(self.conn_id, self.service, None, self.deadline)
            await backend.arun(self._following(backend.verbs), until=self.deadline)
        except RetrainError as exc:
            yield self._ended(str(exc))
        else:
            yield self._ended()

    def _ended(self, trouble: str = "") -> TriggerEvent:
        return TriggerEvent({"trouble": trouble, "carried": self.carried})

    def _following(self, verbs: Verbs) -> Conversation[None]:
        """Follow, beginning with a pause, for the reason that `triggers.job.resumed` gives."""
        yield from pause(self.poll_interval)
        yield from verbs.followed(
            self.operation,
            resource=self.resource,
            location=self.location,
            every=self.poll_interval,
        )


def carried_by(event: object) -> tuple[str, dict[str, Any]]:
    """What went wrong while waiting (empty: nothing), and what the task had carried along."""
    match event:
        case {"trouble": str(trouble), "carried": dict(carried)}:
            return trouble, carried
        case other:
            msg = f"expected the end of an update, got {other!r}"
            raise WireError(msg)
