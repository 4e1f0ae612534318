"""A few rows as CSV, and single rows of a large CSV blob without holding the blob in memory."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.errors import BadInput


def rows_at(store: BlobStore, place: str, numbers: Iterable[int]) -> list[dict[str, str]]:
    """
    The rows with these *numbers* (0 is the first below the header), in their order.

    Raises `BadInput` if the blob at *place* ("container/path") has fewer rows.
    """
    wanted = list(numbers)
    found: dict[int, dict[str, str]] = {}
    if not wanted:
        return []
    needed, last = set(wanted), max(wanted)
    with store.open(*split_path(place)) as stream:
        reader = csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))
        for number, row in enumerate(reader):
            if number in needed:
                found[number] = row
            if number >= last:
                break
    if len(found) < len(needed):
        msg = f"{place} has no row {min(needed - set(found))}"
        raise BadInput(msg)
    return [found[number] for number in wanted]


def first_rows(store: BlobStore, place: str, most: int) -> list[dict[str, str]]:
    """The first *most* rows, or as many as there are."""
    with store.open(*split_path(place)) as stream:
        reader = csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))
        return [row for row, _ in zip(reader, range(most), strict=False)]


def as_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """*rows*, of which there is at least one, as a CSV with the columns of the first."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
