"""What is promised of driving: blocking or not, a conversation takes the same steps."""

import asyncio
from collections.abc import Iterable
from typing import Protocol, TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.client.drive import arun, run
from airflow_aml_retrain.errors import DeadlineExceeded, RetrainError, ServiceUnavailable
from airflow_aml_retrain.wire.bes import BatchExecution
from airflow_aml_retrain.wire.conversation import Conversation, Pause, Request, Response, pause
from airflow_aml_retrain.wire.jobs import JobId, JobReport, JobState, wait

BES, JOB = BatchExecution("https://bes.test/workspaces/w/services/s"), JobId("j1")
POLL = "GET https://bes.test/workspaces/w/services/s/jobs/j1?api-version=2.0"
T = TypeVar("T")
Answer = Response | ServiceUnavailable
AWAY = ServiceUnavailable("no answer")
BUSY = Response(503)


def saying(status: str) -> Response:
    return Response(200, f'{{"StatusCode": "{status}"}}'.encode())


class Stage:
    """A clock, a sleep and a transport in which no time passes but the one that is slept."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.now = 1000.0
        self.steps: list[str] = []
        self._answers = iter(answers)

    def send(self, request: Request) -> Response:
        self.steps.append(request.line)
        answer = next(self._answers)
        if isinstance(answer, ServiceUnavailable):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.steps.append(f"sleep {seconds:g}")
        self.now += seconds

    async def asend(self, request: Request) -> Response:
        return self.send(request)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def clock(self) -> float:
        return self.now


def run_on(stage: Stage, conversation: Conversation[T], until: float | None = None) -> T:
    return run(
        conversation,
        stage.send,
        until=until,
        clock=stage.clock,
        sleep=stage.sleep,
        spread=lambda: 0.0,
    )


def arun_on(stage: Stage, conversation: Conversation[T], until: float | None = None) -> T:
    coroutine = arun(
        conversation,
        stage.asend,
        until=until,
        clock=stage.clock,
        sleep=stage.asleep,
        spread=lambda: 0.0,
    )
    # Nothing in it really waits, so it needs no event loop and ends at the first step.
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    msg = "the stage never waits"
    raise AssertionError(msg)


BOTH = pytest.mark.parametrize("drive", [run_on, arun_on])


class Drive(Protocol):
    """`run_on` or `arun_on`."""

    def __call__(
        self, stage: Stage, conversation: Conversation[T], until: float | None = None
    ) -> T: ...


def outcome(drive: Drive, answers: list[Answer], until: float | None) -> tuple[list[str], str]:
    """The steps that waiting for a job takes, and what came of it."""
    stage = Stage([*answers, saying("Finished")])
    try:
        return stage.steps, repr(drive(stage, wait(BES, JOB, every=5), until))
    except RetrainError as exc:
        return stage.steps, repr(exc)


@given(
    st.lists(st.sampled_from([AWAY, BUSY, saying("Running"), saying("Paused"), Response(404)])),
    st.none() | st.floats(0.0, 2000.0),
)
def test_both_ways_take_the_same_steps_to_the_same_end(
    answers: list[Answer], until: float | None
) -> None:
    assert outcome(run_on, answers, until) == outcome(arun_on, answers, until)


@BOTH
def test_what_a_conversation_returns_is_returned(drive: Drive) -> None:
    stage = Stage([saying("Running"), AWAY, saying("Finished")])

    report = drive(stage, wait(BES, JOB, every=5))

    assert report == JobReport(JOB, JobState.SUCCEEDED)
    assert stage.steps == [POLL, "sleep 5", POLL, "sleep 1", POLL]


@BOTH
def test_a_pause_is_cut_short_at_the_deadline_for_one_last_look(drive: Drive) -> None:
    stage = Stage([saying("Running"), saying("Finished")])

    report = drive(stage, wait(BES, JOB, every=60), until=1010.0)

    assert report.state is JobState.SUCCEEDED
    assert stage.steps == [POLL, "sleep 10", POLL]


@BOTH
def test_a_wait_that_is_resumed_after_its_deadline_still_sees_the_end(drive: Drive) -> None:
    stage = Stage([saying("Finished")])

    assert drive(stage, wait(BES, JOB, every=5), until=1.0).state is JobState.SUCCEEDED


@BOTH
@pytest.mark.parametrize("answer", [saying("Running"), AWAY, BUSY])
def test_the_deadline_ends_every_wait_and_says_what_was_asked(drive: Drive, answer: Answer) -> None:
    stage = Stage([answer] * 1000)

    with pytest.raises(DeadlineExceeded, match=r"1970-01-01T00:17:40\+00:00 has passed.*GET http"):
        drive(stage, wait(BES, JOB, every=5), until=1060.0)

    assert stage.now == 1060.0


@BOTH
def test_a_conversation_that_ends_badly_has_cleaned_up(drive: Drive) -> None:
    cleaned: list[str] = []

    def conversation() -> Conversation[None]:
        try:
            yield from pause(5)
        finally:
            cleaned.append("yes")

    held = conversation()  # so that it is not the garbage collector who cleans up
    with pytest.raises(DeadlineExceeded):
        drive(Stage([]), held, until=0.0)

    assert cleaned == ["yes"]


@given(st.floats(0.0, 1.0, exclude_max=True), st.floats(0.1, 100.0))
def test_a_pause_is_spread_by_a_tenth_at_most(spread: float, seconds: float) -> None:
    slept: list[float] = []

    run(pause(seconds), Stage([]).send, sleep=slept.append, spread=lambda: spread)

    assert seconds <= slept[0] <= seconds * 1.1


async def test_cancelling_the_task_ends_the_conversation() -> None:
    cleaned = asyncio.Event()

    def conversation() -> Conversation[None]:
        try:
            while True:
                yield Pause(1000.0)
        finally:
            cleaned.set()

    task = asyncio.create_task(arun(conversation(), Stage([]).asend))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned.is_set()
