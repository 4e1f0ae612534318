"""
The ledger of arrivals: which batches have been delivered from under a prefix.

Law: a manifest is made only where there is none of its number, and before anybody is told of it.
So of two who deliver at once one has delivered, the other reads what, and nothing is delivered
twice; and who is told of a batch finds it. A ledger of which a manifest is missing is an error,
never a part of the data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_aml_retrain.client.errands import Errand, fetch, look, make
from airflow_aml_retrain.errors import BadInput, ServiceUnavailable
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

        By the manifests up to the last that was written before *until*, or up to number *most*,
        where these are given. Raises `BadInput` where one that is needed is not there: what was
        delivered without it would be a part that nobody could tell from the whole.
        """
        known = known or Delivered()
        written = yield from self._written()
        last = most or 0
        if most is None:
            numbers = (n for n, at in written.items() if until is None or _time(at) < until)
            last = max(numbers, default=0)
        full = max((n for n in written if n % FULL == 0 and n <= last), default=0)
        needed = range(max(known.number + 1, full), last + 1)
        missing = [number for number in needed if number not in written]
        if missing:
            raise BadInput(self._lacking(missing, last))
        for number in needed:
            manifest = manifest_from((yield from fetch(self.manifest(number))))
            # Each was written before the last, whatever a copy or a restored one says of itself.
            known = known.plus(manifest, written[last])
        return known

    def shows(self, known: Delivered) -> Errand[bool]:
        """Whether the last manifest that we have read (if any) is still there."""
        return not known.number or known.number in (yield from self._written())

    def deliver(
        self, known: Delivered, choose: Callable[[Delivered], Sequence[BlobVersion]]
    ) -> Errand[Delivered]:
        """
        Deliver what *choose* says of what was delivered before.

        It is asked again whenever somebody else has delivered meanwhile. Raises
        `ServiceUnavailable` where a manifest can neither be made nor read.
        """
        while blobs := choose(known):
            # Looked at after *known* was read: what is not there has gone, and is not to come.
            is_full = (known.number + 1) % FULL == 0
            present = (yield from look(self.source)) if is_full else None
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

    def _written(self) -> Errand[dict[int, str]]:
        """When each manifest that is there was written, ISO 8601."""
        found = yield from look(f"{self.folder}/")
        here = self.folder.partition("/")[2]
        return {
            number: blob.modified
            for blob in found
            if blob.name.rpartition("/")[0] == here and (number := number_of(blob.name))
        }

    def _lacking(self, missing: Sequence[int], last: int) -> str:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        return (
            f"the ledger of {self.source} has no {self.manifest(missing[0])}{more}: expected each "
            f"manifest up to {last}, from the first or a {FULL}th on; restore what is missing, or "
            "begin a new ledger with another `arrivals`"
        )


def _time(said: str) -> datetime:
    return datetime.fromisoformat(said)
