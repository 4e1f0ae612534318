"""
The hold-out as every model scored it: the same rows, beside each other, a few bytes each.

Law: whatever is computed is computed from this; how it was read, from which files, and how rows
found each other is settled before and stands in `Quality`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.grain import Grain
from airflow_aml_retrain.gate.metrics import Task

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
ANCHOR: Final = "anchor"


@dataclass(frozen=True, slots=True)
class Holdout:
    """
    What identifies a hold-out, whatever its files are called.

    *sha256* covers the truth (and the ids, where there are ids, in any order). *sketch* holds the
    smallest row hashes (sorted, at most 8,192, from ids only), by which two hold-outs are found to
    share rows; empty without ids.
    """

    rows: int
    sha256: str
    sketch: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Slicing:
    """Rows by the values of one column: *codes* (n,) are positions in *values*."""

    column: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """
    What was met while reading; the preconditions of a policy are about it.

    Counts by model: *read* rows, *nulls* (rows dropped for a missing score or label), *clipped*
    (scores of exactly 0 or 1 on the wrong side, where log loss is cut off). *incomplete* rows were
    dropped for what is missing in any file. *unmatched* rows are in one file and not in all
    others; *duplicates* are rows whose id came before.
    """

    read: Mapping[str, int]
    nulls: Mapping[str, int] = field(default_factory=dict)
    clipped: Mapping[str, int] = field(default_factory=dict)
    incomplete: int = 0
    unmatched: int = 0
    duplicates: int = 0
    matched_by: Literal["order", "id"] = "order"
    oldest: datetime | None = None
    newest: datetime | None = None
    score_sha256: Mapping[str, str] = field(default_factory=dict)
    example: str = ""
    """The first rows that unmatched, duplicate or null rows stand in, in words."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """
    All rows that are judged, n of them.

    *classes*: binary (negative, positive), multiclass sorted, regression (). *truth* (n,): binary
    bool, multiclass int16 positions in *classes*, regression float64. *scores*, by model
    (`CHALLENGER` always, `CHAMPION` and `ANCHOR` where there is one): binary (n,) float32 as
    `folded.fold` makes them, multiclass (n, K) of the same, regression (n,) float64. *grain*, by
    model and shaped like its scores, is what folding took from them; without it nothing. *said*:
    multiclass, by model, the predicted class (n,) int16. *clusters* (n,) int32 are 0 .. C-1.
    *is_in_order*: row i here is row i + 1 of every file; not so after a join or a dropped row.
    """

    task: Task
    classes: tuple[str, ...]
    truth: NDArray[Any]
    scores: Mapping[str, NDArray[Any]]
    grain: Mapping[str, Grain] = field(default_factory=dict)
    said: Mapping[str, NDArray[np.int16]] = field(default_factory=dict)
    slicings: Mapping[str, Slicing] = field(default_factory=dict)
    clusters: NDArray[np.int32] | None = None
    holdout: Holdout
    quality: Quality
    is_in_order: bool = True

    def __len__(self) -> int:
        return len(self.truth)

    def where(self, mask: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Rows":
        """
        The rows for which *mask* (n,) is true, as a hold-out of their own.

        *mask* may also be the positions of the rows, in the order they are wanted in.
        """
        slicings = {
            name: replace(slicing, codes=slicing.codes[mask])
            for name, slicing in self.slicings.items()
        }
        clusters = None
        if self.clusters is not None:
            # Codes stay dense: whoever sums by cluster counts those that are there.
            clusters = np.unique(self.clusters[mask], return_inverse=True)[1].astype(np.int32)
        return replace(
            self,
            truth=self.truth[mask],
            scores={model: scores[mask] for model, scores in self.scores.items()},
            grain={model: grain[mask] for model, grain in self.grain.items()},
            said={model: said[mask] for model, said in self.said.items()},
            slicings=slicings,
            clusters=clusters,
            is_in_order=False,
        )
