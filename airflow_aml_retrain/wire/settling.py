"""
When blobs that are still being written may be taken for finished.

Law: what is measured is how long we ourselves have seen a version unchanged, between two looks, by
one clock of ours; no clock of storage is compared with it. Who begins anew waits anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_aml_retrain.wire.arrivals import BlobVersion


@dataclass(slots=True)
class Settling:
    """
    The blobs that are new, and since when each has been seen as it is.

    Those that have settled wait for their neighbours that have not, so that files that are
    uploaded together make one batch; at most as long again, so that one that is written to without
    end holds up nobody. *settle* is in seconds; 0 takes everything as it is found.
    """

    settle: float
    _since: dict[str, tuple[BlobVersion, float]] = field(default_factory=dict)

    def settled(
        self, found: Iterable[BlobVersion], *, began: float, ended: float
    ) -> list[BlobVersion]:
        """
        Those of *found* that are to be delivered now.

        The look at them *began* and *ended* at these seconds of a clock that only goes forward: a
        version was seen by its end for the first time, and is unchanged at the beginning of the
        next one.
        """
        before = self._since
        self._since = {}
        for blob in found:
            version, since = before.get(blob.name, (None, ended))
            same = version is not None and (version.etag, version.size) == (blob.etag, blob.size)
            self._since[blob.name] = (blob, since if same else ended)
        if self.settle <= 0:
            return [blob for blob, _ in self._since.values()]
        ripe = [blob for blob, since in self._since.values() if began - since >= self.settle]
        overdue = any(began - since >= 2 * self.settle for _, since in self._since.values())
        return ripe if len(ripe) == len(self._since) or overdue else []
