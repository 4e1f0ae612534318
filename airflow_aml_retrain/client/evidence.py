"""
What a decision rests on, kept beside it: the record, and the rows that tell the models apart.

Law: what is written is named by its content, so a retry writes the same again and nothing that
was written is ever changed.
"""

from collections.abc import Sequence
from hashlib import sha256

from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.rows import rows_at
from airflow_aml_retrain.wire.proof import Probe, probes_to_json, scored_columns


def keep_probes(
    store: BlobStore, place: str, *, rows: str, scored: str, numbers: Sequence[int]
) -> str:
    """
    Keep the rows with these *numbers* (0 is the first), with the answers that one model gave.

    *rows* and *scored* are "container/path" of what was scored and of the result. Returns where
    the probes lie, or "" for no numbers.
    """
    if not numbers:
        return ""
    asked, answered = rows_at(store, rows, numbers), rows_at(store, scored, numbers)
    probes = [
        Probe(row, scored_columns(answer)) for row, answer in zip(asked, answered, strict=True)
    ]
    return keep(store, f"{place.strip('/')}/probes", probes_to_json(probes))


def keep(store: BlobStore, folder: str, data: bytes) -> str:
    """Write *data* under *folder* by the name of its hash, and return "container/path"."""
    container, path = split_path(f"{folder}/{sha256(data).hexdigest()[:24]}.json")
    store.write(container, path, data)
    return f"{container}/{path}"
