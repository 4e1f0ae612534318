"""
Worker processes, so that training never stands in the way of an answer.

A worker that dies takes the pool with it; the pool is replaced, and what was in it is done once
more before it is given up. A worker ends by itself when the emulator is gone, however it went.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

from airflow_aml_retrain.emulator import work
from airflow_aml_retrain.emulator.models import Recipe, Trained
from airflow_aml_retrain.emulator.work import Failure, Order

P = ParamSpec("P")
T = TypeVar("T")

_CRASHED = Failure(
    "ContainerProcessTerminatedWithSystemError",
    "The container process crashed with system error",
    "InternalError",
    500,
)


class Workers:
    """A pool of *count* processes that train and score."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._closed = False
        self._pool = _pool(count)
        # The processes are there, with their libraries, before the first job is.
        self._pool.submit(work.get_ready)

    def submit(self, order: Order, done: Callable[[Failure | None], None]) -> Future[object]:
        """Have *order* done; *done* is told how it ended, unless the future is cancelled."""
        return self._submit(order, done, attempts=2)

    def learn(self, data: bytes, recipe: Recipe) -> Trained:
        """Train now, in a worker, and wait for it."""
        return self._handed(work.learn, data, recipe).result()

    def close(self) -> None:
        """Drop what waits, and end the processes without waiting for what they do."""
        with self._lock:
            self._closed = True
            processes = list((self._pool._processes or {}).values())  # noqa: SLF001 - kill_workers comes with Python 3.14
            self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()

    def _submit(
        self, order: Order, done: Callable[[Failure | None], None], attempts: int
    ) -> Future[object]:
        future = self._handed(work.perform, order)

        def told(ended: Future[Failure | None]) -> None:
            if ended.cancelled() or self._closed:
                return
            trouble = ended.exception()
            if trouble is None:
                done(ended.result())
            elif isinstance(trouble, BrokenProcessPool) and attempts > 1:
                self._submit(order, done, attempts - 1)
            else:
                done(_CRASHED if isinstance(trouble, BrokenProcessPool) else _failed(trouble))

        future.add_done_callback(told)
        return future  # type: ignore[return-value]  # Future is invariant, and callers only cancel it

    def _handed(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """*function* given to a worker, of a new pool if the old one is broken."""
        with self._lock:
            try:
                return self._pool.submit(function, *args, **kwargs)
            except BrokenProcessPool:
                self._pool = _pool(self._count)
                return self._pool.submit(function, *args, **kwargs)


def _pool(count: int) -> ProcessPoolExecutor:
    # Spawned, not forked: the emulator has threads, and a fork of those can hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_settle_in)


def _settle_in() -> None:
    """Leave Ctrl-C to the emulator, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _failed(trouble: BaseException) -> Failure:
    message = f"{type(trouble).__name__}: {trouble}"
    return Failure("ModuleExecutionFailed", message, "InternalError", 500)
