"""What it takes to be seen serving: read-back and answers, steadily, and within the time given."""

from typing import Any

import pytest

from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.wire.classic import ClassicVerbs
from airflow_aml_retrain.wire.proof import (
    Probe,
    Proof,
    probes_from_json,
    probes_to_json,
    scored_columns,
    seen_serving,
)
from tests.wire.rehearsal import Answer, answered, refused, rehearse

API = "https://ussouthcentral.services.azureml.net/workspaces/w/services/e"
ENDPOINT = "https://management.azureml.net/workspaces/w/webservices/s/endpoints/production"
VERBS = ClassicVerbs(API, ENDPOINT)
RESOURCE = "Census\u00a0[trained model]"
NEW, OLD = "https://a.blob/models/new.ilearner", "https://a.blob/models/old.ilearner"
PROBES = [Probe({"age": "39"}, {"Scored Labels": ">50K", "Scored Probabilities": "0.75"})]


def serving(location: str) -> Answer:
    base, _, relative = location.partition("models/")
    blob = {"BaseLocation": base, "RelativeLocation": f"models/{relative}", "SasBlobToken": None}
    return answered(
        {
            "Name": "production",
            "ApiLocation": API,
            "Resources": [{"Name": RESOURCE, "Kind": "TrainedModel", "Location": blob}],
        }
    )


def saying(probability: str) -> Answer:
    columns = ["age", "Scored Labels", "Scored Probabilities"]
    table = {"ColumnNames": columns, "Values": [["39", ">50K", probability]]}
    return answered({"Results": {"output1": {"type": "table", "value": table}}})


def look(answers: list[Answer], **changes: Any) -> tuple[Proof, list[str]]:
    steps: list[str] = []
    conversation = seen_serving(
        VERBS,
        **{
            "resource": RESOURCE,
            "location": NEW,
            "probes": PROBES,
            "every": 2,
            "within": 6,
            **changes,
        },
    )
    return rehearse(conversation, answers, steps), steps


def test_an_endpoint_serves_when_read_back_and_answers_agree_twice_in_a_row() -> None:
    proof, steps = look([serving(NEW), saying("0.75"), serving(NEW), saying("0.75")])

    assert proof == Proof(by_location=True, by_answers=True)
    assert proof.is_proven
    assert [step.split("/")[-1] for step in steps].count("pause 2") == 1


def test_read_back_that_names_another_model_is_waited_out_and_then_disagrees() -> None:
    proof, steps = look([serving(OLD)] * 4)

    assert not proof.holds
    assert f"names {OLD}" in proof.why
    assert steps.count("pause 2") == 3


def test_answers_of_the_old_model_disagree_even_when_read_back_agrees() -> None:
    proof, _ = look([serving(NEW), saying("0.25")] * 4)

    assert not proof.holds
    assert "1 of 1 probe rows" in proof.why


def test_old_and_new_answering_in_turn_is_not_serving() -> None:
    turns = [serving(NEW), saying("0.75"), serving(NEW), saying("0.25")] * 2
    proof, _ = look(turns)

    assert not proof.holds


def test_a_model_that_cannot_answer_the_rows_is_not_serving() -> None:
    cannot = refused(400, "ModuleExecutionError", "Column age is missing.")
    proof, _ = look([serving(NEW), cannot] * 4)

    assert not proof.holds
    assert "Column age is missing" in proof.why


def test_without_telling_rows_read_back_decides_and_nothing_is_proven() -> None:
    proof, _ = look([serving(NEW)], probes=[])

    assert proof.holds
    assert not proof.is_proven


def test_with_neither_witness_nothing_holds() -> None:
    assert not Proof(None, None).holds


def test_numbers_may_differ_by_a_part_in_a_million_and_no_more() -> None:
    probe = PROBES[0]

    assert probe.agrees({"Scored Labels": ">50K", "Scored Probabilities": "0.7500000001"})
    assert not probe.agrees({"Scored Labels": ">50K", "Scored Probabilities": "0.75001"})
    assert not probe.agrees({"Scored Labels": "<=50K", "Scored Probabilities": "0.75"})
    assert not probe.agrees({"Scored Labels": ">50K"})


def test_probes_read_back_as_they_were_written() -> None:
    assert probes_from_json(probes_to_json(PROBES)) == PROBES


@pytest.mark.parametrize("data", [b"{}", b"[1]", b'[{"row": {}}]'])
def test_what_are_no_probes_is_an_error(data: bytes) -> None:
    with pytest.raises(BadInput, match="expected a"):
        probes_from_json(data)


def test_a_scored_row_without_scored_columns_is_an_error_that_names_the_columns() -> None:
    assert scored_columns({"age": "1", "Scored Labels": "x"}) == {"Scored Labels": "x"}
    with pytest.raises(BadInput, match="age"):
        scored_columns({"age": "1"})
