"""
Champion records in blob storage, and holding one while a promotion is under way.

Law: a record is written only by who holds its lease, over the version that was read. A holder
that dies loses the lease by itself, within a minute, and leaves what it had begun as pending.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from airflow_aml_retrain.client.blobs import BlobStore, DocumentChanged, Lease, split_path
from airflow_aml_retrain.errors import LeaseHeld, RetrainError
from airflow_aml_retrain.wire.champion import ChampionRecord, from_json

_LEASE_SECONDS: Final = 60
_RENEW_EVERY: Final = 15.0
_SAFE: Final = 45.0
"""Seconds since the last renewal for which the lease is surely still ours."""


def slug(uri: str) -> str:
    """An endpoint's asset URI as a path of blob storage that names it and nothing else."""
    return quote(uri.partition("://")[2], safe="/-._~")


@dataclass(frozen=True, slots=True)
class ChampionStore:
    """
    The records that lie under *place* ("container/prefix").

    *clock* and *renew_every* are seconds; tests hand in their own.
    """

    store: BlobStore
    place: str
    renew_every: float = _RENEW_EVERY
    clock: Callable[[], float] = time.time

    def path(self, endpoint: str) -> tuple[str, str]:
        return split_path(f"{self.place.strip('/')}/champions/{slug(endpoint)}.json")

    def read(self, endpoint: str) -> ChampionRecord:
        """The record as it is now; an empty one for an endpoint that we have never promoted."""
        found = self.store.document(*self.path(endpoint))
        return from_json(found.data) if found else ChampionRecord(endpoint=endpoint)

    @contextmanager
    def held(
        self, endpoint: str, *, owner: str = "", in_turn: bool = True
    ) -> Iterator["HeldRecord"]:
        """
        Hold the record's lease, renewed by a thread of its own, and give it back at the end.

        Raises `LeaseHeld` if another holds it, or than *owner* is at work on a pending change;
        without *in_turn* the latter does not matter, and the endpoint must be left alone.
        """
        container, path = self.path(endpoint)
        self._make(endpoint)
        lease = self.store.acquire(container, path, seconds=_LEASE_SECONDS)
        try:
            held = self._read_under(lease, endpoint)
            if in_turn:
                self._require_turn(held.record, owner)
            with held.kept(self.renew_every):
                yield held
        finally:
            lease.release()

    def _read_under(self, lease: Lease, endpoint: str) -> "HeldRecord":
        document = self.store.document(*self.path(endpoint))
        record = from_json(document.data) if document else ChampionRecord(endpoint=endpoint)
        return HeldRecord(self, lease, record, document.etag if document else None)

    def _require_turn(self, record: ChampionRecord, owner: str) -> None:
        now = datetime.fromtimestamp(self.clock(), UTC)
        if record.pending and record.pending.is_kept_from(owner, now):
            raise LeaseHeld(record.endpoint, record.pending.owner)

    def _make(self, endpoint: str) -> None:
        """A lease needs a blob to lie on."""
        container, path = self.path(endpoint)
        if self.store.document(container, path) is None:
            try:
                empty = ChampionRecord(endpoint=endpoint).to_json()
                self.store.put_document(container, path, empty, etag=None)
            except DocumentChanged:
                return  # another run has just made it


class HeldRecord:
    """A champion record under lease: `record` is the version that `save` replaces."""

    def __init__(
        self, champions: ChampionStore, lease: Lease, record: ChampionRecord, etag: str | None
    ) -> None:
        self.record = record
        self._champions = champions
        self._lease = lease
        self._etag = etag
        self._lost: RetrainError | None = None
        self._renewed_at = time.monotonic()

    def save(self, record: ChampionRecord) -> None:
        """Write *record*; `LeaseHeld` if the lease was lost, and then nothing is written."""
        self.require()
        container, path = self._champions.path(record.endpoint)
        try:
            self._etag = self._champions.store.put_document(
                container, path, record.to_json(), etag=self._etag, lease=self._lease.id
            )
        except DocumentChanged as exc:
            raise LeaseHeld(self._lease.what) from exc
        self.record = record

    def require(self) -> None:
        """Raise `LeaseHeld` unless the lease is surely ours; called before anything is touched."""
        if self._lost or time.monotonic() - self._renewed_at > _SAFE:
            raise LeaseHeld(self._lease.what) from self._lost

    @contextmanager
    def kept(self, every: float) -> Iterator[None]:
        """Renew the lease every *every* seconds until the block ends."""
        stop = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(stop, every), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            stop.set()
            keeper.join()

    def _keep(self, stop: threading.Event, every: float) -> None:
        while not stop.wait(every):
            began = time.monotonic()
            try:
                self._lease.renew()
                self._renewed_at = began
            except LeaseHeld as exc:
                self._lost = exc
                return
            except RetrainError:
                continue  # storage was away for a moment; the lease outlives several tries
