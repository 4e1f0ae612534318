"""What is promised of blob references: joined with care, their tokens passed through unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import BadInput, NoSuchName, WireError
from airflow_aml_retrain.wire.blobs import ModelBlob, blob_of, choose_model, reference_of
from airflow_aml_retrain.wire.secret import Secret

MODEL = ModelBlob("https://a.test/", "experimentoutput/m.ilearner", Secret("?sig=x"))
TABLE = ModelBlob("https://a.test/", "container/eval.csv")


@pytest.mark.parametrize("base", ["https://a.test", "https://a.test/"])
@pytest.mark.parametrize("relative", ["c/m.ilearner", "/c/m.ilearner"])
@pytest.mark.parametrize("sas", ["sv=1&sig=a%2Fb%3D", "?sv=1&sig=a%2Fb%3D"])
def test_the_three_parts_join_with_and_without_their_marks(
    base: str, relative: str, sas: str
) -> None:
    blob = blob_of({"BaseLocation": base, "RelativeLocation": relative, "SasBlobToken": sas})

    assert (blob.base, blob.relative) == ("https://a.test/", "c/m.ilearner")
    assert blob.location == "https://a.test/c/m.ilearner"
    assert blob.sas == Secret("?sv=1&sig=a%2Fb%3D")


@given(st.text(min_size=1))
def test_a_token_is_passed_through_unchanged(token: str) -> None:
    said = {"RelativeLocation": "c/m.ilearner", "SasBlobToken": f"?{token}"}

    assert reference_of(blob_of(said))["SasBlobToken"] == Secret(f"?{token}")


def test_unknown_members_are_ignored_and_missing_ones_are_empty() -> None:
    blob = blob_of({"RelativeLocation": "c/m.ilearner", "Kind": 7, "ConnectionString": "k"})

    assert blob == ModelBlob("", "c/m.ilearner")


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        {"RelativeLocation": None},
        {"RelativeLocation": ""},
        {"RelativeLocation": "c/b", "SasBlobToken": ["sig=secret"]},
        {"ConnectionString": "AccountKey=secret"},
    ],
)
def test_what_is_no_blob_reference_is_an_error_without_its_values(said: object) -> None:
    with pytest.raises(WireError) as caught:
        blob_of(said)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("outputs", [{"a": TABLE, "b": MODEL}, {"b": MODEL, "a": TABLE}])
def test_the_model_is_known_by_its_extension_and_not_by_its_position(
    outputs: dict[str, ModelBlob],
) -> None:
    assert choose_model(outputs) is MODEL


def test_the_model_can_be_named() -> None:
    assert choose_model({"one": MODEL, "two": TABLE}, "two") is TABLE


@pytest.mark.parametrize("outputs", [{}, {"a": TABLE}, {"a": MODEL, "b": MODEL}])
def test_no_model_or_several_are_an_error_that_lists_the_outputs(
    outputs: dict[str, ModelBlob],
) -> None:
    with pytest.raises(BadInput, match=r"expected one \.ilearner") as caught:
        choose_model(outputs)

    assert all(blob.relative in str(caught.value) for blob in outputs.values())


def test_an_unknown_output_is_an_error_that_names_those_that_exist() -> None:
    with pytest.raises(NoSuchName, match=r"no output named 'output1'.*: 'one'"):
        choose_model({"one": MODEL}, "output1")
