"""What the ledger of arrivals promises, without a socket: errands are sent what they ask for."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.errands import Errand, Fetch, Look, Make, Step
from airflow_aml_retrain.client.watching import complete
from airflow_aml_retrain.errors import BadInput, ServiceUnavailable
from airflow_aml_retrain.wire.arrivals import FULL, BlobVersion, Delivered, manifest_from
from airflow_aml_retrain.wire.settling import Settling

ARRIVALS = Arrivals("books/arrivals", "data/landing/")
NOON = "2026-11-01T12:00:00+00:00"


def blob(name: str, version: int = 1, *, modified: str = NOON) -> BlobVersion:
    return BlobVersion(name, f"0x{version}", 10, modified)


@dataclass
class Shelf:
    """
    What lies in storage, by place; *asked* are the manifests that were read.

    What has *landed* is data. All was written at noon, or when *modified* says.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    landed: dict[str, BlobVersion] = field(default_factory=dict)
    modified: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def run(self, errand: Errand[Any]) -> Any:
        answer: object = None
        while True:
            try:
                step = errand.send(answer)
            except StopIteration as end:
                return end.value
            answer = self.answer(step)

    def answer(self, step: Step) -> object:
        match step:
            case Look(ARRIVALS.source):
                return list(self.landed.values())
            case Look(place):
                return [
                    blob(name.partition("/")[2], modified=self.modified.get(name, NOON))
                    for name in sorted(self.blobs)
                    if name.startswith(place)
                ]
            case Fetch(place):
                self.asked.append(place)
                return self.blobs[place]
            case Make(place, data):
                return self.blobs.setdefault(place, data) is data
            case other:
                raise AssertionError(other)


def deliver(shelf: Shelf, known: Delivered, *blobs: BlobVersion) -> Delivered:
    """What somebody does who has seen *blobs* land, and knew before that what is *known*."""
    shelf.landed |= {each.name: each for each in blobs}
    delivered: Delivered = shelf.run(ARRIVALS.deliver(known, lambda known: known.lacks(blobs)))
    return delivered


def test_of_two_who_deliver_at_once_one_has_and_the_other_reads_what() -> None:
    shelf, nothing = Shelf(), Delivered()
    first = deliver(shelf, nothing, blob("a"), blob("b"))

    second = deliver(shelf, nothing, blob("b"), blob("c"))

    assert (first.number, second.number) == (1, 2)
    assert set(second.versions) == {"a", "b", "c"}
    batches = [manifest_from(data).blobs for data in shelf.blobs.values()]
    assert [[each.name for each in batch] for batch in batches] == [["a", "b"], ["c"]]


@dataclass
class Vanishing(Shelf):
    """Storage of a container that is being deleted: all is in conflict, and nothing is there."""

    refused: int = 0

    def answer(self, step: Step) -> object:
        if not isinstance(step, Make):
            return super().answer(step)
        self.refused += 1
        assert self.refused < 10, "it is tried again and again, without a pause"
        return False


def test_a_manifest_that_can_neither_be_made_nor_read_is_an_outage_not_another_try() -> None:
    shelf = Vanishing()

    with pytest.raises(
        ServiceUnavailable, match=r"makes no .*/00000001\.json, as if it were there"
    ):
        deliver(shelf, Delivered(), blob("a"))

    assert shelf.refused == 1


def test_a_new_version_of_a_blob_takes_the_place_of_the_old_one() -> None:
    shelf = Shelf()
    known = deliver(shelf, Delivered(), blob("a"), blob("b"))

    known = deliver(shelf, known, blob("a", 2))

    assert known.versions["a"].etag == "0x2"
    assert shelf.run(ARRIVALS.delivered()).versions == known.versions
    assert shelf.run(ARRIVALS.delivered(most=1)).versions["a"].etag == "0x1"


def test_a_long_history_is_read_from_the_last_full_manifest_on() -> None:
    shelf, known = Shelf(), Delivered()
    for number in range(1, 2 * FULL + 3):
        known = deliver(shelf, known, blob(f"{number}"))
    shelf.asked.clear()

    read = shelf.run(ARRIVALS.delivered())

    assert read.versions == known.versions
    assert len(shelf.asked) == 3
    assert shelf.run(ARRIVALS.delivered(most=FULL + 1)).number == FULL + 1


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ([1], "no .*/00000001.json: expected each manifest up to 3,"),
        ([2], "no .*/00000002.json: expected"),
        ([1, 2], "no .*/00000001.json and 1 more: expected"),
    ],
    ids=str,
)
def test_a_ledger_with_a_hole_is_said_and_never_read_in_part(gone: list[int], said: str) -> None:
    shelf, known = Shelf(), Delivered()
    for name in ("a", "b", "c"):
        known = deliver(shelf, known, blob(name))
    for number in gone:
        del shelf.blobs[ARRIVALS.manifest(number)]
    shelf.asked.clear()

    with pytest.raises(BadInput, match=f"{said}.*restore what is missing, or begin a new ledger"):
        shelf.run(ARRIVALS.delivered())

    assert shelf.asked == []


def test_a_ledger_that_has_lost_its_end_does_not_say_what_was_delivered_up_to_it() -> None:
    shelf = Shelf()
    known = deliver(shelf, deliver(shelf, Delivered(), blob("a")), blob("b"))
    del shelf.blobs[ARRIVALS.manifest(2)]

    with pytest.raises(BadInput, match=r"has no .*/00000002\.json"):
        shelf.run(ARRIVALS.delivered(most=known.number))


def test_what_lies_before_a_full_manifest_may_be_gone_and_what_lies_after_it_not() -> None:
    shelf, known = Shelf(), Delivered()
    for number in range(1, FULL + 3):
        known = deliver(shelf, known, blob(f"{number}"))
    for number in range(1, FULL):
        del shelf.blobs[ARRIVALS.manifest(number)]

    assert shelf.run(ARRIVALS.delivered()).versions == known.versions
    with pytest.raises(BadInput, match=r"00000001\.json and 7 more"):
        shelf.run(ARRIVALS.delivered(most=8))
    del shelf.blobs[ARRIVALS.manifest(FULL + 1)]
    with pytest.raises(BadInput, match=rf"{FULL + 1}\.json"):
        shelf.run(ARRIVALS.delivered())


def test_a_full_manifest_repeats_what_another_has_delivered_meanwhile_and_not_what_is_gone() -> (
    None
):
    shelf, known = Shelf(), Delivered()
    for number in range(1, FULL - 1):
        known = deliver(shelf, known, blob(f"{number}"))
    del shelf.landed["7"]
    deliver(shelf, known, blob("late"))

    deliver(shelf, known, blob("ours"))

    read = shelf.run(ARRIVALS.delivered())
    assert read.number == FULL
    assert set(read.versions) == set(shelf.landed)


def test_a_manifest_that_was_restored_counts_by_its_number_and_not_by_its_date() -> None:
    shelf, known = Shelf(), Delivered()
    for name in ("a", "b", "c"):
        known = deliver(shelf, known, blob(name))
    shelf.modified[ARRIVALS.manifest(1)] = "2026-12-24T12:00:00+00:00"

    read = shelf.run(ARRIVALS.delivered(until=datetime(2026, 11, 2, tzinfo=UTC)))

    assert (set(read.versions), read.at) == ({"a", "b", "c"}, NOON)


def test_what_another_ledger_or_another_writer_left_is_no_manifest_of_ours() -> None:
    shelf = Shelf()
    known = deliver(shelf, Delivered(), blob("a"))
    shelf.blobs |= {f"{ARRIVALS.folder}/deeper/00000002.json": b"", f"{ARRIVALS.folder}/x": b""}

    assert shelf.run(ARRIVALS.delivered()) == known


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"schema": "other"}', b'{"schema": 1, "number": 1}']
)
def test_a_manifest_that_is_none_is_said(data: bytes) -> None:
    with pytest.raises(BadInput, match="manifest of arrivals"):
        manifest_from(data)


def test_what_settles_is_measured_between_two_looks_whatever_storage_s_clock_says() -> None:
    settling = Settling(60.0)
    skewed = [blob("past", modified="1999-01-01T00:00:00+00:00"), blob("future", modified="2099")]

    assert settling.settled(skewed, began=0.0, ended=5.0) == []
    assert settling.settled(skewed, began=64.0, ended=66.0) == []
    assert settling.settled(skewed, began=65.0, ended=67.0) == skewed


def test_a_blob_that_changes_settles_anew_and_its_neighbours_wait_but_not_for_ever() -> None:
    settling = Settling(60.0)

    for second in range(0, 121, 30):
        found = [blob("still"), blob("busy", second)]
        told = settling.settled(found, began=float(second), ended=float(second))

        assert told == ([blob("still")] if second == 120 else [])


def test_without_settling_the_first_look_tells() -> None:
    assert Settling(0.0).settled([blob("a")], began=0.0, ended=1.0) == [blob("a")]


def test_an_empty_blob_is_no_data_and_still_a_marker() -> None:
    names = ["in/day.csv", "in/day.csv/1.csv", "in/day.csv/_SUCCESS", "in/empty.csv"]
    sizes = [0, 10, 0, 0]
    found = [replace(blob(name), size=size) for name, size in zip(names, sizes, strict=True)]

    for marker in (None, "_SUCCESS"):
        assert complete(found, "in/", ".csv", marker) == [found[1]]


@pytest.mark.parametrize(
    ("names", "data"),
    [
        (["in/a/1.csv", "in/b/1.csv", "in/b/_SUCCESS"], ["in/b/1.csv"]),
        (["in/b/part=1/1.csv", "in/b/_SUCCESS"], ["in/b/part=1/1.csv"]),
        (["in/1.csv", "in/_SUCCESS"], ["in/1.csv"]),
        (["in/bc/1.csv", "in/b/_SUCCESS"], []),
        (["in/1.csv", "_SUCCESS"], []),
    ],
    ids=str,
)
def test_a_marker_speaks_for_its_folder_and_those_below(names: list[str], data: list[str]) -> None:
    found = complete([blob(name) for name in names], "in/", ".csv", "_SUCCESS")

    assert [each.name for each in found] == data
