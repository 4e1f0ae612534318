"""
Waiting in the triggerer until enough data has landed to learn from.

Law: an outage ends nothing; only enough data, the deadline or a person ends the wait. It consumes
nothing and changes nothing but the counts of rows, so `cleanup` and `on_kill` have nothing to undo.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_aml_retrain.errors import DeadlineExceeded, RetrainError, WireError

if TYPE_CHECKING:
    from airflow_aml_retrain.client.unlearned import Unlearned


class EnoughDataTrigger(BaseTrigger):
    """
    Fires once, when enough has landed that *consumer* has not learned from, or time is up.

    :param source: Where blobs land, "container/prefix".
    :param arrivals: Where is kept what was delivered, "container/prefix".
    :param consumer: Who learns from it.
    :param marker: A blob, such as "_SUCCESS", without which what lies in a folder does not count.
    :param suffix: How the names of data end.
    :param minimum_blobs: How many new blobs are enough.
    :param minimum_rows: How many rows in them are enough; 0 counts none.
    :param poll_interval: Seconds between two looks.
    :param deadline: Seconds since 1970.
    :param wasb_conn_id: The storage connection.
    """

    def __init__(
        self,
        source: str,
        *,
        arrivals: str,
        consumer: str,
        minimum_blobs: int,
        minimum_rows: int,
        poll_interval: float,
        deadline: float,
        wasb_conn_id: str,
        marker: str | None = None,
        suffix: str = ".csv",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's own
        self.source = source
        self.arrivals = arrivals
        self.consumer = consumer
        self.marker = marker
        self.suffix = suffix
        self.minimum_blobs = minimum_blobs
        self.minimum_rows = minimum_rows
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.wasb_conn_id = wasb_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "source": self.source,
            "arrivals": self.arrivals,
            "consumer": self.consumer,
            "marker": self.marker,
            "suffix": self.suffix,
            "minimum_blobs": self.minimum_blobs,
            "minimum_rows": self.minimum_rows,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "wasb_conn_id": self.wasb_conn_id,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from airflow_aml_retrain.hooks.storage import shared_blobs

        shared, last = shared_blobs(self.wasb_conn_id), ""
        # Beginning with a pause: the task has just looked, and `JobTrigger` says why it must.
        while await self._paused():
            try:
                async with asyncio.timeout(self.deadline - time.time()), shared.used() as blobs:
                    found = await self._looked(blobs)
            except (RetrainError, TimeoutError) as exc:
                if str(exc) != last:
                    self.log.warning("%s: %s; looking again", self.source, exc)
                last = str(exc)
                continue
            last = str(found)
            if found.is_enough(self.minimum_blobs, self.minimum_rows):
                yield TriggerEvent({"state": "enough", "found": asdict(found)})
                return
        yield TriggerEvent({"state": "timeout", "found": last or "nothing was seen"})

    async def _looked(self, blobs: Any) -> "Unlearned":
        from airflow_aml_retrain.client.arrivals import Arrivals
        from airflow_aml_retrain.client.errands import arun
        from airflow_aml_retrain.client.unlearned import unlearned
        from airflow_aml_retrain.triggers.ended import ended

        arrivals = Arrivals(self.arrivals, self.source)
        errand = unlearned(
            arrivals,
            self.consumer,
            ended=ended,
            minimum_blobs=self.minimum_blobs,
            minimum_rows=self.minimum_rows,
            suffix=self.suffix,
            marker=self.marker,
        )
        return await arun(blobs, errand)

    async def _paused(self) -> bool:
        """Pause; whether there is time left for another look."""
        left = self.deadline - time.time()
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        await asyncio.sleep(max(min(self.poll_interval * jitter, left), 0))
        return time.time() < self.deadline


def found_by(event: object) -> dict[str, Any]:
    """What a wait that ended with enough has found; `DeadlineExceeded` where it did not."""
    match event:
        case {"state": "enough", "found": dict(found)}:
            return found
        case {"state": "timeout", "found": str(found)}:
            msg = f"the time to wait for enough data is over: {found}"
            raise DeadlineExceeded(msg)
        case other:
            msg = f"expected the end of a wait for data, got {other!r}"
            raise WireError(msg)
