"""
Which batches a consumer has learned from: its runs, and what each of them was given.

Law: what a run is given is bound to it before it reads anything, so that its retries are given the
same, and two runs are never given the same batch as new. It counts as consumed only when the run
has made its data of it; what a run had that ended before that is new to the next.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Final
from urllib.parse import quote

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.contested import rewrite
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.arrivals import Delivered

SCHEMA: Final = "aml-retrain.consumption/1"

_KEPT: Final = 1000
"""Runs that are remembered; one that is cleared after so many others is given all there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """
    What *run* learns from: all batches up to *last*, of which those from *first* on are new to it.

    *cutoff* is when the last of them was written down (ISO 8601), *is_consumed* whether the run's
    data has been made. None is new where *first* is above *last*.
    """

    run: str
    first: int
    last: int
    cutoff: str
    is_consumed: bool = False

    @property
    def is_new(self) -> bool:
        return self.first <= self.last


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
        """The last batch that the consumer has learned from; 0 for none."""
        return rewrite(self.store, self.document, lambda data: (consumed_by(data), None))

    def share(
        self,
        run: str,
        delivered: Delivered,
        is_over: Callable[[str], bool],
        *,
        even_if_old: bool = True,
    ) -> Share:
        """
        The share of *run*: what it was given before, else all of *delivered*.

        New to it is what was neither consumed by another run nor given to one of which *is_over*
        does not say that it has ended. Unless *even_if_old*, it is bound only to what is new.
        """

        def given(data: bytes | None) -> tuple[Share, bytes | None]:
            shares = _read(data)
            known = next((share for share in shares if share.run == run), None)
            if known is not None:
                return known, None
            taken = (each.last for each in shares if each.is_consumed or not is_over(each.run))
            first = max(taken, default=0) + 1
            share = Share(run=run, first=first, last=delivered.number, cutoff=delivered.at)
            is_bound = share.is_new or even_if_old
            return share, _written([*shares, share]) if is_bound else None

        return rewrite(self.store, self.document, given)

    def consume(self, share: Share) -> None:
        """The data of *share* has been made."""

        def marked(data: bytes | None) -> tuple[None, bytes | None]:
            shares = _read(data)
            done = replace(share, is_consumed=True)
            if done in shares:
                return None, None
            return None, _written([*(each for each in shares if each.run != share.run), done])

        rewrite(self.store, self.document, marked)


def consumer_of(dag_id: str, task_id: str, map_index: int | None) -> str:
    """Who learns, where nobody says so: the group of a task in its DAG, its index where mapped."""
    group = task_id.rpartition(".")[0]
    mapped = "" if map_index in (None, -1) else f"[{map_index}]"
    return f"{dag_id}{'/' if group else ''}{group}{mapped}"


def document_of(folder: str, consumer: str) -> str:
    """Where the shares of *consumer* lie, "container/path"."""
    return f"{folder}/consumed/{quote(consumer, safe='/-._~')}.json"


def consumed_by(data: bytes | None) -> int:
    """The last batch that was consumed, by a document of shares."""
    return max((share.last for share in _read(data) if share.is_consumed), default=0)


def _read(data: bytes | None) -> list[Share]:
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
