"""A record says everything, says it the same way each time, and notices when it was changed."""

import json
from io import BytesIO
from typing import Any

import pytest

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.decision import Decision, evaluate, invalid
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.record import DecisionRecord

POLICY = Policy.parse(
    {"label": "y", "min_rows": 4, "checks": [{"metric": "auc", "vs": "champion"}]}
)
MODELS = {"champion": {"uri": "blob/old.ilearner"}, "challenger": {"uri": "blob/new.ilearner"}}
CHAMPION = b"y,Scored Probabilities\n0,.1\n1,.4\n0,.5\n1,.9\n"
CHALLENGER = b"y,Scored Probabilities\n0,.1\n1,.6\n0,.5\n1,.9\n"


def decision() -> Decision:
    return evaluate(BytesIO(CHAMPION), BytesIO(CHALLENGER), POLICY)


def record(**envelope: object) -> DecisionRecord:
    return DecisionRecord.of(decision(), models=MODELS, envelope=envelope)


def tampered(change: dict[str, Any]) -> bytes:
    document = json.loads(record().to_json())
    document.update(change)
    return json.dumps(document).encode()


def test_the_body_names_everything_that_the_decision_rests_on() -> None:
    body = json.loads(record().to_json())["body"]

    assert (body["verdict"], body["models"]) == ("PROMOTE", MODELS)
    assert body["headline"] == decision().headline
    assert body["reasons"] == [body["checks"][0]["reason"]]
    assert (body["policy"], body["policy_sha256"]) == (POLICY.to_mapping(), POLICY.sha256)
    assert body["holdout"]["rows"] == body["rows"] == 4
    assert body["holdout"]["id"].startswith("sha256:")
    assert body["checks"][0] == {
        "name": "auc vs champion, margin 0",
        "metric": "auc",
        "vs": "champion",
        "margin": 0.0,
        "champion": 0.75,
        "challenger": 1.0,
        "difference": 0.25,
        "outcome": "passed",
        "reason": "The challenger's AUC is 1, 0.25 better than the champion's 0.75; "
        "no worse is required.",
    }
    assert body["telling_rows"] == [2]
    assert body["estimates"]["accuracy"] == {
        "champion": 0.5,
        "challenger": 0.75,
        "difference": 0.25,
    }


def test_the_same_input_gives_the_same_body_whatever_the_envelope_says() -> None:
    one, other = record(decided_at="noon", run_id="a"), record(decided_at="night")

    assert one.body == other.body
    assert one.sha256 == other.sha256
    assert record(decided_at="noon").to_json() == record(decided_at="noon").to_json()


def test_a_record_reads_back_as_it_was_written() -> None:
    written = record(decided_at="noon", timings={"evaluate": 0.1})

    assert DecisionRecord.from_json(written.to_json()) == written


def test_an_invalid_decision_without_a_policy_has_a_record_too() -> None:
    written = DecisionRecord.of(invalid(None, "kein Maß"))

    body = DecisionRecord.from_json(written.to_json()).body

    assert (body["verdict"], body["policy"], body["reasons"]) == ("INVALID", None, ["kein Maß"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tampered({"schema": "gate.decision/2"}), "written as 'gate.decision/2' and we read"),
        (tampered({"body": {"verdict": "REJECT"}}), "the body of this decision record was changed"),
        (tampered({"body": None}), "not a decision record"),
        (b"[]", "not a decision record"),
        (b"\xff", "a decision record is JSON; this is not"),
        (b'{"schema": NaN}', "a decision record is JSON; this is not"),
    ],
    ids=["newer", "changed", "no body", "other JSON", "no JSON", "NaN"],
)
def test_what_is_no_record_of_ours_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(GateError, match=said):
        DecisionRecord.from_json(content)
