"""The batch execution service: submit, start, status, cancel."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from airflow_aml_retrain.emulator import submission
from airflow_aml_retrain.emulator.dispatch import Dispatcher, settled
from airflow_aml_retrain.emulator.lifecycle import Event, IllegalMove, Status, after
from airflow_aml_retrain.emulator.messages import Submission
from airflow_aml_retrain.emulator.records import BlobReference, Endpoint, Job, Service
from airflow_aml_retrain.emulator.refusals import Answer, Refusal, bad_argument, refusal
from airflow_aml_retrain.emulator.site import Site
from airflow_aml_retrain.emulator.storage import Unreadable

_EXPIRED = 3 * 24 * 60 * 60


class Batch:
    """Every batch job of every endpoint."""

    def __init__(self, site: Site, dispatcher: Dispatcher) -> None:
        self._site = site
        self._dispatcher = dispatcher

    def submit(self, endpoint: Endpoint, service: Service, wanted: Submission) -> Job:
        """Register a job; it runs when it is started."""
        inputs = submission.inputs_of(service, wanted)
        outputs = submission.outputs_of(service, wanted, self._site.storage)
        parameters = submission.parameters_of(service, wanted.global_parameters)
        if self._site.settings.gaps.blobs_checked_on_submit:
            self._require_readable(inputs)
        job = Job(
            id=uuid.uuid4().hex,
            endpoint_id=endpoint.id,
            workspace_id=endpoint.workspace_id,
            service_id=service.id,
            inputs=inputs,
            outputs=outputs,
            parameters=parameters,
            created=self._site.clock(),
        )
        self._site.store.add(job)
        return job

    def start(self, endpoint: Endpoint, job_id: str, doomed: str | None) -> None:
        """Set a job going; *doomed* makes it fail with those details."""
        self._known(endpoint, job_id)
        now = self._site.clock()

        def started(job: Job) -> Job:
            try:
                status = after(job.status, Event.START)
            except IllegalMove as exc:
                raise refusal(Answer("InvalidOperation", "CannotStartJob"), exc.status) from exc
            return replace(
                job, status=status, starts=job.starts + 1, started=now, doomed=doomed, queued=True
            )

        job = self._site.store.change(Job, job_id, started)
        if job is not None:
            self._dispatcher.enqueue(job)

    def status(self, endpoint: Endpoint, job_id: str, *, expired: bool) -> dict[str, object]:
        """What is said of a job; *expired* makes its SAS tokens old ones."""
        self._known(endpoint, job_id)
        job = self._site.store.change(Job, job_id, self._asked)
        if job is None:
            raise refusal(self._site.settings.gaps.unknown_job)
        said: dict[str, object] = {
            "StatusCode": shown(job, self._site),
            "Results": self._results(job, expired=expired),
            "Details": job.details or None,
        }
        return said | (_times(job) if self._site.settings.gaps.job_times else {})

    def cancel(self, endpoint: Endpoint, job_id: str) -> None:
        """Cancel a job; one that has ended stays as it ended, and that is no error."""
        self._known(endpoint, job_id)
        now, cancelled = self._site.clock(), False

        def stopped(job: Job) -> Job:
            nonlocal cancelled
            if job.status.is_final:
                return job
            cancelled = True
            polls = self._site.settings.gaps.polls_until_cancelled if job.starts else 0
            return replace(
                job,
                status=after(job.status, Event.CANCEL),
                ended=now,
                lingering=polls or -1,
                outcome=None,
                details="",
            )

        job = self._site.store.change(Job, job_id, stopped)
        if job is not None and cancelled:
            self._dispatcher.forget(job)

    def _asked(self, job: Job) -> Job:
        polled = replace(job, polls=job.polls + 1, lingering=max(job.lingering - 1, -1))
        return settled(polled, self._site.settings.polls_until_done)

    def _known(self, endpoint: Endpoint, job_id: str) -> Job:
        job, gaps = self._site.store.get(Job, job_id), self._site.settings.gaps
        gone = (
            job is None
            or job.endpoint_id != endpoint.id
            or (job.status is Status.CANCELLED and gaps.cancelled_jobs == "gone")
            or (
                gaps.jobs_kept is not None
                and job.ended is not None
                and self._site.clock() - job.ended > gaps.jobs_kept
            )
        )
        if job is None or gone:
            raise refusal(gaps.unknown_job)
        return job

    def _results(self, job: Job, *, expired: bool) -> dict[str, object] | None:
        if job.status is not Status.FINISHED:
            return None
        now = self._site.clock() - (_EXPIRED if expired else 0)
        return {name: self._site.storage.location(at, now) for name, at in job.outputs.items()}

    def _require_readable(self, inputs: Mapping[str, BlobReference]) -> None:
        for reference in inputs.values():
            try:
                self._site.storage.check(reference)
            except Unreadable as exc:
                raise _unreadable(reference, exc) from exc


def shown(job: Job, site: Site) -> str:
    """The status as the wire shows it, which a queue and a slow cancellation can hold back."""
    if job.status is Status.RUNNING and job.queued:
        return site.settings.gaps.queued_status
    return Status.RUNNING if job.lingering >= 0 else job.status


def _unreadable(reference: BlobReference, exc: Unreadable) -> Refusal:
    return bad_argument("BlobNotFound", reference.relative, exc)


def _times(job: Job) -> dict[str, object]:
    times = {"CreatedAt": job.created, "StartTime": job.started, "EndTime": job.ended}
    return {
        name: None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
        for name, at in times.items()
    }
