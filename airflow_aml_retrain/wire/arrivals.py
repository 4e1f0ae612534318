"""
What has been delivered from under a prefix of blob storage, batch by batch.

Law: a blob is known by its name and etag, never by a time, so that one that arrives late, or under
an old name, or in place of another, is seen as new. A batch is a manifest; manifests are numbered
from 1 without a gap and never changed, and what was delivered up to one of them follows from it
and those before it. Every `FULL`th repeats what was delivered before, so that no reader reads more
of them than that.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from airflow_aml_retrain.errors import BadInput

SCHEMA: Final = "aml-retrain.arrivals/1"
FULL: Final = 50

_NAME: Final = re.compile(r"(\d{8})\.json")


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """One content of one blob; *etag* has no quotes, *modified* is ISO 8601 by storage's clock."""

    name: str
    etag: str
    size: int
    modified: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    One batch: the *blobs* that were delivered with it, under its *number*.

    *before* is what was delivered by all earlier ones and is still there; None where it is not
    repeated.
    """

    number: int
    source: str
    blobs: tuple[BlobVersion, ...]
    before: tuple[BlobVersion, ...] | None = None

    def to_json(self) -> bytes:
        said: dict[str, object] = {
            "schema": SCHEMA,
            "number": self.number,
            "source": self.source,
            "blobs": [_row(blob) for blob in self.blobs],
        }
        if self.before is not None:
            said["before"] = [_row(blob) for blob in self.before]
        return json.dumps(said).encode()


@dataclass(frozen=True, slots=True)
class Delivered:
    """
    What all batches up to *number* have brought: the latest version of each blob, by its name.

    *at* is when the last of them was written down, ISO 8601 by the clock of storage, so that all
    who ask hear the same; "" before the first.
    """

    number: int = 0
    at: str = ""
    versions: Mapping[str, BlobVersion] = field(default_factory=dict)

    def lacks(self, found: Iterable[BlobVersion]) -> list[BlobVersion]:
        """Those of *found* that no batch has brought in this version."""
        known = self.versions
        return [
            blob
            for blob in found
            if (here := known.get(blob.name)) is None or here.etag != blob.etag
        ]

    def plus(self, manifest: Manifest, at: str) -> "Delivered":
        """With one more batch, which was written down *at* that time."""
        versions = dict(self.versions) if manifest.before is None else _by_name(manifest.before)
        versions |= _by_name(manifest.blobs)
        # One that was copied to other storage carries that day: the order is that of the numbers.
        return Delivered(manifest.number, max(self.at, at), versions)

    def next(
        self, source: str, blobs: Iterable[BlobVersion], present: Iterable[BlobVersion] | None
    ) -> Manifest:
        """The manifest that delivers *blobs*; full if *present*, what lies there, is given."""
        number, before = self.number + 1, None
        if present is not None:
            names = {blob.name for blob in present}
            before = _sorted(blob for blob in self.versions.values() if blob.name in names)
        return Manifest(number, source, _sorted(blobs), before)


def manifest_from(data: bytes) -> Manifest:
    """The manifest that `to_json` wrote; raises `BadInput` for anything else."""
    try:
        match json.loads(data):
            case {
                "schema": schema,
                "number": int(number),
                "source": str(source),
                "blobs": list(blobs),
                **rest,
            } if schema == SCHEMA:
                before = rest.get("before")
                known = _blobs(before) if isinstance(before, list) else None
                return Manifest(number, source, _blobs(blobs), known)
    except (ValueError, TypeError) as exc:
        msg = f"a manifest of arrivals cannot be read: {exc}"
        raise BadInput(msg) from exc
    msg = f"expected a manifest of arrivals with schema {SCHEMA!r}, got {data[:80]!r}"
    raise BadInput(msg)


def folder_of(arrivals: str, source: str) -> str:
    """Where under *arrivals* the manifests of *source* lie, both "container/prefix"."""
    # The digest keeps "landing" and "landing/" apart, which are two prefixes.
    digest = sha256(source.encode()).hexdigest()[:8]
    return f"{arrivals.strip('/')}/{source.strip('/')}-{digest}"


def place_of(folder: str, number: int) -> str:
    return f"{folder}/{number:08}.json"


def number_of(name: str) -> int:
    """The number of the manifest that a blob's *name* tells of; 0 for another document."""
    found = _NAME.fullmatch(name.rpartition("/")[2])
    return int(found[1]) if found else 0


def _blobs(rows: list[Any]) -> tuple[BlobVersion, ...]:
    return tuple(BlobVersion(*row) for row in rows)


def _row(blob: BlobVersion) -> list[object]:
    return [blob.name, blob.etag, blob.size, blob.modified]


def _sorted(blobs: Iterable[BlobVersion]) -> tuple[BlobVersion, ...]:
    return tuple(sorted(blobs, key=lambda blob: blob.name))


def _by_name(blobs: Iterable[BlobVersion]) -> dict[str, BlobVersion]:
    return {blob.name: blob for blob in blobs}
