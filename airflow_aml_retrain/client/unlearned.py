"""
What has landed and a consumer has not learned from yet: how many blobs, how many rows.

Law: the rows of a blob are counted once for each of its versions, and the count is kept beside the
ledger, so that neither a look, nor a restart, nor another worker reads it again. Where
there are rows enough, no more of them are counted than says so.
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
    """
    New *blobs* of *source* and their *rows*, beyond the batch *learned*.

    Rows are counted (else None) when there are blobs enough, until there are enough of them, too.
    """

    source: str
    learned: int
    blobs: int
    rows: int | None

    def is_enough(self, minimum_blobs: int, minimum_rows: int) -> bool:
        return self.blobs >= max(minimum_blobs, 1) and (self.rows or 0) >= minimum_rows

    def __str__(self) -> str:
        rows = "" if self.rows is None else f" ({self.rows} rows counted)"
        return f"{self.blobs} new blobs{rows} under {self.source}"


def unlearned(
    arrivals: Arrivals,
    consumer: str,
    *,
    ended: Callable[[Share], Ended | None],
    minimum_blobs: int,
    minimum_rows: int,
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
    # Not before there are blobs enough: what is counted in part is counted anew by the next look.
    counts = minimum_rows > 0 and len(new) >= max(minimum_blobs, 1)
    rows = (yield from _rows(arrivals, new, minimum_rows)) if counts else None
    return Unlearned(source=arrivals.source, learned=last, blobs=len(new), rows=rows)


def _rows(arrivals: Arrivals, blobs: Sequence[BlobVersion], enough: int) -> Errand[int]:
    """The rows in *blobs*, or those that were counted when they were *enough*."""
    place, container = f"{arrivals.folder}/counted.json", arrivals.source.partition("/")[0]
    known = _counts((yield from _read(place)))
    here = {blob.name: known.get(blob.name) for blob in blobs}
    counts = {
        blob.name: said
        for blob in blobs
        if (said := here[blob.name]) is not None and said[0] == blob.etag
    }
    rows, fresh = sum(rows for _, rows in counts.values()), 0
    for blob in (blob for blob in blobs if blob.name not in counts):
        if rows >= enough:
            break
        found = yield from count(f"{container}/{blob.name}", enough - rows)
        rows += found.rows
        if found.is_whole:
            counts[blob.name] = (blob.etag, found.rows)
            fresh += 1
            if fresh % _AT_ONCE == 0:
                yield from put(place, _written(known, counts))
    if fresh % _AT_ONCE:
        yield from put(place, _written(known, counts))
    return rows


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


def _written(*counts: dict[str, tuple[str, int]]) -> bytes:
    return json.dumps({name: said for each in counts for name, said in each.items()}).encode()
