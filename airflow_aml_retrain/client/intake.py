"""
The data of one run that learns from what has arrived: which blobs, in which version, up to when.

Law: it follows from the run's share, and so does not change between two tries of the run. What
is read is what was delivered: a version that has been replaced or deleted since is left out, for
the one that replaced it comes with a batch of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.blobs import BlobEntry, BlobStore
from airflow_aml_retrain.client.consumption import Consumption, Share
from airflow_aml_retrain.client.dated import DatedBlob, dated
from airflow_aml_retrain.client.errands import run as running
from airflow_aml_retrain.client.errands import version_of
from airflow_aml_retrain.client.watching import complete
from airflow_aml_retrain.errors import BadInput, ServiceUnavailable
from airflow_aml_retrain.wire.arrivals import Delivered


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was delivered of one source, as `prepare` reads it; *gone* is how much of it is not."""

    store: BlobStore
    chosen: Sequence[DatedBlob]
    etags: dict[str, str]
    gone: int

    def list(self, container: str, prefix: str = "") -> Iterator[BlobEntry]:
        return self.store.list(container, prefix)

    def open(self, container: str, path: str) -> BinaryIO:
        etag = self.etags.get(f"{container}/{path}")
        if etag is None:
            return self.store.open(container, path)
        return self.store.open_version(container, path, etag)

    def write(self, container: str, path: str, data: bytes | Iterable[bytes]) -> None:
        self.store.write(container, path, data)


@dataclass(frozen=True, slots=True)
class Intake:
    """
    What one *consumer* takes of the *arrivals* in *store*.

    *suffix* and *marker* say of what lies there what is data, and whole: see `Watch`.
    """

    store: BlobStore
    arrivals: Arrivals
    consumer: str
    suffix: str
    marker: str | None

    @property
    def consumption(self) -> Consumption:
        return Consumption(self.store, self.arrivals.folder, self.consumer)

    def delivered(self, *, until: datetime | None, at_least: int, takes_stock: bool) -> Delivered:
        """
        What has been delivered, by manifests written before *until*.

        *takes_stock*: what lies there and nobody has delivered is delivered now. Raises
        `ServiceUnavailable` where storage does not show batch *at_least*, which was told of.
        """
        known = running(self.store, self.arrivals.delivered(until=until))
        if takes_stock and until is None:
            known = self._with_what_lies_there(known)
        if known.number < at_least and until is None:
            msg = (
                f"an event tells of batch {at_least} of {self.arrivals.source}, and the ledger "
                f"{self.arrivals.folder} ends with {known.number}: restore what is missing, "
                "or give another `arrivals`"
            )
            raise ServiceUnavailable(msg)
        if not known.number:
            msg = (
                f"nothing of {self.arrivals.source} has been delivered yet, says "
                f"{self.arrivals.folder}: land data, or take stock; "
                "a watcher must have these `arrivals`"
            )
            raise BadInput(msg)
        return known

    def delivery(self, share: Share, date_pattern: str | None) -> Delivery:
        """The blobs of *share* that are still there as they were delivered."""
        known = running(self.store, self.arrivals.delivered(most=share.last))
        container, _, prefix = self.arrivals.source.partition("/")
        here = [
            entry
            for entry in self.store.list(container, prefix)
            if (version := known.versions.get(entry.name)) is not None
            and version.etag == entry.etag.strip('"')
        ]
        # An empty one holds nothing, and is what storage shows of a folder that has such a name.
        chosen = dated((entry for entry in here if entry.size), container, date_pattern)
        if not chosen:
            msg = (
                f"none of the {len(known.versions)} blobs that were delivered from "
                f"{self.arrivals.source} is there any more: land data"
            )
            raise BadInput(msg)
        etags = {f"{container}/{entry.name}": version_of(entry).etag for entry in here}
        return Delivery(self.store, chosen, etags, len(known.versions) - len(here))

    def _with_what_lies_there(self, known: Delivered) -> Delivered:
        container, _, prefix = self.arrivals.source.partition("/")
        here = [version_of(entry) for entry in self.store.list(container, prefix)]
        data = complete(here, prefix, self.suffix, self.marker)
        errand = self.arrivals.deliver(known, lambda known: known.lacks(data))
        return running(self.store, errand)
