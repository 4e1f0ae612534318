"""
A hold-out taken apart: the rows of each group as a hold-out of their own.

A chunk of rows at a time is put in the order of the groups, which keeps to the processor's cache;
what a group has of each chunk is then put together. Two threads share the work.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.gate.rows import ANCHOR, CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.scores.groups import Groups

_THREADS: Final = 2
_CHUNK: Final = 1 << 20
# Numbers so narrow are sorted by counting them.
_NARROW: Final = ((1 << 8, np.uint8), (1 << 16, np.uint16))

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Some *rows* in the order of their groups, each beginning where *starts* has it."""

    rows: Rows
    clusters: NDArray[np.int32] | None
    starts: NDArray[np.intp]

    def of(self, group: int) -> slice:
        return slice(self.starts[group], self.starts[group + 1])


def each_part(rows: Rows, groups: Groups, of: Callable[[str, Rows], _Answer]) -> list[_Answer]:
    """What *of* answers to the name and the rows (champion and challenger) of each of *groups*."""
    count = len(groups.names)
    narrow = next((kind for most, kind in _NARROW if count <= most), np.int32)
    # Numbers of clusters must mean the same in all chunks, so they are carried beside the rows.
    bare = replace(
        rows,
        scores={model: rows.scores[model] for model in (CHAMPION, CHALLENGER)},
        grain={model: grain for model, grain in rows.grain.items() if model != ANCHOR},
        slicings={},
        clusters=None,
    )

    def ordered(start: int) -> _Chunk:
        at = slice(start, start + _CHUNK)
        codes = groups.codes[at].astype(narrow)
        order = np.argsort(codes, kind="stable")
        clusters = None if rows.clusters is None else rows.clusters[at][order]
        ends = np.cumsum(np.bincount(codes, minlength=count))
        return _Chunk(bare.where(at).where(order), clusters, np.concatenate(([0], ends)))

    with ThreadPoolExecutor(_THREADS) as threads:
        chunks = list(threads.map(ordered, range(0, len(rows), _CHUNK)))
        return list(
            threads.map(lambda group: of(groups.names[group], _joined(chunks, group)), range(count))
        )


def _joined(chunks: Sequence[_Chunk], group: int) -> Rows:
    """All rows of *group*."""
    parts = [chunk.rows.where(chunk.of(group)) for chunk in chunks]
    first = parts[0]
    numbers = [chunk.clusters[chunk.of(group)] for chunk in chunks if chunk.clusters is not None]
    clusters = None
    if numbers:
        clusters = np.unique(np.concatenate(numbers), return_inverse=True)[1].astype(np.int32)
    return replace(
        first,
        truth=np.concatenate([part.truth for part in parts]),
        scores={
            model: np.concatenate([part.scores[model] for part in parts]) for model in first.scores
        },
        grain={
            model: np.concatenate([part.grain[model] for part in parts]) for model in first.grain
        },
        said={model: np.concatenate([part.said[model] for part in parts]) for model in first.said},
        clusters=clusters,
    )
