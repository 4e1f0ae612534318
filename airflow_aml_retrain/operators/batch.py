"""
A batch job as an operator holds it: created, remembered, started; cancelled on kill.

Law: the three stand in this order and nowhere else; a cancellation is noted before it is sent.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow.sdk.exceptions import AirflowTaskTerminated

from airflow_aml_retrain.errors import DeadlineExceeded, NotUpdatable, UnexpectedAnswer

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.operators.memory import JobMemory
    from airflow_aml_retrain.wire.blobs import ModelBlob
    from airflow_aml_retrain.wire.jobs import JobId, JobReport

log: Final = logging.getLogger(__name__)


class OfService(Protocol):
    """An operator that speaks to one endpoint, with data from one storage."""

    conn_id: str
    service: str | None
    endpoint: str | None
    wasb_conn_id: str


@dataclass(slots=True)
class BatchJob:
    """One attempt's job on one endpoint; *inputs* are places "container/path"."""

    backend: "Backend"
    memory: "JobMemory"
    wasb_conn_id: str
    task: Any
    job: "JobId | None" = None

    @classmethod
    def open(cls, operator: OfService, context: "Context") -> "BatchJob":
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.operators.memory import JobMemory

        backend = backend_for(operator.conn_id, operator.service, operator.endpoint)
        return cls(backend, JobMemory(context), operator.wasb_conn_id, context["ti"])

    def created(self, inputs: Mapping[str, str], parameters: Mapping[str, str]) -> str:
        """The reference of a job that is remembered; an earlier try's job is taken up again."""
        self.job = self.memory.adoptable(self.backend)
        if self.job is None:
            serving = self.serving()
            self.job = self.backend.run(self.backend.verbs.submit(self._blobs(inputs), parameters))
            # Before it is started: see the law of `memory`.
            self.memory.remember(self.job, serving=serving)
        else:
            log.info("Taking up job %s of an earlier try", self.job)
        return self.backend.reference(self.job)

    def started(self, inputs: Mapping[str, str], parameters: Mapping[str, str]) -> str:
        """The reference of a job that runs."""
        from airflow_aml_retrain.wire.jobs import started

        reference = self.created(inputs, parameters)
        self.backend.run(started(self.backend.verbs, self.backend.job(reference)))
        log.info("Job %s runs on %s", self.job, self.backend.name)
        return reference

    def waited(self, *, every: float, until: float) -> "JobReport":
        """Wait on this worker until the job has ended; past *until* it is cancelled."""
        from airflow_aml_retrain.wire.jobs import wait

        if self.job is None:
            msg = "there is no job to wait for: call started first"
            raise ValueError(msg)
        try:
            return self.backend.run(wait(self.backend.verbs, self.job, every=every), until=until)
        except DeadlineExceeded:
            self.cancel()
            raise

    def serving(self) -> str:
        """What `read_back` says of the endpoint."""
        return read_back(self.backend)

    def cancel(self) -> None:
        """Cancel the job; a retry makes sure of it before it makes another."""
        if self.job is None:
            return
        try:
            self.memory.cancelling(self.job)
        finally:
            self.backend.run(self.backend.verbs.cancel(self.job))
        log.info("Cancelled job %s", self.job)

    def stopped(self) -> None:
        """
        The process is told to end: cancel the job if a person stopped the task.

        A worker that is drained, or has lost touch with Airflow, is told the same, and its task
        is tried again: the job is left for that try to take up.
        """
        from airflow_aml_retrain.triggers.owner import is_stopped_by_person

        if not is_stopped_by_person(self.task):
            log.info("Leaving job %s to the next try", self.job)
            return
        self.cancel()
        # Airflow's handler would go on where it was, and start the job after all.
        raise AirflowTaskTerminated

    def _blobs(self, inputs: Mapping[str, str]) -> "dict[str, ModelBlob]":
        from airflow_aml_retrain.client.blobs import split_path
        from airflow_aml_retrain.hooks.storage import blob_store

        store = blob_store(self.wasb_conn_id)
        return {name: store.reference(*split_path(place)) for name, place in inputs.items()}


def read_back(backend: "Backend") -> str:
    """The locations of the endpoint's models, one a line; empty where nobody may read it."""
    try:
        serving = backend.run(backend.verbs.serving())
    except NotUpdatable:
        return ""
    except UnexpectedAnswer as exc:
        if exc.status not in {401, 403}:
            raise
        return ""
    return "\n".join(sorted(model.location for model in serving.models.values()))
