"""A record says the same in the same bytes, keeps to its schema, and notices a change."""

import json
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.holdout.ledger import Use
from airflow_aml_retrain.gate.records.record import SCHEMA, DecisionRecord
from airflow_aml_retrain.gate.text import lines
from airflow_aml_retrain.gate.verdict import Outcome, Verdict
from tests.gate.bodies import BODIES, envelope

PUBLISHED = json.loads(
    (files("airflow_aml_retrain.gate.records") / "decision_schema.json").read_text(encoding="utf-8")
)
BODY: dict[str, object] = {
    "verdict": Verdict.INCONCLUSIVE,
    "headline": "INCONCLUSIVE: the AUC may be worse by kein Maß.",
    "reasons": ["The AUC may be worse."],
    "deciding_check": "auc vs champion",
    "guarantee": None,
    "next_step": "Label more rows.",
    "rows_needed": 4000,
    "gate": "census",
    "policy": {"gate": "census"},
    "policy_sha256": "a" * 64,
    "models": {"champion": {"location": "blob/old"}, "challenger": {"location": "blob/new"}},
    "data": None,
    "preconditions": [],
    "checks": [],
    "estimates": [
        {
            "metric": "auc",
            "title": "AUC",
            "higher_is_better": True,
            "champion": 0.1 + 0.2,
            "challenger": np.float64(0.75),
            "anchor": float("nan"),
            "difference": 0.45,
            "low": float("-inf"),
            "high": 1.0,
        }
    ],
    "slices": (),
    "flips": None,
    "calibration": None,
    "curves": {"classes": ("a", "b"), "confusion": {"champion": [[1, 2], [3, 4]]}},
    "holdout_budget": Use.fresh(0.05).to_mapping(),
    "telling_rows": [3, 1],
    "override": None,
}
TEXT = st.text(st.characters(), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(TEXT, parts, max_size=3),
    max_leaves=12,
)


def record(**change: object) -> DecisionRecord:
    return DecisionRecord({**BODY, **change}, {"decided_at": "noon"})


def faults(content: bytes) -> list[str]:
    validator = Draft202012Validator(PUBLISHED)
    return [error.json_path for error in validator.iter_errors(json.loads(content))]


def tampered(**change: object) -> bytes:
    document: dict[str, Any] = json.loads(record().to_json())
    return json.dumps({**document, **change}).encode()


@given(VALUES)
def test_a_record_reads_back_as_it_was_written_and_is_written_the_same_again(value: object) -> None:
    written = record(policy={"value": value})

    read = DecisionRecord.from_json(written.to_json())

    assert read == written
    assert (read.sha256, read.to_json()) == (written.sha256, written.to_json())


def test_the_same_input_gives_the_same_bytes_of_the_body_whatever_the_envelope_says() -> None:
    reordered = dict(reversed(BODY.items()))
    one, other = DecisionRecord(BODY, {"run_id": "a"}), DecisionRecord(reordered, {"run_id": "b"})

    assert one.sha256 == other.sha256
    assert one.enveloped({"run_id": "c"}).to_json() == other.enveloped({"run_id": "c"}).to_json()
    assert record(rows_needed=4001).sha256 != one.sha256


def test_the_hash_is_that_of_a_way_of_writing_that_others_can_follow() -> None:
    body = {"verdict": "REJECT", "headline": "Maß", "models": {}, "value": 1e-7}

    assert DecisionRecord(body).sha256 == (
        "5e3d993962582d2b1d798755bef586afde41870842b70820c8ca651b4da957d4"
    )


def test_what_json_cannot_hold_is_null() -> None:
    estimate = json.loads(record().to_json())["body"]["estimates"][0]

    assert (estimate["anchor"], estimate["low"], estimate["high"]) == (None, None, 1.0)
    assert estimate["champion"] == 0.1 + 0.2
    assert record(gate="caf\ud800").body["gate"] == "caf?"


@pytest.mark.parametrize("strange", [{1, 2}, b"bytes", np.int64(3), {3: "a number for a key"}])
def test_what_is_no_json_at_all_is_our_own_fault(strange: object) -> None:
    with pytest.raises(TypeError, match="a document"):
        record(policy={"value": strange})


def test_a_record_keeps_to_the_published_schema() -> None:
    Draft202012Validator.check_schema(PUBLISHED)

    assert faults(record().to_json()) == []
    assert PUBLISHED["properties"]["schema"]["const"] == SCHEMA
    assert set(PUBLISHED["$defs"]["verdict"]["enum"]) == set(Verdict)
    assert set(PUBLISHED["$defs"]["outcome"]["enum"]) == set(Outcome)


@pytest.mark.parametrize(
    "name", sorted(BODIES.keys() - {"hostile", "many slices", "twenty classes"})
)
def test_every_kind_of_body_keeps_to_the_published_schema(name: str) -> None:
    assert faults(DecisionRecord(BODIES[name](), envelope()).to_json()) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"verdict": "MAYBE"}, "$.body.verdict"),
        ({"mood": "good"}, "$.body"),
        ({"reasons": []}, "$.body.reasons"),
        ({"holdout_budget": {"use_number": 0}}, "$.body.holdout_budget"),
        (
            {"override": {"of": "a/b.json", "of_sha256": "?", "by": "", "why": ""}},
            "$.body.override",
        ),
        ({"estimates": [{"metric": "auc"}]}, "$.body.estimates[0]"),
        ({"telling_rows": ["7"]}, "$.body.telling_rows[0]"),
    ],
)
def test_the_schema_does_not_let_everything_through(change: dict[str, Any], where: str) -> None:
    assert where in faults(record(**change).to_json())


def test_a_person_s_decision_is_a_new_record_that_names_the_old_one() -> None:
    old = record()

    new = old.overridden(by="ann", why="the campaign starts", place="c/decisions/1.json")

    assert new.verdict is Verdict.PROMOTE
    assert new.headline == f"PROMOTE: let in by ann; the gate said {old.headline}"
    assert new.body["override"] == {
        "of": "c/decisions/1.json",
        "of_sha256": old.sha256,
        "verdict": "INCONCLUSIVE",
        "by": "ann",
        "why": "the campaign starts",
    }
    said = ("verdict", "headline", "reasons", "next_step", "rows_needed", "override")
    assert {**new.body, **dict.fromkeys(said)} == {**old.body, **dict.fromkeys(said)}
    assert (old.verdict, new.envelope) == (Verdict.INCONCLUSIVE, {})
    assert faults(new.to_json()) == []


def test_what_a_person_lets_in_waits_for_nothing_that_the_gate_asked_for() -> None:
    old = record(guarantee="At most 0.05.", deciding_check=None)

    new = old.overridden(by="ann", why="the campaign starts", place="c/decisions/1.json").body

    assert new["reasons"] == ["ann let it in: the campaign starts"]
    assert (new["rows_needed"], new["guarantee"]) == (None, None)
    assert list(lines({**new, "estimates": []}))[-1] == "The challenger may go into service."


def test_what_the_gate_would_promote_a_person_approves() -> None:
    old = record(verdict="PROMOTE", guarantee="At most 0.05.", next_step="It may go.")
    approved = old.overridden(by="ann", why="", place="c/1.json")

    kept = ("reasons", "guarantee", "next_step", "rows_needed")
    assert [approved.body[key] for key in kept] == [old.body[key] for key in kept]
    assert approved.headline.startswith("PROMOTE: approved by ann; the gate said ")


@pytest.mark.parametrize(
    ("verdict", "by", "said"),
    [
        ("INVALID", "ann", "c/1.json is INVALID and cannot be overridden"),
        ("REJECT", " ", "say who"),
    ],
)
def test_nobody_overrides_and_nothing_invalid_is(verdict: str, by: str, said: str) -> None:
    with pytest.raises(GateError, match=said):
        record(verdict=verdict).overridden(by=by, why="", place="c/1.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            tampered(schema="gate.decision/1"),
            r"written as 'gate.decision/1', which .* no longer reads \(it reads 'gate.decision/2'",
        ),
        (tampered(schema="gate.decision/3"), "newer version, as 'gate.decision/3'.*; upgrade"),
        (tampered(schema="gate.ledger/1"), "not a decision record of schema 'gate.decision/2'"),
        (tampered(body={**record().body, "rows_needed": 3}), "the body of this .* was changed"),
        (tampered(body=None), "not a decision record"),
        (tampered(body={**record().body, "verdict": "MAYBE"}), "not a decision record"),
        (b"[]", "not a decision record"),
        (b"\xff", "a decision record is JSON; this is not"),
        (b'{"schema": NaN}', "a decision record is JSON; this is not"),
    ],
    ids=["older", "newer", "other", "changed", "no body", "verdict", "list", "no JSON", "NaN"],
)
def test_what_is_no_record_of_ours_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(GateError, match=said):
        DecisionRecord.from_json(content)
