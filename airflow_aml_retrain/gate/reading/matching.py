"""
Which rows of several files are the same row.

Law: rows belong together by their order, or by their id where the policy names one; whatever is
not in all files, or came before, is left out and counted, and their truths must be equal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.reading.cells import rows_at
from airflow_aml_retrain.gate.reading.scored import ScoredRows

Positions = NDArray[np.intp]

_SAME_ROWS: Final = "score both models over the same rows"
_ADVICE: Final = f"{_SAME_ROWS} in the same order, or name their ids in data.id"


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """
    Where the rows to judge stand in each file, in the order of the first one.

    *positions*, by model, are None where they are all rows of all files in one order. *incomplete*
    rows were left out for a gap in any file. *examples* are the first rows of what was left out, in
    words.
    """

    positions: Mapping[str, Positions] | None
    unmatched: int = 0
    duplicates: int = 0
    incomplete: int = 0
    examples: tuple[str, ...] = ()

    def taken(self, model: str, array: NDArray[Any]) -> NDArray[Any]:
        """The rows to judge of an *array* over all rows of the *model*'s file."""
        return array if self.positions is None else array[self.positions[model]]


@dataclass(frozen=True, slots=True, eq=False)
class _Distinct:
    """The different ids of a file, sorted, with the position where each first stands."""

    ids: NDArray[np.uint64]
    first: Positions
    repeated: Positions


def matched(files: Sequence[ScoredRows]) -> Match:
    """The match of *files*, of which the first gives the order; gaps are left out."""
    _require_alike(files)
    match = _by_order(files) if files[0].marks.ids is None else _by_id(files)
    match = _without_gaps(files, match)
    for file in files[1:]:
        _require_one_truth(files[0], file, match)
    return match


def _by_order(files: Sequence[ScoredRows]) -> Match:
    first = files[0]
    for file in files[1:]:
        if len(file) != len(first):
            msg = (
                f"the {first.model} scored {len(first)} rows and the {file.model} {len(file)}; "
                f"{_ADVICE}"
            )
            raise GateError(msg)
    return Match(None)


def _by_id(files: Sequence[ScoredRows]) -> Match:
    ids = [file.marks.ids for file in files if file.marks.ids is not None]
    if all(np.array_equal(ids[0], each) for each in ids[1:]) and not _repeats(ids[0]):
        return Match(None)
    distinct = [_distinct(each) for each in ids]
    common = reduce(partial(np.intersect1d, assume_unique=True), [each.ids for each in distinct])
    if not common.size:
        msg = f"no id is in all files; {_SAME_ROWS}"
        raise GateError(msg)
    firsts = [each.first[np.searchsorted(each.ids, common)] for each in distinct]
    order = np.argsort(firsts[0])
    alone = [_beyond(each.ids, common) for each in distinct]
    return Match(
        {file.model: first[order] for file, first in zip(files, firsts, strict=True)},
        unmatched=len(np.unique(np.concatenate(alone))),
        duplicates=max(each.repeated.size for each in distinct),
        examples=tuple(_examples(files, distinct, alone)),
    )


def _repeats(ids: NDArray[np.uint64]) -> bool:
    ordered = np.sort(ids)
    return bool((ordered[1:] == ordered[:-1]).any())


def _distinct(ids: NDArray[np.uint64]) -> _Distinct:
    order = np.argsort(ids)
    ordered = ids[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    first = np.minimum.reduceat(order, starts)
    if len(starts) == len(ids):
        return _Distinct(ordered, first, first[:0])
    again = np.ones(len(ids), np.bool_)
    again[first] = False
    return _Distinct(ordered[starts], first, np.flatnonzero(again))


def _beyond(ids: NDArray[np.uint64], common: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The *ids* that are not *common*; both sorted and without repetition."""
    return ids[:0] if len(ids) == len(common) else np.setdiff1d(ids, common, assume_unique=True)


def _examples(
    files: Sequence[ScoredRows],
    distinct: Sequence[_Distinct],
    alone: Sequence[NDArray[np.uint64]],
) -> Iterator[str]:
    for file, each, ids in zip(files, distinct, alone, strict=True):
        if ids.size:
            rows = np.sort(each.first[np.searchsorted(each.ids, ids)]) + 1
            yield f"only in some files: {rows_at(rows)} of the {file.model}'s"
        if each.repeated.size:
            yield f"with an id that came before: {rows_at(each.repeated + 1)} of the {file.model}'s"


def _without_gaps(files: Sequence[ScoredRows], match: Match) -> Match:
    gapped = [file for file in files if file.gaps.size]
    if not gapped:
        return match
    whole = np.ones(len(match.taken(files[0].model, files[0].answers.truth)), np.bool_)
    for file in gapped:
        gaps = np.zeros(len(file), np.bool_)
        gaps[file.gaps] = True
        whole &= ~match.taken(file.model, gaps)
    kept = np.flatnonzero(whole)
    if not kept.size:
        msg = "no row has a label and a score of every model; fill them in"
        raise GateError(msg)
    lost = (f"incomplete: {rows_at(file.gaps + 1)} of the {file.model}'s" for file in gapped)
    return replace(
        match,
        positions={file.model: _of(match, file.model, kept) for file in files},
        incomplete=len(whole) - len(kept),
        examples=(*match.examples, *lost),
    )


def _of(match: Match, model: str, kept: Positions) -> Positions:
    return kept if match.positions is None else match.positions[model][kept]


def _require_alike(files: Sequence[ScoredRows]) -> None:
    first = files[0]
    for file in files[1:]:
        if file.task is not first.task:
            msg = (
                f"the {first.model}'s columns are those of {first.task}, the {file.model}'s those "
                f"of {file.task}; score both with models of one kind"
            )
            raise GateError(msg)
        if file.answers.classes != first.answers.classes:
            msg = (
                f"the {first.model}'s classes are {first.answers.classes} and the "
                f"{file.model}'s {file.answers.classes}; {_SAME_ROWS}"
            )
            raise GateError(msg)


def _require_one_truth(first: ScoredRows, file: ScoredRows, match: Match) -> None:
    theirs = match.taken(first.model, first.answers.truth)
    ours = match.taken(file.model, file.answers.truth)
    differing = np.flatnonzero(theirs != ours)
    if differing.size:
        rows = differing if match.positions is None else match.positions[first.model][differing]
        advice = _ADVICE if first.marks.ids is None else "; ".join([*match.examples, _SAME_ROWS])
        msg = (
            f"the labels of {first.model} and {file.model} differ in {rows_at(rows + 1)} of the "
            f"{first.model}'s; {advice}"
        )
        raise GateError(msg)
