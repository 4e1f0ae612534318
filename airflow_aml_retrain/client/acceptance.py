"""
Ending by a person's word a change that nobody can settle.

Law: whose word it was, and why, is on record with the change that it ended. What serves is what
the endpoint's own read-back names, whatever is under way; that it answers as anybody expects is
not claimed, so no answers are remembered of it.
"""

import logging
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import HeldRecord
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.wire.champion import Acceptance

log: Final = logging.getLogger(__name__)


def accept_pending(
    held: HeldRecord,
    backend: Backend,
    store: BlobStore,
    *,
    resource: str,
    acceptance: Acceptance,
    owner: str,
) -> str:
    """
    Take the model that *backend* names in *resource* for the champion, and end what is pending.

    Returns its location; nothing where nothing is pending, or only what *owner* itself began.
    """
    pending = held.record.pending
    if not pending or pending.owner == owner:
        return ""
    blob = backend.run(backend.verbs.resources()).models.get(resource)
    if not blob:
        msg = f"{backend.name} has no updatable resource {resource!a}"
        raise NotConfigured(msg)
    before = pending.before
    archived = {store.location(*split_path(before.archive))} if before.archive else set()
    held.save(
        held.record.accepted(
            blob.location, acceptance, is_before=blob.location in {before.location} | archived
        )
    )
    log.warning(
        "The change to %s that %s began at %s is ended by %s (%s); %s names %s",
        pending.candidate.location,
        pending.owner,
        pending.since,
        acceptance.by,
        acceptance.why,
        backend.name,
        blob.location,
    )
    return blob.location
