"""
How Data Factory's operator waits, told of our batch jobs: the baseline of `bench_many`.

Law: as `AzureDataFactoryRunPipelineOperator` and its trigger do it (Microsoft provider 15): each
task defers to a trigger of its own, which opens a client of its own, reads the connection by
itself, polls and sleeps, and resumes a worker, which says how it ended. It stands alone, for
Airflow loads it from a folder of plugins.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import BaseHook, BaseOperator, Context
from airflow.triggers.base import BaseTrigger, TriggerEvent

VERSION = "?api-version=2.0"


class ForeignTrigger(BaseTrigger):
    """Polls one job by a session of its own."""

    def __init__(self, job: str, conn_id: str, poll_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's own
        self.job = job
        self.conn_id = conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "job": self.job,
            "conn_id": self.conn_id,
            "poll_interval": self.poll_interval,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        import aiohttp

        conn = await BaseHook.aget_connection(self.conn_id)
        headers = {"Authorization": f"Bearer {conn.password}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                async with session.get(f"{self.job}{VERSION}") as answer:
                    state = (await answer.json())["StatusCode"]
                if state not in {"NotStarted", "Running"}:
                    break
                await asyncio.sleep(self.poll_interval)
        yield TriggerEvent({"state": state})


class ForeignOperator(BaseOperator):
    """Starts one job, and waits for it in the triggerer."""

    def __init__(self, *, job: str, conn_id: str, poll_interval: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.conn_id = conn_id
        self.poll_interval = poll_interval

    def execute(self, context: Context) -> None:
        import requests

        conn = BaseHook.get_connection(self.conn_id)
        headers = {"Authorization": f"Bearer {conn.password}"}
        started = requests.post(f"{self.job}/start{VERSION}", headers=headers, timeout=60)
        started.raise_for_status()
        trigger = ForeignTrigger(self.job, self.conn_id, self.poll_interval)
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Context, event: dict[str, str]) -> None:
        if event["state"] != "Finished":
            raise RuntimeError(event["state"])
