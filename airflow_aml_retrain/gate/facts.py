"""What the files do not say and the caller knows: the time, the models' training, their weight."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    By model ("champion", "challenger") where it is a mapping; what is missing is not known.

    *now* is when it is decided, with its zone. *trained_until* is up to when the data reached
    that a model learned from; *train_overlap* the share of hold-out rows the challenger has
    learned from. *p95_latency* is seconds, *model_bytes* bytes. *no_anchor* says, as the end of
    a sentence, why nothing was scored by an anchor.
    """

    now: datetime | None = None
    trained_until: Mapping[str, datetime] = field(default_factory=dict)
    train_overlap: float | None = None
    p95_latency: Mapping[str, float] = field(default_factory=dict)
    model_bytes: Mapping[str, int] = field(default_factory=dict)
    no_anchor: str = "no anchor was scored"
