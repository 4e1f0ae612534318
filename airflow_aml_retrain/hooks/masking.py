"""Masking a secret in Airflow's logs from where nothing can be awaited."""

import asyncio
from typing import Final

from airflow.sdk.log import amask_secret

_masking: Final = set[asyncio.Task[None]]()


def amask_soon(secret: str) -> None:
    """Mask *secret* from inside an event loop."""
    task = asyncio.get_running_loop().create_task(amask_secret(secret))
    # The loop alone would let it be collected before it has run.
    _masking.add(task)
    task.add_done_callback(_masking.discard)
