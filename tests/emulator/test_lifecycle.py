"""What is promised of a job's life: five words, one table, and an end that stays an end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.emulator.lifecycle import LIFECYCLE, Event, IllegalMove, Status, after


def _lived(events: list[Event]) -> list[Status]:
    lived = [Status.NOT_STARTED]
    for event in events:
        try:
            lived.append(after(lived[-1], event))
        except IllegalMove:
            lived.append(lived[-1])
    return lived


def test_the_words_are_those_of_the_service() -> None:
    words = [str(status) for status in Status]

    assert words == ["NotStarted", "Running", "Failed", "Cancelled", "Finished"]


@given(st.lists(st.sampled_from(Event)))
def test_no_sequence_of_events_leaves_a_final_status(events: list[Event]) -> None:
    lived = _lived(events)

    ends = [number for number, status in enumerate(lived) if status.is_final]
    assert all(lived[number] == lived[-1] for number in ends)


@given(st.lists(st.sampled_from(Event)))
def test_nothing_finishes_or_fails_that_was_not_running(events: list[Event]) -> None:
    lived = _lived(events)

    for before, now in itertools.pairwise(lived):
        if now is not before and now in {Status.FINISHED, Status.FAILED}:
            assert before is Status.RUNNING


def test_a_move_without_a_row_is_refused() -> None:
    for status in Status:
        for event in Event:
            if (status, event) not in LIFECYCLE:
                with pytest.raises(IllegalMove, match=status):
                    after(status, event)
