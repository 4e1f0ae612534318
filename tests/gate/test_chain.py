"""Whoever changes the past of an endpoint's decisions is found out, and told where."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.records.chain import HISTORY, KEPT, Entry, Links, Summary, verify
from airflow_aml_retrain.gate.records.record import DecisionRecord

Records = dict[str, bytes]


def decision(number: int) -> DecisionRecord:
    verdict = "PROMOTE" if number % 3 else "REJECT"
    return DecisionRecord(
        {"verdict": verdict, "headline": f"{verdict}: run {number}.", "models": {}, "run": number}
    )


def chained(length: int) -> tuple[Links, Records]:
    """A chain of *length* decisions, and their records by place, as `client.chain` writes them."""
    links, records = Links(), Records()
    for number in range(length):
        entry, links = bound(links, number)
        record = decision(number).enveloped(links.envelope_of(entry))
        records[entry.place] = record.to_json()
    return links, records


def bound(links: Links, number: int, key: str = "") -> tuple[Entry, Links]:
    return links.bind(
        decision(number),
        key=key or f"run {number}",
        place_for=lambda _: f"c/decisions/{number}.json",
        decided_at=f"2026-01-01T00:00:{number % 60:02d}+00:00",
        summary=Summary("log_loss", 0.4 + number / 100, 0.3, 0.5),
    )


def edited(links: Links, at: int, **change: Any) -> Links:
    entries = list(links.entries)
    entries[at] = replace(entries[at], **change)
    return replace(links, entries=tuple(entries))


def without(links: Links, at: int) -> Links:
    return replace(links, entries=links.entries[:at] + links.entries[at + 1 :])


def swapped(links: Links, at: int) -> Links:
    entries = list(links.entries)
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    return replace(links, entries=tuple(entries))


def told(links: Links, records: Records) -> list[tuple[str, str]]:
    return [(found.place.rpartition("/")[2], found.why) for found in verify(links, records)]


def test_a_chain_that_nobody_touched_is_whole() -> None:
    assert verify(*chained(5)) == ()
    assert verify(*chained(KEPT + 7)) == ()
    assert verify(Links(), {}) == ()


def test_an_entry_is_bound_to_the_body_of_its_record_and_to_the_entry_before() -> None:
    links, _ = chained(4)

    first, *_ = links.entries
    assert first.chain_sha256 == sha256(first.body_sha256.encode()).hexdigest()
    for before, after in pairwise(links.entries):
        bound = before.chain_sha256 + after.body_sha256
        assert after.chain_sha256 == sha256(bound.encode()).hexdigest()


def test_an_edited_body_is_found_where_it_lies() -> None:
    links, records = chained(5)
    place = links.entries[2].place

    records[place] = records[place].replace(b'"run": 2', b'"run": 9')
    [found] = told(links, records)

    assert found[0] == "2.json"
    assert found[1].startswith("the body of this decision record was changed")


def test_an_edited_body_with_a_new_hash_is_found_where_it_lies() -> None:
    links, records = chained(5)
    place = links.entries[2].place
    envelope = DecisionRecord.from_json(records[place]).envelope

    records[place] = replace(decision(9), envelope=envelope).to_json()
    [found] = told(links, records)

    assert found[0] == "2.json"
    assert f"not {decision(2).sha256}" in found[1]


def test_a_body_edited_in_its_record_and_in_the_chain_is_found_by_what_follows() -> None:
    links, records = chained(5)
    new = decision(4)

    forged = edited(links, 1, body_sha256=new.sha256)
    assert told(forged, records)[0] == (
        "1.json",
        "it does not follow c/decisions/0.json: one was changed, dropped or moved",
    )

    first = links.entries[0].chain_sha256
    bound = sha256(f"{first}{new.sha256}".encode()).hexdigest()
    forged = edited(forged, 1, chain_sha256=bound, headline=new.headline)
    envelope = {**forged.envelope_of(forged.entries[1])}
    records[forged.entries[1].place] = replace(new, envelope=envelope).to_json()
    [found, *_] = told(forged, records)

    assert found == (
        "2.json",
        "it does not follow c/decisions/1.json: one was changed, dropped or moved",
    )


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_dropped_entry_is_found_where_it_is_missed(at: int) -> None:
    links, records = chained(5)

    places = [place for place, _ in told(without(links, at), records)]

    assert places[0] == f"{at + 1}.json"
    assert f"{at}.json" in places


def test_an_entry_dropped_from_the_end_is_found_by_its_record() -> None:
    links, records = chained(5)

    assert told(without(links, 4), records) == [
        ("4.json", "it follows c/decisions/3.json and is not in the chain")
    ]


def test_a_deleted_record_is_found_where_it_was() -> None:
    links, records = chained(5)
    del records[links.entries[2].place]

    [found] = told(links, records)

    assert found[0] == "2.json"
    assert found[1].startswith("its record is not there")


@pytest.mark.parametrize("at", [0, 2, 3])
def test_two_swapped_entries_are_found_where_they_are(at: int) -> None:
    links, records = chained(5)

    places = {place for place, _ in told(swapped(links, at), records)}

    assert {f"{at}.json", f"{at + 1}.json"} <= places
    assert f"{at - 1}.json" not in places


def test_two_swapped_records_are_found_where_they_are() -> None:
    links, records = chained(5)
    one, other = links.entries[1].place, links.entries[3].place

    records[one], records[other] = records[other], records[one]

    assert [place for place, _ in told(links, records)] == ["1.json", "3.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "REJECT"}, "the chain says REJECT: PROMOTE: run 2.; its record PROMOTE"),
        ({"headline": "all good"}, "the chain says PROMOTE: all good"),
        (
            {"decided_at": "2027"},
            "decided_at is 2026-01-01T00:00:02+00:00, and the chain's is 2027",
        ),
    ],
)
def test_an_entry_that_says_other_than_its_record_is_found(
    change: dict[str, str], said: str
) -> None:
    links, records = chained(5)

    [found] = verify(edited(links, 2, **change), records)

    assert found.place == "c/decisions/2.json"
    assert said in found.why


def test_strange_documents_beside_the_records_do_not_matter() -> None:
    links, records = chained(3)
    other = decision(8).enveloped({"decided_at": "noon"})  # of the command line, in no chain

    assert verify(links, {**records, "c/x.json": b"[]", "c/y.json": other.to_json()}) == ()


def test_a_long_chain_forgets_its_oldest_entries_and_still_follows_them() -> None:
    links, records = chained(KEPT + 3)

    assert len(links.entries) == KEPT
    assert links.before_place == "c/decisions/2.json"
    first = DecisionRecord.from_json(records[links.entries[0].place])
    before = DecisionRecord.from_json(records[links.before_place])
    assert first.envelope["previous"] == links.before_place
    assert first.envelope["previous_chain_sha256"] == before.envelope["chain_sha256"]
    assert told(replace(links, before_sha256="0" * 64), records)[0][0] == "3.json"


def test_a_record_tells_of_the_decisions_before_it() -> None:
    _, records = chained(HISTORY + 9)

    history = DecisionRecord.from_json(records[f"c/decisions/{HISTORY + 8}.json"]).envelope[
        "history"
    ]

    assert isinstance(history, list)
    assert len(history) == HISTORY
    assert history[-1] == {
        "decided_at": f"2026-01-01T00:00:{HISTORY + 8}+00:00",
        "verdict": "PROMOTE",
        "headline": f"PROMOTE: run {HISTORY + 8}.",
        "metric": "log_loss",
        "value": 0.4 + (HISTORY + 8) / 100,
        "low": 0.3,
        "high": 0.5,
    }


def test_the_same_decision_by_the_same_run_is_the_same_entry() -> None:
    links, _ = chained(5)

    assert bound(links, 3) == (links.entries[3], links)
    assert len(bound(links, 3, "another run")[1].entries) == 6
    assert len(bound(links, 7, "run 3")[1].entries) == 6


def test_a_chain_reads_back_as_it_was_written() -> None:
    for length in (0, 3, KEPT + 1):
        links, _ = chained(length)
        assert Links.from_json(links.to_json()) == links


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(b"gate.chain/1", b"gate.chain/2"), "newer version.*; upgrade"),
        (lambda text: text.replace(b'"before"', b'"after"'), "this chain of decisions is broken"),
        (lambda text: text.replace(b'"key"', b'"kei"'), "an entry of this chain .* is broken"),
        (lambda text: text.replace(b'"metric"', b'"meter"'), "a summary in this chain .* broken"),
        (lambda text: text[:-9], "a chain of decisions is JSON; this is not"),
    ],
)
def test_what_is_no_chain_of_ours_is_refused(change: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(GateError, match=said):
        Links.from_json(change(chained(2)[0].to_json()))
