"""
How a trigger comes by its backend.

Law: an outage of Airflow's own ends a wait as little as one of the service. What cannot be looked
up now is looked up again, ever less often, until the deadline, and all who wait for one backend
share these looks. What is wrong with a connection that was read is an error at once.
"""

import asyncio
import gc
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from airflow_aml_retrain.client.sharing import Shared
from airflow_aml_retrain.errors import DeadlineExceeded, ServiceUnavailable
from airflow_aml_retrain.wire.conversation import PATIENCE

if TYPE_CHECKING:
    from airflow_aml_retrain.client.backend import Backend

_log: Final = logging.getLogger(__name__)

_LookUp = Callable[[str, str | None, str | None], Awaitable["Backend"]]

_look_ups: Final = Shared[_LookUp]()
_backends: Final = Shared["Backend"](good_for=0.0)

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


async def backend_in_time(
    conn_id: str, service: str | None, endpoint: str | None, deadline: float | None
) -> "Backend":
    """
    The backend, whose look-up may last as long as the wait itself, and not longer.

    `DeadlineExceeded` then. A wait without a deadline gives up after `PATIENCE` in which none
    could be looked up, with `ServiceUnavailable`.
    """
    left = None if deadline is None else max(1.0, deadline - time.time())
    until = _now() + PATIENCE if deadline is None else math.inf
    about = (conn_id, service or None, endpoint or None)
    try:
        async with asyncio.timeout(left):
            look_up = await _look_ups.found("backend", _loaded)
            while True:
                try:
                    return await _backends.found(about, partial(_found, look_up, *about))
                except ServiceUnavailable:
                    # Another has begun these looks, maybe long before.
                    if _now() >= until:
                        raise
    except TimeoutError as exc:
        msg = f"the deadline has passed before {conn_id!r} could be reached"
        raise DeadlineExceeded(msg) from exc


async def _found(
    look_up: _LookUp, conn_id: str, service: str | None, endpoint: str | None
) -> "Backend":
    """Look for `PATIENCE`; the trouble is told once."""
    until, pause, told = _now() + PATIENCE, _FIRST_PAUSE, ""
    while True:
        try:
            return await look_up(conn_id, service, endpoint)
        except ServiceUnavailable as exc:
            if _now() >= until:
                raise
            if str(exc) != told:
                _log.warning("%s; looking again", exc)
            told = str(exc)
        await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
        pause = min(2 * pause, _LONGEST_PAUSE)


def _now() -> float:
    return asyncio.get_running_loop().time()


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
