"""
Decision records in blob storage, and the chain that binds those about one endpoint.

Law: a decision enters the chain first and is written right after; a writer that dies between the
two is made good by its retry, which finds its entry. No record is ever overwritten.
"""

from collections.abc import Callable
from dataclasses import dataclass

from airflow_aml_retrain.client.blobs import BlobStore, DocumentChanged, split_path
from airflow_aml_retrain.client.champion import slug
from airflow_aml_retrain.client.contested import rewrite
from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.records.chain import Break, Entry, Links, Summary, verify
from airflow_aml_retrain.gate.records.record import DecisionRecord


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain of decisions about *endpoint* (an asset URI) under *place* ("container/prefix")."""

    store: BlobStore
    place: str
    endpoint: str

    @property
    def document(self) -> str:
        """Where the chain lies, "container/path"."""
        return f"{self.place.strip('/')}/chains/{slug(self.endpoint)}.json"

    def read(self) -> Links:
        """The chain as it is now; an empty one before the first decision."""
        return rewrite(self.store, self.document, lambda content: (_read(content), None))

    def append(
        self,
        record: DecisionRecord,
        *,
        key: str,
        place_for: Callable[[str], str],
        decided_at: str,
        summary: Summary,
    ) -> tuple[Entry, DecisionRecord]:
        """
        Bind *record* to those before it, write it, and return its entry and the record as written.

        *key* names the decision: the same key with the same body is the same entry, and what is
        already written stays. *place_for* makes "container/path.json" of the entry's chain hash,
        which no other entry shares. `GateError` if another record lies there, or if the chain was
        written by a newer version or is broken.
        """

        def bound(content: bytes | None) -> tuple[tuple[Links, Entry], bytes | None]:
            links = _read(content)
            entry, longer = links.bind(
                record, key=key, place_for=place_for, decided_at=decided_at, summary=summary
            )
            return (longer, entry), None if longer is links else longer.to_json()

        links, entry = rewrite(self.store, self.document, bound)
        return entry, self._written(record.enveloped(links.envelope_of(entry)), entry)

    def breaks(self, folder: str | None = None) -> tuple[Break, ...]:
        """
        Where the chain is broken; empty if it is whole.

        With *folder* ("container/prefix") all records in it are looked at as well, so that one is
        found that was dropped from the end of the chain.
        """
        links = self.read()
        places = {entry.place for entry in links.entries}
        if folder:
            container, prefix = split_path(folder)
            places |= {f"{container}/{blob.name}" for blob in self.store.list(container, prefix)}
        documents = {place: self.store.document(*split_path(place)) for place in sorted(places)}
        return verify(links, {place: found.data for place, found in documents.items() if found})

    def _written(self, record: DecisionRecord, entry: Entry) -> DecisionRecord:
        container, path = split_path(entry.place)
        try:
            self.store.put_document(container, path, record.to_json(), etag=None)
        except DocumentChanged:
            return self._found(entry)
        return record

    def _found(self, entry: Entry) -> DecisionRecord:
        record = DecisionRecord.from_json(self.store.read(*split_path(entry.place)))
        if record.envelope.get("chain_sha256") != entry.chain_sha256:
            msg = f"another record lies at {entry.place}, and no record is overwritten"
            raise GateError(msg)
        return record


def _read(content: bytes | None) -> Links:
    return Links() if content is None else Links.from_json(content)
