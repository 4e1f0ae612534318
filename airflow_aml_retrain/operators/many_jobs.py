"""
The batch jobs of many models as an operator holds them: submitted, awaited, cancelled together.

Law: what is wrong with one model is that model's failure and stops no other. Each job is created,
remembered and started in this order, as `batch` has it for one, and at most so many are under
way at a time. That the service has no time for one model, to make its job, to start it or to look
at it, is one of these failures; two, one after the other, are an outage, and the next try goes on
from there. A job that may run is awaited or cancelled, whatever becomes of its model.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.errors import (
    BadInput,
    DeadlineExceeded,
    NotConfigured,
    RetrainError,
    ServiceUnavailable,
    WireError,
)
from airflow_aml_retrain.hooks.retrain import backend_for
from airflow_aml_retrain.hooks.storage import blob_store
from airflow_aml_retrain.operators.batch import OfService
from airflow_aml_retrain.operators.many_memory import ManyMemory, Noted, Stage
from airflow_aml_retrain.operators.memory import NOT_ADOPTED, see_cancelled, state_on
from airflow_aml_retrain.triggers.events import outcomes_of
from airflow_aml_retrain.triggers.jobs import cancelled
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState, started

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore

log: Final = logging.getLogger(__name__)

Wish = Mapping[str, Any]
"""A model to retrain: "model" (its name), "inputs" and, where there are any, "parameters"."""

OUTAGES: Final = (ServiceUnavailable, DeadlineExceeded)
"""What comes of a service that is away, from a write that is repeated and from a look."""

_LONGEST_NAME: Final = 200
_NONE: Final = JobId("")


@dataclass(slots=True)
class ManyJobs:
    """The jobs of one attempt; *wishes* say by model what each reads."""

    backend: "Backend"
    store: "BlobStore"
    memory: ManyMemory
    wishes: Mapping[str, Wish]
    _is_away: bool = field(default=False, init=False)
    """Whether the service had no time for the model before."""

    @classmethod
    def open(
        cls, operator: OfService, context: "Context", wishes: Mapping[str, Wish]
    ) -> "ManyJobs":
        backend = backend_for(operator.conn_id, operator.service, operator.endpoint)
        return cls(backend, blob_store(operator.wasb_conn_id), ManyMemory(context), wishes)

    @property
    def under_way(self) -> dict[str, JobId]:
        """The job of each model that is awaited."""
        return {
            m: noted.job for m, noted in self._known().items() if noted.stage is Stage.UNDER_WAY
        }

    @property
    def left(self) -> list[str]:
        """The models of which nothing has been begun."""
        known = self._known()
        return [model for model in self.wishes if model not in known]

    def outcomes(self) -> dict[str, Noted]:
        """What became of each model, in the order of the wishes."""
        known = self._known()
        return {model: known[model] for model in self.wishes}

    def take_up(self) -> None:
        """
        Go on with the jobs of an earlier try; those that came to nothing are made anew.

        Raises one of `OUTAGES` in an outage.
        """
        if self.memory.cancelling:
            self._see_all_cancelled()
        for model, noted in self._known().items():
            if noted.stage is not Stage.RETRAINED:
                self._take_up(model, noted)

    def submit(self, most: int) -> None:
        """
        Set jobs going until *most* are under way or no model is left.

        Raises one of `OUTAGES` in an outage.
        """
        for model in self.left:
            if len(self.under_way) >= most:
                return
            try:
                job = self._created(model)
            except RetrainError as exc:
                self._count(exc)
                self._failed(model, str(exc))
            else:
                # Before it is started: see the law of `memory`.
                self.memory.remember(model, Noted(job))
                self._start(model, job)

    def note(self, event: object) -> None:
        """Write down what a trigger has seen of the jobs."""
        models = {job: model for model, job in self.under_way.items()}
        for job, outcome in outcomes_of(event):
            if job in models:
                self._note(models[job], job, outcome)

    def begin_no_more(self, why: str) -> None:
        """Leave out the models of which nothing has been begun."""
        for model in self.left:
            self.memory.remember(model, Noted(_NONE, Stage.FAILED, why))

    def give_up(self, why: str) -> None:
        """Time is up: cancel what is under way, and begin nothing more."""
        jobs = self.under_way
        self.cancel()
        for model, job in jobs.items():
            self.memory.remember(model, Noted(job, Stage.FAILED, why))
        self.begin_no_more(why)

    def cancel(self) -> None:
        """Cancel what is under way; a retry makes sure of it before it makes another job."""
        jobs = list(self.under_way.values())
        if not jobs:
            return
        self.memory.cancelling = True
        for job, why in asyncio.run(cancelled(self.backend, jobs)).items():
            log.warning("Job %s could not be cancelled: %s", job, why)
        log.info("Cancelled the %s jobs under way", len(jobs))

    def _known(self) -> dict[str, Noted]:
        """What is remembered of the models that are asked for now."""
        return {m: noted for m, noted in self.memory.all().items() if m in self.wishes}

    def _created(self, model: str) -> JobId:
        wish = self.wishes[model]
        places = _texts(wish, "inputs")
        blobs = {name: self.store.reference(*split_path(place)) for name, place in places.items()}
        return self.backend.run(self.backend.verbs.submit(blobs, _texts(wish, "parameters")))

    def _start(self, model: str, job: JobId) -> None:
        try:
            self.backend.run(started(self.backend.verbs, job))
        except OUTAGES as exc:
            self._count(exc)
            self._let_go(model, job, str(exc))
        except RetrainError as exc:
            self._count(exc)
            self._failed(model, str(exc), job)
        else:
            self._count(None)
            log.info("Job %s retrains %s", job, model)

    def _let_go(self, model: str, job: JobId, why: str) -> None:
        """
        Fail a model whose job could not be started, and see to it that the job does not run.

        It may run for all that, and is then awaited. A service that is away for this too is an
        outage, in which the job stays as it is remembered: under way.
        """
        try:
            if state_on(self.backend, job) not in {JobState.WAITING, None}:
                return
            self.backend.run(self.backend.verbs.cancel(job))
        except WireError as exc:
            log.warning("Job %s, for %s, is awaited, started or not: %s", job, model, exc)
        else:
            self._failed(model, why, job)

    def _count(self, trouble: RetrainError | None) -> None:
        """Note how a model fared; *trouble* that makes an outage is raised."""
        is_away = isinstance(trouble, OUTAGES)
        if trouble is not None and is_away and self._is_away:
            raise trouble
        self._is_away = is_away

    def _take_up(self, model: str, noted: Noted) -> None:
        try:
            state = state_on(self.backend, noted.job) if noted.job else None
        except OUTAGES as exc:
            self._count(exc)
            # What is remembered stands: a job that was under way is awaited.
            log.warning("Job %s, for %s, could not be looked at: %s", noted.job, model, exc)
            return
        except WireError as exc:
            self._count(exc)
            self._failed(model, str(exc), noted.job)
            return
        if state is not None and state.is_final:
            self._count(None)
        if state in NOT_ADOPTED:
            self.memory.forget(model)
        elif state is JobState.SUCCEEDED:
            self.memory.remember(model, Noted(noted.job, Stage.RETRAINED))
        else:
            log.info("Taking up job %s of an earlier try, for %s", noted.job, model)
            self.memory.remember(model, Noted(noted.job))
            self._start(model, noted.job)

    def _see_all_cancelled(self) -> None:
        for model, noted in self._known().items():
            if noted.stage is not Stage.RETRAINED:
                if noted.job:
                    self._see_cancelled(model, noted.job)
                else:
                    self.memory.forget(model)
        self.memory.cancelling = False

    def _see_cancelled(self, model: str, job: JobId) -> None:
        try:
            see_cancelled(self.backend, job)
        except OUTAGES as exc:
            self._count(exc)
            log.warning("Job %s, for %s, is awaited: it cannot be cancelled: %s", job, model, exc)
            self.memory.remember(model, Noted(job))
        else:
            self._count(None)
            self.memory.forget(model)

    def _note(self, model: str, job: JobId, outcome: JobReport | RetrainError) -> None:
        match outcome:
            case DeadlineExceeded():
                # Not its end: see `give_up`.
                return
            case JobReport(state=JobState.SUCCEEDED):
                log.info("%s is retrained", model)
                self.memory.remember(model, Noted(job, Stage.RETRAINED))
            case JobReport():
                self._failed(model, outcome.details or f"job {job} was {outcome.state.value}", job)
            case _:
                self._failed(model, str(outcome), job)

    def _failed(self, model: str, why: str, job: JobId = _NONE) -> None:
        log.error("%s is not retrained: %s", model, why)
        self.memory.remember(model, Noted(job, Stage.FAILED, why))


def by_name(models: Sequence[Wish] | str) -> dict[str, Wish]:
    """*models*, or the JSON of them, by name; `NotConfigured` where they cannot be told apart."""
    rows = _parsed(models)
    wishes: dict[str, Wish] = {}
    for row in rows:
        match row:
            case {"model": str(name)} if 0 < len(name) <= _LONGEST_NAME and name not in wishes:
                wishes[name] = row
            case _:
                msg = (
                    f"models: expected a mapping with a 'model' of its own, of at most "
                    f"{_LONGEST_NAME} characters, got {row!r}"
                )
                raise NotConfigured(msg)
    return wishes


def _parsed(models: object) -> Sequence[Wish]:
    rows = models
    if isinstance(models, str):
        try:
            rows = json.loads(models)
        except ValueError:
            rows = None
    if isinstance(rows, str) or not isinstance(rows, Sequence):
        msg = f"models: expected a list of mappings or its JSON, got {models!r}"
        raise NotConfigured(msg)
    return rows


def _texts(wish: Wish, what: str) -> dict[str, str]:
    """The mapping *what* of a model; none is an empty one, and too few inputs are the service's."""
    match wish.get(what):
        case None:
            return {}
        case {**given} if all(isinstance(each, str) for pair in given.items() for each in pair):
            return {str(name): str(value) for name, value in given.items()}
        case other:
            msg = f"{what}: expected a mapping of texts, got {other!r}"
            raise BadInput(msg)
