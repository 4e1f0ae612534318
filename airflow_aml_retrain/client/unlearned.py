"""
What has landed and a consumer has not learned from yet: how many blobs, how many rows.

Law: the rows of a blob are counted once for each of its versions, and the count is kept beside the
ledger, so that neither a look, nor a restart, nor another worker reads it again.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.consumption import Ended, Share, document_of, learned, shares_in
from airflow_aml_retrain.client.errands import Errand, count, fetch, look, put
from airflow_aml_retrain.client.watching import complete
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.arrivals import BlobVersion

_AT_ONCE: Final = 20
"""Blobs that are counted before the counts are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlearned:
    """New *blobs* of *source* and their *rows* (None: not counted), beyond the batch *learned*."""

    source: str
    learned: int
    blobs: int
    rows: int | None

    def is_enough(self, minimum_blobs: int, minimum_rows: int) -> bool:
        return self.blobs >= max(minimum_blobs, 1) and (self.rows or 0) >= minimum_rows

    def __str__(self) -> str:
        rows = "" if self.rows is None else f" with {self.rows} rows"
        return f"{self.blobs} new blobs{rows} under {self.source}"


def unlearned(
    arrivals: Arrivals,
    consumer: str,
    *,
    ended: Callable[[Share], Ended | None],
    counts_rows: bool,
    suffix: str,
    marker: str | None,
) -> Errand[Unlearned]:
    """What lies there, whole as `Watch` has it, beyond what *consumer* has `learned`."""
    shares = shares_in((yield from _read(document_of(arrivals.folder, consumer))))
    last = learned(shares, ended)
    delivered = yield from arrivals.delivered(most=last)
    found = yield from look(arrivals.source)
    prefix = arrivals.source.partition("/")[2]
    new = delivered.lacks(complete(found, prefix, suffix, marker))
    rows = (yield from _rows(arrivals, new)) if counts_rows else None
    return Unlearned(source=arrivals.source, learned=last, blobs=len(new), rows=rows)


def _rows(arrivals: Arrivals, blobs: Sequence[BlobVersion]) -> Errand[int]:
    place, container = f"{arrivals.folder}/counted.json", arrivals.source.partition("/")[0]
    known = _counts((yield from _read(place)))
    here = {blob.name: known.get(blob.name) for blob in blobs}
    counts = {
        blob.name: said
        for blob in blobs
        if (said := here[blob.name]) is not None and said[0] == blob.etag
    }
    todo = [blob for blob in blobs if blob.name not in counts]
    for number, blob in enumerate(todo, 1):
        counts[blob.name] = (blob.etag, (yield from count(f"{container}/{blob.name}")))
        if number % _AT_ONCE == 0 or number == len(todo):
            yield from put(place, json.dumps({**known, **counts}).encode())
    return sum(rows for _, rows in counts.values())


def _read(place: str) -> Errand[bytes | None]:
    """The document at *place*; None if there is none yet."""
    path = place.partition("/")[2]
    found = yield from look(place)
    return (yield from fetch(place)) if any(blob.name == path for blob in found) else None


def _counts(data: bytes | None) -> dict[str, tuple[str, int]]:
    try:
        said: dict[str, Any] = json.loads(data) if data else {}
        return {name: (str(etag), int(rows)) for name, (etag, rows) in said.items()}
    except (ValueError, TypeError, AttributeError) as exc:
        msg = f"the counts of rows cannot be read: {exc}; delete the document"
        raise BadInput(msg) from exc
