"""How a trigger comes by its backend."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from airflow_aml_retrain.client.sharing import Shared
from airflow_aml_retrain.errors import DeadlineExceeded

if TYPE_CHECKING:
    from airflow_aml_retrain.client.backend import Backend

_LookUp = Callable[[str, str | None, str | None], Awaitable["Backend"]]

_look_ups: Final = Shared[_LookUp]()


async def backend_in_time(
    conn_id: str, service: str | None, endpoint: str | None, deadline: float | None
) -> "Backend":
    """The backend, whose look-up may last as long as the wait itself, and not longer."""
    left = None if deadline is None else max(1.0, deadline - time.time())
    try:
        async with asyncio.timeout(left):
            abackend_for = await _look_ups.found("backend", _loaded)
            return await abackend_for(conn_id, service, endpoint)
    except TimeoutError as exc:
        msg = f"the deadline has passed before {conn_id!r} could be reached"
        raise DeadlineExceeded(msg) from exc


async def _loaded() -> _LookUp:
    # Not in the loop: it takes most of a second, in which no other trigger would move.
    return await asyncio.to_thread(_load)


def _load() -> _LookUp:
    """Load what looks a backend up, with the libraries that it speaks with."""
    import aiohttp  # noqa: F401 - for those who speak

    from airflow_aml_retrain.hooks.retrain import abackend_for

    _set_aside()
    return abackend_for


def _set_aside() -> None:
    """
    Spare the loop the garbage collector's walks over what lives by now.

    That is Airflow and its libraries, 200,000 objects which stay for as long as the process does,
    and each full collection would stop all triggers for 0.1 s to look at them once more. Airflow
    does the same in its dag-processor.
    """
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()
