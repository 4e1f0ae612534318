"""
Hold-out ledgers in blob storage, one for each endpoint.

Law: a use is in the ledger before its decision is made. Of two decisions that race for the last
one, one has it and the other is told that there is none.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.champion import slug
from airflow_aml_retrain.client.contested import rewrite
from airflow_aml_retrain.gate.holdout.ledger import Ledger, Use
from airflow_aml_retrain.gate.rows import Holdout
from airflow_aml_retrain.gate.rules.sections import HoldoutRules


@dataclass(frozen=True, slots=True)
class LedgerStore:
    """
    The ledger of *endpoint* (an asset URI) under *place* ("container/prefix").

    *clock* gives seconds since 1970.
    """

    store: BlobStore
    place: str
    endpoint: str
    clock: Callable[[], float] = time.time

    @property
    def document(self) -> str:
        """Where the ledger lies, "container/path"."""
        return f"{self.place.strip('/')}/ledgers/{slug(self.endpoint)}.json"

    def read(self) -> Ledger:
        """The ledger as it is now; an empty one before the first decision."""
        return rewrite(self.store, self.document, lambda content: (_read(content), None))

    def spend(self, holdout: Holdout, rules: HoldoutRules, alpha: float, key: str) -> Use:
        """
        Spend one use of *holdout* on the decision that *key* names; see `Ledger.use`.

        Asked again with the same key it spends nothing. `GateError` if the hold-out is exhausted,
        or if the ledger was written by a newer version or is broken.
        """

        def spent(content: bytes | None) -> tuple[Use, bytes | None]:
            ledger = _read(content)
            at = datetime.fromtimestamp(self.clock(), UTC).isoformat()
            use, after = ledger.use(holdout, rules, alpha, key, at=at)
            return use, None if after is ledger else after.to_json()

        return rewrite(self.store, self.document, spent)


def _read(content: bytes | None) -> Ledger:
    return Ledger() if content is None else Ledger.from_json(content)
