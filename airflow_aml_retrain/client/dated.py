"""
The CSV blobs under a prefix, each with the date that its data belongs to.

Law: the order is that of date, then name, whatever order the storage lists them in.
A date without a time zone is UTC.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from airflow_aml_retrain.client.blobs import BlobEntry
from airflow_aml_retrain.errors import BadInput, NotConfigured

_DIRECTIVES: Final = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "j": r"\d{3}",
    "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}", "b": "[A-Za-z]{3}", "B": "[A-Za-z]+", "%": "%",
}  # fmt: skip


class Listing(Protocol):
    def list(self, container: str, prefix: str = "") -> Iterator[BlobEntry]: ...


@dataclass(frozen=True, slots=True, order=True)
class DatedBlob:
    """*name* is the path inside *container*."""

    dated: datetime
    name: str
    container: str

    @property
    def place(self) -> str:
        return f"{self.container}/{self.name}"


def blobs_before(
    blobs: Listing, source: str, cutoff: datetime, date_pattern: str | None
) -> list[DatedBlob]:
    """The CSV blobs under *source* ("container/prefix") that are dated before *cutoff*."""
    container, _, prefix = source.partition("/")
    found = dated(_tables(blobs.list(container, prefix)), container, date_pattern)
    chosen = [blob for blob in found if blob.dated < cutoff]
    if not chosen:
        first = f", the earliest is dated {min(found).dated.isoformat()}" if found else ""
        msg = (
            f"no CSV blob under {source} is dated before the data cut-off {cutoff.isoformat()} "
            f"({len(found)} CSV blobs are there{first}): land data or set a later data_cutoff"
        )
        raise BadInput(msg)
    return chosen


def _tables(entries: Iterable[BlobEntry]) -> list[BlobEntry]:
    """Those that are CSV, without what storage shows of a folder that has such a name."""
    listed = list(entries)
    folders = {
        entry.name[: found.start()] for entry in listed for found in re.finditer("/", entry.name)
    }
    return [
        entry
        for entry in listed
        if entry.name.lower().endswith(".csv") and (entry.size or entry.name not in folders)
    ]


def dated(
    entries: Iterable[BlobEntry], container: str, date_pattern: str | None
) -> list[DatedBlob]:
    """All of *entries*, in their order."""
    date_of = _modified if date_pattern is None else _named(date_pattern)
    return sorted(DatedBlob(date_of(entry), entry.name, container) for entry in entries)


def _modified(entry: BlobEntry) -> datetime:
    return entry.last_modified


def _named(pattern: str) -> Callable[[BlobEntry], datetime]:
    shape = _shape(pattern)

    def date_of(entry: BlobEntry) -> datetime:
        # The last one counts: folders may be dated more coarsely than the files in them.
        for text in reversed(shape.findall(entry.name)):
            try:
                dated = datetime.strptime(text, pattern)  # noqa: DTZ007 - most patterns have no zone
            except ValueError:
                continue
            return dated if dated.tzinfo else dated.replace(tzinfo=UTC)
        msg = f"blob {entry.name} has no date like date_pattern {pattern!r} in its name"
        raise BadInput(msg)

    return date_of


def _shape(pattern: str) -> re.Pattern[str]:
    """What text that *pattern* can read looks like."""
    parts = re.split(r"%(.?)", pattern)
    unknown = sorted(set(parts[1::2]) - set(_DIRECTIVES))
    if unknown or len(parts) == 1:
        known = ", ".join(f"%{directive}" for directive in _DIRECTIVES)
        msg = f"date_pattern {pattern!r}: expected a date made of {known}"
        raise NotConfigured(msg)
    parts[0::2] = map(re.escape, parts[0::2])
    parts[1::2] = (_DIRECTIVES[directive] for directive in parts[1::2])
    # Digits around it would make it part of a longer number, which is no date.
    return re.compile(rf"(?<!\d){''.join(parts)}(?!\d)")
