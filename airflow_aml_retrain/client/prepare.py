"""
Training data made of many blobs: joined into one CSV, with the hold-out set apart.

Law: no row is lost, none is doubled, and each goes to the side that `client.split` gives it.
What cannot be used is refused before anything is written: a blob takes its place only when its
last block has arrived. Memory stays bounded: rows pass in blocks, and the hold-out waits in a
temporary file until the training rows are away.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, Final, Protocol

from airflow_aml_retrain.client.blobs import BlobEntry, lies_under, split_path
from airflow_aml_retrain.client.csv_blobs import BLOCK, CsvBlob, CsvBlocks
from airflow_aml_retrain.client.dated import DatedBlob, blobs_before
from airflow_aml_retrain.client.split import Apart, IsHeldOut, Row, Split
from airflow_aml_retrain.errors import BadInput, NotConfigured

_IN_MEMORY: Final = 16 * BLOCK
_NAMED: Final = 10
"""How many faulty rows a message names."""


class Blobs(Protocol):
    """What is needed of a `BlobStore`."""

    def list(self, container: str, prefix: str = "") -> Iterator[BlobEntry]: ...

    def open(self, container: str, path: str) -> BinaryIO: ...

    def write(self, container: str, path: str, data: bytes | Iterable[bytes]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What to join, from when, and where to.

    *source* is "container/prefix"; *training* and *holdout* are "container/path". Blobs dated
    before *cutoff* count; *date_pattern* (strptime) finds the date in a blob's name, None takes
    its last modification. Every row must have a value in the column *label*, if it is given.
    *chosen*, where it is given, are the blobs of *source* that count, whatever their dates.
    """

    source: str
    training: str
    holdout: str
    cutoff: datetime
    split: Split
    date_pattern: str | None = None
    label: str | None = None
    chosen: Sequence[DatedBlob] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How many rows went to each side, out of how many blobs."""

    training_rows: int
    holdout_rows: int
    blobs: int


def prepare(blobs: Blobs, plan: Plan) -> Prepared:
    """
    Write the two CSV blobs that *plan* asks for.

    Raises `BadInput` if the data will not do, `NotConfigured` if the places overlap.
    """
    _require_apart(plan)
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as waiting:
        join = _Join(blobs, plan, waiting)
        blobs.write(*split_path(plan.training), join.training_blocks())
        waiting.seek(0)
        blobs.write(*split_path(plan.holdout), iter(lambda: waiting.read(BLOCK), b""))
    return Prepared(
        training_rows=join.training.rows, holdout_rows=join.holdout.rows, blobs=join.blobs_read
    )


def _require_apart(plan: Plan) -> None:
    """Refuse to read what we write, and to train on what is held out."""
    sources = [plan.source]
    if isinstance(plan.split, Apart):
        sources.append(plan.split.source)
        if _overlap(*sources):
            msg = f"source {plan.source} and holdout_source {plan.split.source} overlap"
            raise NotConfigured(msg + ": the hold-out would be trained on; give them two prefixes")
    for source in sources:
        if any(lies_under(written, source) for written in (plan.training, plan.holdout)):
            msg = f"what is written, {plan.training}, lies under {source}, which is read"
            raise NotConfigured(msg + ": end the source in '/', or give another destination")


def _overlap(one: str, other: str) -> bool:
    return lies_under(one, other) or lies_under(other, one)


class _Join:
    """
    One pass over all blobs.

    The columns, and their order, are those of the first blob.
    """

    def __init__(self, blobs: Blobs, plan: Plan, waiting: IO[bytes]) -> None:
        self._blobs = blobs
        self._plan = plan
        self._waiting = waiting
        self._sources = plan.chosen or blobs_before(
            blobs, plan.source, plan.cutoff, plan.date_pattern
        )
        self._audited = (
            blobs_before(blobs, plan.split.source, plan.cutoff, plan.date_pattern)
            if isinstance(plan.split, Apart)
            else []
        )
        self._columns = self._first_columns()
        self.training = CsvBlocks(self._columns)
        self.holdout = CsvBlocks(self._columns)
        self.blobs_read = 0

    def training_blocks(self) -> Iterator[bytes]:
        """The training CSV; what is held out goes to the waiting file meanwhile."""
        for source in self._sources:
            yield from self._sorted(source, self._plan.split.chooser(self._columns, source.dated))
        for source in self._audited:
            yield from self._sorted(source, _always)
        # Before the last block, because after it the blob would be there.
        self._require_both_sides()
        self._waiting.write(self.holdout.take())
        yield self.training.take()

    def _first_columns(self) -> list[str]:
        first = self._sources[0]
        with closing(self._blobs.open(first.container, first.name)) as stream:
            columns = CsvBlob(first.place, stream).columns
        if self._plan.label is not None and self._plan.label not in columns:
            msg = f"blob {first.place} has no label column {self._plan.label!r}; it has {columns}"
            raise BadInput(msg)
        return columns

    def _sorted(self, source: DatedBlob, is_held_out: IsHeldOut) -> Iterator[bytes]:
        """Send the rows of one blob to their sides; yields blocks of the training side."""
        with closing(self._blobs.open(source.container, source.name)) as stream:
            for row in self._rows(CsvBlob(source.place, stream)):
                side = self.holdout if is_held_out(row) else self.training
                side.add(row)
                if not side.is_full:
                    continue
                if side is self.training:
                    yield side.take()
                else:
                    self._waiting.write(side.take())
        self.blobs_read += 1

    def _rows(self, blob: CsvBlob) -> Iterator[Row]:
        """The rows of *blob* in the order of our columns."""
        rows: Iterator[Row] = map(_arranger(blob, self._columns), blob.rows())
        if self._plan.label is None:
            return rows
        return _labelled(rows, blob.name, self._plan.label, self._columns)

    def _require_both_sides(self) -> None:
        for name, side in (("training", self.training), ("hold-out", self.holdout)):
            if not side.rows:
                msg = (
                    f"no {name} rows: {self.training.rows + self.holdout.rows} rows in "
                    f"{self.blobs_read} blobs from before {self._plan.cutoff.isoformat()} under "
                    f"{self._plan.source}, held out: {self._plan.split}; "
                    "land more data, or set the hold-out apart in another way"
                )
                raise BadInput(msg)


def _always(_row: Row) -> bool:
    return True


def _arranger(blob: CsvBlob, columns: Sequence[str]) -> Callable[[Row], Row]:
    """What brings a row of *blob* into the order of *columns*."""
    missing = sorted(set(columns) - set(blob.columns))
    extra = sorted(set(blob.columns) - set(columns))
    if missing or extra:
        msg = f"blob {blob.name} has other columns: missing {missing}, extra {extra}"
        raise BadInput(msg + "; the first blob decides which there are")
    if blob.columns == columns:
        return _as_it_is
    return itemgetter(*(blob.columns.index(column) for column in columns))


def _as_it_is(row: Row) -> Row:
    return row


def _labelled(rows: Iterable[Row], blob: str, label: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows; after the last one `BadInput` if any had no label (row 1 is the first one)."""
    place, count, named = columns.index(label), 0, list[str]()
    for number, row in enumerate(rows, 1):
        if row[place].strip():
            yield row
            continue
        count += 1
        if count <= _NAMED:
            named.append(str(number))
    if count:
        more = ", ..." if count > _NAMED else ""
        msg = f"blob {blob} has {count} rows without a label in {label!r}: rows {', '.join(named)}"
        raise BadInput(msg + more)
