"""
Documents that several decisions write at once.

Law: a change is made over the version that it was made from. Who comes second reads what the first
has written and thinks again, so neither is lost and nothing is locked.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from airflow_aml_retrain.client.blobs import BlobStore, DocumentChanged, split_path
from airflow_aml_retrain.errors import ServiceUnavailable

T = TypeVar("T")

_TRIES: Final = 50
"""Each lost try means that another's was not, so even a crowd gets through in fewer."""


def rewrite(
    store: BlobStore, place: str, change: Callable[[bytes | None], tuple[T, bytes | None]]
) -> T:
    """
    Change the document at *place* ("container/path") by *change*, and return what it returned.

    *change* is handed the document (None: there is none yet) and returns what it is called for and
    the new document, None for no change. It is called again when another writer was quicker, so
    it must have no other effect; what it raises is left to the caller.
    """
    container, path = split_path(place)
    for _ in range(_TRIES):
        found = store.document(container, path)
        outcome, data = change(found.data if found else None)
        if data is None:
            return outcome
        try:
            store.put_document(container, path, data, etag=found.etag if found else None)
        except DocumentChanged:
            continue
        return outcome
    msg = f"{place} was changed by others {_TRIES} times while we tried to; try again"
    raise ServiceUnavailable(msg)
