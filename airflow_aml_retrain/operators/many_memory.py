"""
What a task remembers of the jobs of many models, over its retries and deferrals.

Law: as for one job (`memory`), an id is remembered before its job is started. It is kept in pages,
each well below the 64 KiB that Airflow allows for a value, so that a thousand models are
remembered as safely as one, and remembering one rewrites one page.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_aml_retrain.wire.jobs import JobId

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue

_PAGE: Final = 48 * 1024
"""Bytes of a page, as Airflow counts them: as JSON."""

_ENTRY: Final = 1024
"""Bytes of an entry beside the model's name."""

_WHY: Final = 400
"""Characters of a reason; JSON writes some of them as two."""


class Stage(StrEnum):
    """How far a model is."""

    UNDER_WAY = "under way"
    RETRAINED = "retrained"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Noted:
    """What is known of one model: its *job* (empty: none was made), its stage, *why* it failed."""

    job: JobId
    stage: Stage = Stage.UNDER_WAY
    why: str = ""

    @property
    def failed(self) -> bool:
        return self.stage is Stage.FAILED


class ManyMemory:
    """
    The jobs of one attempt at a task, by model, in Airflow's task state store.

    A clear by a person begins anew: see `JobMemory`.
    """

    def __init__(self, context: "Context") -> None:
        self._store = context["task_state_store"]
        self._key = f"aml-retrain-jobs-{context['ti'].max_tries}"
        self._pages = list(self._read())

    def all(self) -> dict[str, Noted]:
        """What is known, by model."""
        return {model: noted for page in self._pages for model, noted in page.items()}

    def remember(self, model: str, noted: Noted) -> None:
        """Write down what is known of *model*, in place of what was."""
        number = self._page_of(model)
        why = noted.why.encode("ascii", "replace").decode()[:_WHY]
        self._pages[number][model] = Noted(noted.job, noted.stage, why)
        self._write(number)

    def forget(self, model: str) -> None:
        """A retry must not take up what is known of *model*."""
        for number, page in enumerate(self._pages):
            if page.pop(model, None):
                self._write(number)

    @property
    def cancelling(self) -> bool:
        """Whether the jobs under way were about to be cancelled when a try ended."""
        return self._store.get(f"{self._key}-cancelling") is True

    @cancelling.setter
    def cancelling(self, is_so: bool) -> None:
        self._store.set(f"{self._key}-cancelling", is_so, retention=NEVER_EXPIRE)

    def _page_of(self, model: str) -> int:
        """The page that *model* is on, or will be."""
        for number, page in enumerate(self._pages):
            if model in page:
                return number
        if not self._pages or _room(self._pages[-1]) < _size(model):
            self._pages.append({})
        return len(self._pages) - 1

    def _read(self) -> Iterator[dict[str, Noted]]:
        number = 0
        while isinstance(said := self._store.get(f"{self._key}-{number}"), dict):
            yield {model: _noted(entry) for model, entry in said.items()}
            number += 1

    def _write(self, number: int) -> None:
        page: dict[str, JsonValue] = {
            model: _entry(noted) for model, noted in self._pages[number].items()
        }
        self._store.set(f"{self._key}-{number}", page, retention=NEVER_EXPIRE)


def _entry(noted: Noted) -> "JsonValue":
    return {"job": noted.job, "stage": noted.stage.value, "why": noted.why}


def _noted(entry: object) -> Noted:
    match entry:
        case {"job": str(job), "stage": str(stage), "why": str(why)}:
            return Noted(JobId(job), Stage(stage), why)
        case other:
            msg = f"expected what was remembered of a job, got {other!r}"
            raise TypeError(msg)


def _room(page: dict[str, Noted]) -> int:
    return _PAGE - sum(map(_size, page))


def _size(model: str) -> int:
    """How large the entry of *model* can become."""
    return len(json.dumps(model)) + _ENTRY
