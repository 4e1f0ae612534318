"""
The anchor on an endpoint of its own, to be scored beside champion and challenger.

Law: the endpoint is changed only where it does not serve the anchor already, and then gets the
archived bytes whose hash is on record. That it took them is no proof that it answers with them:
whoever put them there holds a claim on the endpoint until that was seen.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.claims import Claims
from airflow_aml_retrain.client.publisher import Publisher
from airflow_aml_retrain.client.staging import Placed, answered, see_answering
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.wire.champion import ChampionRecord, Model
from airflow_aml_retrain.wire.verbs import Row


@dataclass(frozen=True, slots=True)
class AnchorEndpoint:
    """
    The endpoint that serves the anchor, and nobody else.

    *holder* names the task that looks after it. The service promises to serve a new model within
    *within* seconds; *working* is how many a change may take besides.
    """

    publisher: Publisher
    claims: Claims
    holder: str
    within: float
    working: float

    @property
    def backend(self) -> Backend:
        return self.publisher.backend

    def put(self, anchor: Model, *, rows: Sequence[Row]) -> tuple[str, Placed | None]:
        """
        Hand *anchor* to the endpoint, after noting how it answers *rows* until then.

        Returns where read-back says that the anchor lies, and the change to `see`: None where
        nothing had to change. Raises `LeaseHeld` while another task puts it there, and
        `PromotionRefused` if the anchor cannot be had any more.
        """
        known, now = locations(self.publisher.store, anchor), self.publisher.clock()
        serves = self._serves()
        if serves in known and not self.claims.holder(self.backend.uri, now=now):
            return serves, None
        with self._claimed():
            serves = self._serves()
            if serves in known:
                return serves, Placed(self.publisher.resource, "", before="", again=True)
            return self._put(anchor, serves, rows)

    def see(self, placed: Placed, location: str, *, rows: Sequence[Row], every: float) -> None:
        """Wait until the endpoint answers *rows* with what `put` handed to it."""
        conversation = see_answering(
            self.backend.verbs, placed, location, rows=rows, every=every, within=self.within
        )
        with self._claimed():
            until = self.publisher.clock() + self.within + self.working
            self.backend.run(conversation, until=until)
        self.claims.release(self.backend.uri, holder=self.holder)

    def _put(self, anchor: Model, serves: str, rows: Sequence[Row]) -> tuple[str, Placed]:
        self.publisher.require(anchor)
        before = self.backend.run(answered(self.backend.verbs, rows))
        there, operation = self.publisher.put_back(anchor, instead_of={serves})
        return there.location, Placed(self.publisher.resource, operation, before, again=False)

    def _serves(self) -> str:
        serving = self.backend.run(self.backend.verbs.serving())
        blob = serving.models.get(self.publisher.resource)
        if not blob:
            msg = f"{self.backend.name} has no updatable resource {self.publisher.resource!a}"
            raise NotConfigured(msg)
        return blob.location

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """
        Claim the endpoint for longer than the block.

        Where the block fails the claim lasts for as long as what was sent may still spread.
        """
        self._claim(self.within + self.working)
        try:
            yield
        except BaseException:
            self._claim(self.within)
            raise

    def _claim(self, seconds: float) -> None:
        now = self.publisher.clock()
        self.claims.take(self.backend.uri, holder=self.holder, now=now, seconds=seconds)


def locations(store: BlobStore, model: Model) -> set[str]:
    """Where read-back may say that *model* lies: where it came from, or its archive in *store*."""
    archived = model.archive and store.location(*split_path(model.archive))
    return {model.location, archived} - {""}


def is_serving(store: BlobStore, record: ChampionRecord, serves: str) -> bool:
    """
    Whether production serves the anchor on *record*.

    *serves* is its read-back, a location a line; the record is asked only where that is empty,
    since somebody else may have changed the endpoint.
    """
    if record.anchor is None:
        return False
    if serves:
        return not locations(store, record.anchor).isdisjoint(serves.splitlines())
    return record.champion is not None and record.champion.location == record.anchor.location


def is_foreign(store: BlobStore, record: ChampionRecord, serves: str) -> bool:
    """Whether production's read-back *serves* names no model that *record* knows to be there."""
    pending = record.pending and record.pending.candidate
    known = [model for model in (record.champion, pending) if model]
    there = set(serves.splitlines())
    return bool(known and there) and all(
        locations(store, model).isdisjoint(there) for model in known
    )
