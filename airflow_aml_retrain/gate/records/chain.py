"""
The decisions about one endpoint, each bound to all that came before it.

Law: an entry's hash covers the body of its record and the entry before. So none can be changed,
dropped or moved without that being seen, unless every later entry and every later record is
rewritten too. (The very last one can be dropped together with its record; nothing follows it.)
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Final, Self

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.json_documents import opened, readable
from airflow_aml_retrain.gate.records.record import DecisionRecord

SCHEMA: Final = "gate.chain/1"
KEPT: Final = 60
"""Entries in the document. Older ones are found from record to record, by `previous`."""
HISTORY: Final = 24
"""Decisions that a record tells of, itself the last."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The number that a decision turned on: a value of *metric* and its interval, if any."""

    metric: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One decision: its record lies at *place* ("container/path"), *key* names who decided.

    The hashes are hexadecimal; *decided_at* is ISO 8601.
    """

    place: str
    body_sha256: str
    chain_sha256: str
    key: str
    verdict: str
    headline: str
    decided_at: str
    summary: Summary = Summary()

    def to_mapping(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain is broken: the record at *place*, and how that shows."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Links:
    """
    The document: the last entries, oldest first.

    *before_place* and *before_sha256* (of the chain) are of the entry before the first one that is
    kept; empty where there was none.
    """

    entries: tuple[Entry, ...] = ()
    before_place: str = ""
    before_sha256: str = ""

    def bind(
        self,
        record: DecisionRecord,
        *,
        key: str,
        place_for: Callable[[str], str],
        decided_at: str,
        summary: Summary,
    ) -> tuple[Entry, "Links"]:
        """
        The entry of *record*, bound to all before it, and the chain that has it as its last.

        *key* names the decision: the same key with the same body has its entry already, and the
        chain stays as it is. *place_for* makes "container/path" of a chain hash, which no other
        entry shares.
        """
        for entry in self.entries:
            if (entry.key, entry.body_sha256) == (key, record.sha256):
                return entry, self
        chain_sha256 = _bound(self.previous(len(self.entries))[1], record.sha256)
        entry = Entry(
            place=place_for(chain_sha256),
            body_sha256=record.sha256,
            chain_sha256=chain_sha256,
            key=key,
            verdict=record.verdict.value,
            headline=record.headline,
            decided_at=decided_at,
            summary=summary,
        )
        return entry, self._appended(entry)

    def previous(self, at: int) -> tuple[str, str]:
        """Place and chain hash of what comes before the entry at position *at*."""
        if at == 0:
            return self.before_place, self.before_sha256
        return self.entries[at - 1].place, self.entries[at - 1].chain_sha256

    def envelope_of(self, entry: Entry) -> dict[str, object]:
        """What the record of *entry* says of its place in the chain and of those before."""
        at = self.entries.index(entry)
        previous, previous_sha256 = self.previous(at)
        return {
            "decided_at": entry.decided_at,
            "previous": previous or None,
            "previous_chain_sha256": previous_sha256 or None,
            "chain_sha256": entry.chain_sha256,
            "history": [_told(told) for told in self.entries[max(at + 1 - HISTORY, 0) : at + 1]],
        }

    def to_json(self) -> bytes:
        return readable(
            {
                "schema": SCHEMA,
                "before": {"place": self.before_place, "chain_sha256": self.before_sha256},
                "entries": [entry.to_mapping() for entry in self.entries],
            }
        )

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """The document that `to_json` wrote; `GateError` for any other."""
        match opened(content, SCHEMA, "chain of decisions"):
            case {
                "before": {"place": str(place), "chain_sha256": str(before)},
                "entries": list(entries),
            }:
                return cls(tuple(map(_entry, entries)), place, before)
            case document:
                msg = f"this chain of decisions is broken: it holds {', '.join(sorted(document))}"
                raise GateError(msg)

    def _appended(self, entry: Entry) -> "Links":
        """With *entry* as the last; the oldest goes where there are too many."""
        if len(self.entries) < KEPT:
            return replace(self, entries=(*self.entries, entry))
        gone, *kept = self.entries
        return Links((*kept, entry), gone.place, gone.chain_sha256)


def verify(links: Links, records: Mapping[str, bytes]) -> tuple[Break, ...]:
    """
    Where the chain is broken, oldest first; empty if it is whole.

    *records* are the documents by place: those of the entries, and whichever others are there,
    among which one that says to follow an entry, and is in no entry, was dropped from the chain.
    """
    breaks = []
    for at, entry in enumerate(links.entries):
        place, before = links.previous(at)
        if entry.chain_sha256 != _bound(before, entry.body_sha256):
            why = (
                f"it does not follow {place or 'the beginning'}: one was changed, dropped or moved"
            )
            breaks.append(Break(entry.place, why))
        why = _fault(links.envelope_of(entry), entry, records.get(entry.place))
        if why:
            breaks.append(Break(entry.place, why))
    return (*breaks, *_dropped(links, records))


def _fault(envelope: Mapping[str, object], entry: Entry, content: bytes | None) -> str:
    """How the record in *content* differs from what *entry* says of it; empty if it does not."""
    if content is None:
        return "its record is not there: it was deleted, or its writer was killed and not retried"
    try:
        record = DecisionRecord.from_json(content)
    except GateError as exc:
        return str(exc)
    if record.sha256 != entry.body_sha256:
        return f"its record's body has the hash {record.sha256}, not {entry.body_sha256}"
    if (record.verdict.value, record.headline) != (entry.verdict, entry.headline):
        return f"the chain says {entry.verdict}: {entry.headline}; its record {record.verdict}"
    for name in ("chain_sha256", "previous_chain_sha256", "previous", "decided_at"):
        if record.envelope.get(name) != envelope[name]:
            said = record.envelope.get(name)
            return f"its record's {name} is {said}, and the chain's is {envelope[name]}"
    return ""


def _dropped(links: Links, records: Mapping[str, bytes]) -> list[Break]:
    known = {entry.place for entry in links.entries} | {links.before_place}
    hashes = {entry.chain_sha256: entry.place for entry in links.entries}
    hashes[links.before_sha256] = links.before_place
    breaks = []
    for place in sorted(records.keys() - known):
        try:
            envelope = DecisionRecord.from_json(records[place]).envelope
        except GateError:
            continue  # an old or a strange document, and no entry speaks of it
        previous = str(envelope.get("previous_chain_sha256") or "")
        if "chain_sha256" in envelope and previous in hashes:
            why = f"it follows {hashes[previous] or 'the beginning'} and is not in the chain"
            breaks.append(Break(place, why))
    return breaks


def _bound(before: str, body_sha256: str) -> str:
    return sha256(f"{before}{body_sha256}".encode()).hexdigest()


def _told(entry: Entry) -> dict[str, object]:
    return {
        "decided_at": entry.decided_at,
        "verdict": entry.verdict,
        "headline": entry.headline,
        **asdict(entry.summary),
    }


def _entry(said: object) -> Entry:
    match said:
        case {
            "place": str(place),
            "body_sha256": str(body),
            "chain_sha256": str(chain),
            "key": str(key),
            "verdict": str(verdict),
            "headline": str(headline),
            "decided_at": str(decided_at),
            "summary": dict(summary),
        }:
            return Entry(
                place=place,
                body_sha256=body,
                chain_sha256=chain,
                key=key,
                verdict=verdict,
                headline=headline,
                decided_at=decided_at,
                summary=_summary(summary),
            )
        case _:
            msg = f"an entry of this chain of decisions is broken: {said!r:.200}"
            raise GateError(msg)


def _summary(said: Mapping[str, object]) -> Summary:
    try:
        return Summary(**said)  # type: ignore[arg-type]  # only shown, and any number will do
    except TypeError as exc:
        msg = f"a summary in this chain of decisions is broken: {said!r:.200}"
        raise GateError(msg) from exc
