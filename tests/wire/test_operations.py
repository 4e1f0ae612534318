"""What is promised of operations: a word decides, a percentage never, and a failure is told."""

from typing import Any

import pytest

from airflow_aml_retrain.errors import UpdateFailed, WireError
from airflow_aml_retrain.wire.operations import WORDS, Progress, has_ended, progress_of


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_read_without_case(word: str) -> None:
    assert progress_of(word.upper()) is progress_of(word.lower()) is WORDS[word]


def test_a_word_that_nobody_documented_is_an_error_not_another_poll() -> None:
    with pytest.raises(WireError, match="'Paused', is not one of Canceled, Failed, Provisioning"):
        progress_of("Paused")


@pytest.mark.parametrize("said", [{}, [], None, {"percentComplete": 1.0}, {"status": 3}])
def test_an_operation_without_a_word_is_an_error(said: object) -> None:
    with pytest.raises(WireError):
        has_ended(said, "it")


def test_a_hundred_percent_is_not_the_end_and_eighty_eight_can_be() -> None:
    assert not has_ended({"status": "Provisioning", "percentComplete": 1.0}, "it")
    assert has_ended({"status": "Succeeded", "percentComplete": 0.8888888888888888}, "it")


def test_the_word_of_the_specification_is_read_where_the_one_of_the_wire_is_missing() -> None:
    assert has_ended({"provisioningState": "Succeeded"}, "it")
    assert has_ended({"Status": "Succeeded", "provisioningState": "Provisioning"}, "it")
    assert not has_ended({"provisioningState": "Unknown"}, "it")


@pytest.mark.parametrize("shape", ["errorInfo", "error", "ErrorInfo"])
def test_a_failure_is_told_in_either_shape(shape: str) -> None:
    error = {
        "code": "BadRequest",
        "message": "The request is invalid.",
        "details": [{"code": "ModelNotFound", "message": "No blob at sig=abc", "details": []}],
    }

    with pytest.raises(UpdateFailed) as caught:
        has_ended({"status": "Failed", "percentComplete": 1.0, shape: error}, "web service g/n")

    assert str(caught.value) == (
        "the update of web service g/n failed: BadRequest: The request is invalid. "
        "[ModelNotFound: No blob at sig=***]"
    )


@pytest.mark.parametrize("error", [None, "text", {"details": "none"}, []])
def test_a_failure_without_a_reason_is_a_failure_all_the_same(error: Any) -> None:
    with pytest.raises(UpdateFailed, match="the service gave no reason"):
        has_ended({"status": "Failed", "error": error}, "it")


def test_a_cancelled_operation_has_failed() -> None:
    assert progress_of("Canceled") is Progress.CANCELLED
    with pytest.raises(UpdateFailed, match="was cancelled"):
        has_ended({"status": "Canceled"}, "it")
