"""
Which started job runs when: so many at a time per endpoint, the others in a queue.

The real service runs 40 batch requests of one endpoint at a time and lets further ones wait.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

from airflow_aml_retrain.emulator.lifecycle import Event, Status, after
from airflow_aml_retrain.emulator.models import Recipe
from airflow_aml_retrain.emulator.records import Endpoint, Job, Kind, Service
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.storage import ASSETS
from airflow_aml_retrain.emulator.work import Failure, Order

SEED = "Random seed"
"""The global parameter of a training service that seeds it."""

_EVENTS = {Status.FINISHED: Event.FINISH, Status.FAILED: Event.FAIL}


class Dispatcher:
    """Hands started jobs to the trainer, and writes down how they ended."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.RLock()
        self._running: defaultdict[str, dict[str, Future[object] | None]] = defaultdict(dict)
        self._waiting: defaultdict[str, deque[str]] = defaultdict(deque)

    def enqueue(self, job: Job) -> None:
        """Let a job that was started run as soon as there is a place."""
        with self._lock:
            self._waiting[job.endpoint_id].append(job.id)
            self._pump(job.endpoint_id)

    def forget(self, job: Job) -> None:
        """A job was cancelled: it gives up its place and writes no results."""
        self._marker(job.id).parent.mkdir(parents=True, exist_ok=True)
        self._marker(job.id).touch()
        with self._lock:
            if job.id in self._waiting[job.endpoint_id]:
                self._waiting[job.endpoint_id].remove(job.id)
            future = self._running[job.endpoint_id].pop(job.id, None)
            if future is not None:
                future.cancel()
            self._pump(job.endpoint_id)

    def resume(self) -> None:
        """After a restart: what was running runs again, or fails, as the settings say."""
        for job in self._site.store.all(Job):
            if job.status is not Status.RUNNING or job.outcome is not None:
                continue
            if job.queued or self._site.settings.interrupted_jobs == "rerun":
                self.enqueue(job)
            else:
                self._end(job, Failure("WorkerUnreachable", "", "InternalError", 500))

    def _pump(self, endpoint_id: str) -> None:
        running, waiting = self._running[endpoint_id], self._waiting[endpoint_id]
        while waiting and len(running) < self._site.settings.jobs_at_a_time:
            job_id = waiting.popleft()
            running[job_id] = None
            job = self._site.store.change(Job, job_id, lambda job: replace(job, queued=False))
            if job is not None:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        if job.doomed is not None:
            self._end(job, None)
            return
        order = self._order(job)
        if isinstance(order, Failure):
            self._end(job, order)
            return
        future = self._site.trainer.submit(order, self._told(job))
        if job.id in self._running[job.endpoint_id]:
            self._running[job.endpoint_id][job.id] = future

    def _told(self, job: Job) -> Callable[[Failure | None], None]:
        until = self._site.clock() + self._site.settings.job_time

        def told(failure: Failure | None) -> None:
            """The job has done its work, and keeps its place for as long as jobs take."""
            left = until - self._site.clock()
            if left <= 0:
                self._end(job, failure)
                return
            timer = threading.Timer(left, self._end, (job, failure))
            timer.daemon = True
            timer.start()

        return told

    def _order(self, job: Job) -> Order | Failure:
        store, site = self._site.store, self._site
        service, endpoint = store.get(Service, job.service_id), store.get(Endpoint, job.endpoint_id)
        if service is None or endpoint is None:
            return Failure("WebServiceGroupNotFound", "", "InternalError", 500)
        version = endpoint.serving(site.clock())
        seed = job.parameters.get(SEED, "0")
        if not seed.isdecimal() or int(seed) >= 2**32:
            return Failure("UserParameterInvalid", f'"{seed}" is no {SEED}.', "BadUserArgument")
        return Order(
            kind=service.kind,
            recipe=Recipe(service.task, service.label, int(seed)),
            storage=site.storage.connection_string,
            source=next(iter(job.inputs.values())),
            outputs=tuple(job.outputs[name] for name in service.output_names),
            model=site.storage.own(ASSETS, version.asset)
            if version and service.kind is Kind.SCORING
            else None,
            marker=self._marker(job.id),
        )

    def _end(self, job: Job, failure: Failure | None) -> None:
        now = self._site.clock()

        def ended(job: Job) -> Job:
            details = job.doomed or ("" if failure is None else details_of(failure, now))
            failed = failure is not None or job.doomed is not None
            outcome = Status.FAILED if failed else Status.FINISHED
            ended = replace(job, outcome=outcome, details=details, ended=now, queued=False)
            return settled(ended, self._site.settings.polls_until_done)

        self._site.store.change(Job, job.id, ended)
        with self._lock:
            self._running[job.endpoint_id].pop(job.id, None)
            self._pump(job.endpoint_id)

    def _marker(self, job_id: str) -> Path:
        return self._site.settings.state / "cancelled" / job_id


def settled(job: Job, polls: int) -> Job:
    """*job*, moved to its outcome if it has one and has been asked about often enough."""
    if job.outcome is None or job.status is not Status.RUNNING or (polls and job.polls <= polls):
        return job
    return replace(job, status=after(job.status, _EVENTS[job.outcome]))


def details_of(failure: Failure, now: float) -> str:
    """The account of a failed run, in the form of a real one."""
    return (
        f"{failure.code}: {failure.message}, Error code: {failure.outer}, "
        f"Http status code: {failure.status}, Timestamp: {formatdate(now, usegmt=True)}"
    )
