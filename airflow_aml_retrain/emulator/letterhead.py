"""
What heads every answer of the Resource Manager, whatever it says.

The names are those of the recordings. The counters of what is left go down and never refuse.
"""

import itertools
import uuid
from datetime import UTC, datetime
from typing import Final

from airflow_aml_retrain.emulator.site import Clock

_READS: Final = 14999
_WRITES: Final = 1199


class Letterhead:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = {
            "reads": itertools.cycle(range(_READS, 0, -1)),
            "writes": itertools.cycle(range(_WRITES, 0, -1)),
        }

    def began(self) -> float:
        return self._clock()

    def headers(self, method: str, began: float) -> list[tuple[bytes, bytes]]:
        """For the answer to a request with *method* that came at the time *began*."""
        now, number = self._clock(), str(uuid.uuid4())
        kind = "reads" if method in {"GET", "HEAD"} else "writes"
        said = {
            "cache-control": "no-cache",
            "pragma": "no-cache",
            "expires": "-1",
            "server": "Microsoft-HTTPAPI/2.0",
            "strict-transport-security": "max-age=31536000; includeSubDomains",
            "x-ms-correlation-request-id": number,
            "x-ms-routing-request-id": (
                f"SOUTHCENTRALUS:{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}:{number}"
            ),
            "x-ms-request-duration": str(max(int((now - began) * 1000), 0)),
            f"x-ms-ratelimit-remaining-subscription-{kind}": str(next(self._left[kind])),
        }
        return [(name.encode(), value.encode()) for name, value in said.items()]
