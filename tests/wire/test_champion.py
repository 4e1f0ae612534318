"""What the champion record promises: nothing is lost in writing, and time goes one way."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import BadInput, PromotionFrozen, PromotionRefused
from airflow_aml_retrain.wire.champion import (
    Acceptance,
    ChampionRecord,
    Freeze,
    Model,
    Pending,
    from_json,
)

ENDPOINT = "azureml-studio://host/workspaces/w/webservices/s/endpoints/production"
OLD = Model(location="https://a/old.ilearner", data_cutoff="2026-08-01T00:00:00+00:00")
NEW = Model(location="https://a/new.ilearner", data_cutoff="2026-09-01T00:00:00+00:00")

texts = st.text(max_size=20)
models = st.builds(
    Model,
    **dict.fromkeys(
        (
            "location",
            "job",
            "archive",
            "sha256",
            "probes",
            "decision",
            "data_cutoff",
            "run_after",
            "approved_by",
        ),
        texts,
    ),
)
pendings = st.builds(Pending, candidate=models, before=models, owner=texts, since=texts)
records = st.builds(
    ChampionRecord,
    endpoint=texts,
    champion=st.none() | models,
    previous=st.none() | models,
    anchor=st.none() | models,
    pending=st.none() | pendings,
    freeze=st.none()
    | st.builds(Freeze, by=texts, at=texts, why=texts, owner=texts, target=st.none() | models),
    acceptance=st.none()
    | st.builds(Acceptance, by=texts, at=texts, why=texts, ended=st.none() | pendings),
)


@given(records)
def test_a_record_reads_back_as_it_was_written(record: ChampionRecord) -> None:
    assert from_json(record.to_json()) == record


def test_a_record_written_before_there_was_an_acceptance_is_read() -> None:
    said = json.loads(ChampionRecord(endpoint=ENDPOINT).to_json())
    del said["acceptance"]

    assert from_json(json.dumps(said).encode()) == ChampionRecord(endpoint=ENDPOINT)


@pytest.mark.parametrize(
    ("serves", "is_before", "previous"),
    [(NEW.location, False, OLD.location), (OLD.location, True, None), ("https://x", False, None)],
)
def test_a_person_s_word_ends_a_change_and_what_was_read_is_the_champion(
    serves: str, *, is_before: bool, previous: str | None
) -> None:
    word = Acceptance(by="a person", at="2026-11-01", why="seen by hand")
    begun = ChampionRecord(endpoint=ENDPOINT, champion=OLD).begun(
        replace(NEW, probes="a/b"), replace(OLD, probes="a/c"), owner="run", at="2026-10-01"
    )

    record = begun.accepted(serves, word, is_before=is_before)

    assert record.champion is not None
    assert (record.champion.location, record.champion.probes) == (serves, "")
    assert (record.previous.location if record.previous else None) == previous
    assert record.acceptance == replace(word, serves=serves, ended=begun.pending)
    assert record.pending is None


def test_a_record_of_another_version_is_refused_not_guessed_at() -> None:
    data = json.loads(ChampionRecord(endpoint=ENDPOINT).to_json())

    with pytest.raises(BadInput, match=r"expected .*champion/1.*got .*champion/9"):
        from_json(json.dumps({**data, "schema": "aml-retrain.champion/9"}).encode())


def test_a_record_from_before_there_were_approvals_is_read() -> None:
    record = ChampionRecord(endpoint=ENDPOINT, champion=NEW, anchor=OLD)
    data = json.loads(record.to_json())
    for model in (data["champion"], data["anchor"]):
        del model["approved_by"]

    assert from_json(json.dumps(data).encode()) == record


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema": "aml-retrain.champion/1"}'])
def test_what_is_no_record_is_an_error(data: bytes) -> None:
    with pytest.raises(BadInput):
        from_json(data)


def test_a_completed_change_remembers_what_served_before_and_the_first_as_anchor() -> None:
    record = ChampionRecord(endpoint=ENDPOINT)

    done = record.begun(NEW, OLD, owner="run", at="now").completed(at="later")

    assert done.champion == replace(NEW, promoted_at="later")
    assert done.previous == done.anchor == OLD
    assert done.pending is None


def test_the_anchor_is_the_last_model_that_a_person_approved() -> None:
    record = ChampionRecord(endpoint=ENDPOINT, champion=OLD, anchor=OLD)
    approved = replace(NEW, approved_by="ada")
    later = replace(NEW, location="https://a/later.ilearner")

    let_in = record.begun(approved, OLD, owner="run", at="now").completed(at="then")
    after = let_in.begun(later, approved, owner="run", at="now").completed(at="then")

    assert let_in.anchor == let_in.champion
    assert after.champion == replace(later, promoted_at="then")
    assert after.anchor == let_in.champion


def test_whoever_puts_a_model_back_takes_back_the_approval_of_the_one_after_it() -> None:
    approved = replace(NEW, approved_by="ada")
    freeze = Freeze(by="bob", at="noon", why="complaints", target=OLD)
    record = ChampionRecord(endpoint=ENDPOINT, champion=approved, anchor=approved, freeze=freeze)

    back = record.begun(OLD, approved, owner="run", at="now").completed(at="then")

    assert back.anchor == back.champion == replace(OLD, promoted_at="then")


def test_putting_a_model_back_leaves_an_older_anchor_alone() -> None:
    oldest = Model(location="https://a/oldest.ilearner")
    freeze = Freeze(by="bob", at="noon", why="complaints", target=OLD)
    record = ChampionRecord(endpoint=ENDPOINT, champion=NEW, anchor=oldest, freeze=freeze)

    back = record.begun(OLD, NEW, owner="run", at="now").completed(at="then")

    assert back.anchor == oldest


def test_an_undone_change_leaves_what_served_before() -> None:
    record = ChampionRecord(endpoint=ENDPOINT, champion=OLD)

    assert record.begun(NEW, OLD, owner="run", at="now").undone() == record


def test_an_older_candidate_is_refused_and_one_of_the_same_age_is_not() -> None:
    record = ChampionRecord(endpoint=ENDPOINT, champion=NEW)

    with pytest.raises(PromotionRefused, match="older"):
        record.refuse_unless_open_to(OLD)
    record.refuse_unless_open_to(NEW)


def test_of_two_runs_over_the_same_data_the_one_due_earlier_is_older() -> None:
    later = replace(NEW, run_after="2026-09-03")
    record = ChampionRecord(endpoint=ENDPOINT, champion=later)

    with pytest.raises(PromotionRefused, match="older"):
        record.refuse_unless_open_to(replace(NEW, run_after="2026-09-02"))


def test_a_time_without_a_zone_is_utc() -> None:
    record = ChampionRecord(endpoint=ENDPOINT, champion=NEW)

    record.refuse_unless_open_to(replace(NEW, data_cutoff="2026-09-01"))


def test_a_frozen_record_says_who_froze_it_and_why() -> None:
    record = ChampionRecord(endpoint=ENDPOINT, freeze=Freeze(by="ada", at="noon", why="review"))

    with pytest.raises(PromotionFrozen, match=r"noon by ada \(review\)"):
        record.refuse_unless_open_to(NEW)


@pytest.mark.parametrize("deed", ["completed", "undone"])
def test_ending_a_change_that_was_never_begun_is_our_bug(deed: str) -> None:
    record = ChampionRecord(endpoint=ENDPOINT)

    with pytest.raises(ValueError, match="no pending change"):
        record.completed(at="now") if deed == "completed" else record.undone()
