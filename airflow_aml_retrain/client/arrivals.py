"""
The ledger of arrivals: which batches have been delivered from under a prefix.

Law: a manifest is made only where there is none of its number, and before anybody is told of it.
So of two who deliver at once one has delivered, the other reads what, and nothing is delivered
twice; and who is told of a batch finds it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_aml_retrain.client.errands import Errand, fetch, look, make
from airflow_aml_retrain.errors import ServiceUnavailable
from airflow_aml_retrain.wire.arrivals import (
    FULL,
    BlobVersion,
    Delivered,
    folder_of,
    manifest_from,
    number_of,
    place_of,
)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The manifests of *source* that lie under *place*, both "container/prefix"."""

    place: str
    source: str

    @property
    def folder(self) -> str:
        return folder_of(self.place, self.source)

    def manifest(self, number: int) -> str:
        """Where the manifest of that number lies."""
        return place_of(self.folder, number)

    def delivered(
        self,
        known: Delivered | None = None,
        *,
        until: datetime | None = None,
        most: int | None = None,
    ) -> Errand[Delivered]:
        """
        What has been delivered, as far as it is written down; *known* is what we know already.

        Only by manifests written before *until* and numbered up to *most*, where these are given.
        """
        known = known or Delivered()
        found = yield from look(f"{self.folder}/")
        written = {
            number: blob.modified
            for blob in found
            if (number := number_of(blob.name)) > known.number
            and blob.name.rpartition("/")[0] == self.folder.partition("/")[2]
            and (until is None or datetime.fromisoformat(blob.modified) < until)
            and (most is None or number <= most)
        }
        full = max((number for number in written if number % FULL == 0), default=0)
        for number in sorted(number for number in written if number >= full):
            manifest = manifest_from((yield from fetch(self.manifest(number))))
            known = known.plus(manifest, written[number])
        return known

    def deliver(
        self,
        known: Delivered,
        choose: Callable[[Delivered], Sequence[BlobVersion]],
        present: Iterable[BlobVersion],
    ) -> Errand[Delivered]:
        """
        Deliver what *choose* says of what was delivered before, out of *present*.

        It is asked again whenever somebody else has delivered meanwhile. Raises
        `ServiceUnavailable` where a manifest can neither be made nor read.
        """
        present = list(present)
        while blobs := choose(known):
            manifest = known.next(self.source, blobs, present)
            is_made = yield from make(self.manifest(manifest.number), manifest.to_json())
            # Ours or another's, it is read back: when it was written only storage can say.
            known = yield from self.delivered(known)
            if not is_made and known.number < manifest.number:
                # Storage also says "conflict" of a container that is being deleted.
                place = self.manifest(manifest.number)
                msg = f"storage makes no {place}, as if it were there, and shows none"
                raise ServiceUnavailable(msg)
        return known
