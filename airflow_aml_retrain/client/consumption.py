"""
Which batches a consumer has learned from: its runs, and what each of them was given.

Law: what a run is given is bound to it before it reads anything, so that its retries are given the
same, and two runs are never given the same batch as new while both may learn from it. It counts
as consumed when the run has made its data of it. What a run had whose journey failed, or that
ended before that, is new to the next; where it is cleared after all, it is given the same again.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Final, Protocol, Self
from urllib.parse import quote

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.contested import rewrite
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.arrivals import Delivered

SCHEMA: Final = "aml-retrain.consumption/1"

_KEPT: Final = 1000
"""Runs that are remembered; one that is cleared after so many others is given all there is."""


class Ended(Enum):
    """How a run ended for one who learned in it."""

    SUCCESS = "success"
    FAILED = "failed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """
    What *run* learns from: all batches up to *last*, of which those from *first* on are new to it.

    *cutoff* is when the last of them was written down (ISO 8601), *is_consumed* whether the run's
    data has been made. None is new where *first* is above *last*. *dag* is whose run it is; *group*
    and *index* say whose tasks in it, by their prefix and, where they are mapped, their map index.
    """

    run: str
    first: int
    last: int
    cutoff: str
    is_consumed: bool = False
    dag: str = ""
    group: str = ""
    index: int = -1

    def is_of(self, dag: str, run: str) -> bool:
        return self.run == run and self.dag in {dag, ""}

    @property
    def is_new(self) -> bool:
        return self.first <= self.last


class Task(Protocol):
    """A task of a run, as Airflow knows it."""

    @property
    def dag_id(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def task_id(self) -> str: ...
    @property
    def map_index(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """
    Who learns in a *run* of *dag*: the tasks of *group*, of *index* where they are mapped.

    *name* is that of the model in a mapped group, where it has one: its index is its place in a
    table, which another may have in the next run.
    """

    dag: str
    run: str
    group: str
    index: int = -1
    name: str = ""

    @classmethod
    def by(cls, task: Task, name: str | None = None) -> Self:
        """Who learns by *task*."""
        return cls(
            dag=task.dag_id,
            run=task.run_id,
            group=task.task_id.rpartition(".")[0],
            index=-1 if task.map_index is None else task.map_index,
            name=name or "",
        )

    @property
    def consumer(self) -> str:
        """Whose account it has, where nobody says so."""
        mapped = self.name or ("" if self.index < 0 else str(self.index))
        return f"{self.dag}{'/' if self.group else ''}{self.group}{mapped and f'[{mapped}]'}"


@dataclass(frozen=True, slots=True)
class Consumption:
    """The shares of one *consumer*, kept beside the manifests in *folder* ("container/path")."""

    store: BlobStore
    folder: str
    consumer: str

    @property
    def document(self) -> str:
        return document_of(self.folder, self.consumer)

    def consumed(self) -> int:
        """The last batch that a run of the consumer has made its data of; 0 for none."""

        def read(data: bytes | None) -> tuple[int, None]:
            made = (share.last for share in shares_in(data) if share.is_consumed)
            return max(made, default=0), None

        return rewrite(self.store, self.document, read)

    def share(
        self,
        learner: Learner,
        delivered: Delivered,
        ended: Callable[[Share], Ended | None],
        *,
        even_if_old: bool = True,
    ) -> Share:
        """
        The share of *learner*: what it was given before in its run, else all of *delivered*.

        New to it is what lies beyond `learned`. Unless *even_if_old*, it is bound only to that.
        """

        def given(data: bytes | None) -> tuple[Share, bytes | None]:
            shares = shares_in(data)
            known = next((each for each in shares if each.is_of(learner.dag, learner.run)), None)
            if known is not None:
                return known, None
            share = Share(
                dag=learner.dag,
                run=learner.run,
                group=learner.group,
                index=learner.index,
                first=learned(shares, ended) + 1,
                last=delivered.number,
                cutoff=delivered.at,
            )
            is_bound = share.is_new or even_if_old
            return share, _written([*shares, share]) if is_bound else None

        return rewrite(self.store, self.document, given)

    def consume(self, share: Share) -> None:
        """The data of *share* has been made."""

        def marked(data: bytes | None) -> tuple[None, bytes | None]:
            shares = shares_in(data)
            done = replace(share, is_consumed=True)
            if done in shares:
                return None, None
            others = (each for each in shares if not each.is_of(share.dag, share.run))
            return None, _written([*others, done])

        rewrite(self.store, self.document, marked)


def document_of(folder: str, consumer: str) -> str:
    """Where the shares of *consumer* lie, "container/path"."""
    return f"{folder}/consumed/{quote(consumer, safe='/-._~')}.json"


def learned(shares: Iterable[Share], ended: Callable[[Share], Ended | None]) -> int:
    """
    The last batch that is new to no other run; 0 for none.

    It was consumed by a run that has not *ended* in failure, or given to one that goes on.
    """
    # The newest first, so that hardly any run is asked about.
    newest = sorted(shares, key=lambda share: share.last, reverse=True)
    return next((share.last for share in newest if _is_taken(share, ended(share))), 0)


def _is_taken(share: Share, ended: Ended | None) -> bool:
    return ended is not Ended.FAILED if share.is_consumed else ended is None


def shares_in(data: bytes | None) -> list[Share]:
    """The shares that a document tells of; none where there is no document."""
    if data is None:
        return []
    try:
        match json.loads(data):
            case {"schema": schema, "shares": list(shares)} if schema == SCHEMA:
                return [Share(**share) for share in shares]
    except (ValueError, TypeError) as exc:
        msg = f"what was consumed cannot be read: {exc}"
        raise BadInput(msg) from exc
    msg = f"expected shares with schema {SCHEMA!r}, got {data[:80]!r}"
    raise BadInput(msg)


def _written(shares: list[Share]) -> bytes:
    said = {"schema": SCHEMA, "shares": [asdict(share) for share in shares[-_KEPT:]]}
    return json.dumps(said).encode()
