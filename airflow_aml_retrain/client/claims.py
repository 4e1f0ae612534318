"""
Claims on a staging endpoint, which outlive the task that makes them.

Law: a claim is a document that says who holds it and until when; it is changed only over the
version that was read, so of two that want it one wins. A claim that has run out is nobody's.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_aml_retrain.client.blobs import BlobStore, DocumentChanged, split_path
from airflow_aml_retrain.client.champion import slug
from airflow_aml_retrain.errors import LeaseHeld


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that lie under *place* ("container/prefix"). Times are seconds since 1970."""

    store: BlobStore
    place: str

    def take(self, endpoint: str, *, holder: str, now: float, seconds: float) -> None:
        """
        Claim *endpoint* (an asset URI) for *holder*, anew or for longer.

        Raises `LeaseHeld`, which names the holder, while another's claim lasts.
        """
        container, path = self._path(endpoint)
        found = self.store.document(container, path)
        if found:
            other, until = _read(found.data)
            if other not in {"", holder} and until > now:
                raise LeaseHeld(endpoint, other)
        claim = json.dumps({"holder": holder, "until": _iso(now + seconds)}).encode()
        try:
            self.store.put_document(container, path, claim, etag=found.etag if found else None)
        except DocumentChanged as exc:
            raise LeaseHeld(endpoint) from exc

    def holder(self, endpoint: str, *, now: float) -> str:
        """Whose claim on *endpoint* lasts; "" for nobody's."""
        found = self.store.document(*self._path(endpoint))
        other, until = _read(found.data) if found else ("", 0.0)
        return other if until > now else ""

    @contextmanager
    def taken(self, endpoint: str, *, holder: str, now: float, seconds: float) -> Iterator[None]:
        """`take` it for longer than the block: it is given back only if the block fails."""
        self.take(endpoint, holder=holder, now=now, seconds=seconds)
        try:
            yield
        except BaseException:
            self.release(endpoint, holder=holder)
            raise

    def release(self, endpoint: str, *, holder: str) -> bool:
        """Give the claim back; False if it is no longer *holder*'s, and then nothing is done."""
        container, path = self._path(endpoint)
        found = self.store.document(container, path)
        if not found or _read(found.data)[0] != holder:
            return False
        free = json.dumps({"holder": "", "until": _iso(0)}).encode()
        try:
            self.store.put_document(container, path, free, etag=found.etag)
        except DocumentChanged:
            return False
        return True

    def _path(self, endpoint: str) -> tuple[str, str]:
        return split_path(f"{self.place.strip('/')}/claims/{slug(endpoint)}.json")


def _read(data: bytes) -> tuple[str, float]:
    match json.loads(data):
        case {"holder": str(holder), "until": str(until)}:
            return holder, datetime.fromisoformat(until).timestamp()
        case _:
            return "", 0.0


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
