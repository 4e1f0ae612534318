"""What retraining many models in one task promises: failures alone, places, retries, kills."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.demo.processes import Supervisor
from airflow_aml_retrain.errors import ServiceUnavailable
from airflow_aml_retrain.operators import many_jobs as many_jobs_module
from airflow_aml_retrain.operators.many import RetrainManyOperator
from airflow_aml_retrain.operators.many_jobs import ManyJobs, by_name
from airflow_aml_retrain.operators.many_memory import ManyMemory, Noted, Stage
from airflow_aml_retrain.wire.conversation import Conversation
from airflow_aml_retrain.wire.jobs import JobId, JobReport
from airflow_aml_retrain.wire.verbs import Verbs
from tests.operators import attempt
from tests.operators.attempt import StateFile, Task
from tests.operators.desk import Desk
from tests.world import TRAINING, World, census_like

LIMIT: Final = 64 * 1024


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        desk.land("train.csv", census_like(80))
        yield desk
    world.emulator.control.clear_faults()


def model(desk: Desk, name: str, data: str = "train.csv") -> dict[str, Any]:
    return {"model": name, "inputs": {"input1": f"{desk.container}/landing/{data}"}}


def retraining(desk: Desk, models: Any, *, retries: int = 0, **changes: Any) -> DAG:
    dag_id, start = f"many_{desk.container}", datetime(2026, 1, 1, tzinfo=UTC)
    again = {"retries": retries, "retry_delay": timedelta(0)}
    with DAG(dag_id, schedule=None, start_date=start, default_args=again) as dag:
        RetrainManyOperator(
            task_id="many", models=models, service=TRAINING, **{"poll_interval": 0.1, **changes}
        )
    return dag


def made(desk: Desk, since: int) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = desk.world.emulator.control.jobs()
    return jobs[since:]


def now(desk: Desk) -> int:
    """How many jobs there have been."""
    return len(desk.world.emulator.control.jobs())


def becoming(desk: Desk) -> dict[str, str]:
    """By model, "retrained" or why it was not."""
    return {each["model"]: each["failure"] or "retrained" for each in desk.xcom("many")}


def test_each_model_is_retrained_by_a_job_of_its_own(desk: Desk) -> None:
    since = now(desk)

    states = desk.run(retraining(desk, [model(desk, name) for name in ("fr", "de", "it")]))

    retrained = desk.xcom("many")
    assert states == {"many": "success"}
    assert [each["model"] for each in retrained] == ["fr", "de", "it"]
    assert [job["started"] for job in made(desk, since)] == [1, 1, 1]
    assert {each["job"].rpartition("/")[2] for each in retrained} == {
        job["job_id"] for job in made(desk, since)
    }


def test_one_bad_model_stops_no_other_and_the_result_says_why(desk: Desk) -> None:
    desk.land("empty.csv", "")
    bad = [model(desk, "gone", "none.csv"), model(desk, "empty", "empty.csv")]
    unasked = [{"model": "asks for nothing"}, {"model": "asks oddly", "inputs": 7}]

    states = desk.run(retraining(desk, [*bad, *unasked, model(desk, "good")]))

    said = becoming(desk)
    assert states == {"many": "success"}
    assert said.pop("good") == "retrained"
    assert "BlobNotFound" in said.pop("gone")
    assert "empty" in said.pop("empty")
    assert "expected a mapping of texts" in said.pop("asks oddly")
    assert "BatchJobInputsNotSpecified" in said.pop("asks for nothing")
    assert said == {}


@pytest.mark.parametrize(
    ("fail_when", "good", "state"),
    [
        ("all", 0, "failed"),
        ("all", 1, "success"),
        ("any", 1, "failed"),
        ("never", 0, "success"),
    ],
)
def test_the_author_says_what_fails_the_task_and_the_result_is_there_all_the_same(
    desk: Desk, fail_when: str, good: int, state: str
) -> None:
    models = [model(desk, "bad", "none.csv"), *[model(desk, "good")][:good]]

    states = desk.run(retraining(desk, models, fail_when=fail_when))

    assert states == {"many": state}
    assert len(becoming(desk)) == len(models)


def test_a_retry_retrains_only_the_models_that_failed(desk: Desk) -> None:
    since = now(desk)
    desk.world.emulator.control.fail_next({"fail_job": "out of luck"})

    states = desk.run(
        retraining(desk, [model(desk, "a"), model(desk, "b")], retries=1, fail_when="any")
    )

    assert states == {"many": "success"}
    assert set(becoming(desk).values()) == {"retrained"}
    assert [job["started"] for job in made(desk, since)] == [1, 1, 1]


def test_no_more_jobs_are_under_way_than_there_are_places(desk: Desk) -> None:
    since = now(desk)
    models = json.dumps([model(desk, f"m{number}") for number in range(7)])

    states = desk.run(retraining(desk, models, max_active_jobs=2))

    jobs = made(desk, since)
    begun = [job["started_at"] for job in jobs]
    at_once = [sum(job["started_at"] <= time < job["ended_at"] for job in jobs) for time in begun]
    assert states == {"many": "success"}
    assert list(becoming(desk).values()) == ["retrained"] * 7
    assert max(at_once) <= 2


def test_once_time_is_up_nothing_is_begun(desk: Desk) -> None:
    since = now(desk)
    models = [model(desk, name) for name in ("a", "b", "c")]

    states = desk.run(retraining(desk, models, max_active_jobs=2, timeout=-1.0))

    assert states == {"many": "failed"}
    assert ["not by the deadline" in why for why in becoming(desk).values()] == [True] * 3
    assert made(desk, since) == []


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ("{}", "expected a list of mappings"),
        (None, "expected a list of mappings"),
        ([{"model": "a"}, {"model": "a"}], "of its own"),
        ([{"inputs": {}}], "expected a mapping with a 'model'"),
    ],
)
def test_models_that_cannot_be_told_apart_are_refused_before_anything_is_made(
    desk: Desk, capsys: pytest.CaptureFixture[str], models: Any, why: str
) -> None:
    since = now(desk)

    assert desk.run(retraining(desk, models)) == {"many": "failed"}
    assert desk.says(capsys, why)
    assert made(desk, since) == []


class Busy:
    """
    The verbs of a service that has no time for some of what it is asked.

    *away* are its submits, by their number; *unasked* and *unheard* its starts, by their number:
    of the first it hears nothing, and to the second it only gives no answer; *unseen* its looks.
    """

    def __init__(self, verbs: Verbs, **away: set[int]) -> None:
        self._verbs = verbs
        self._away = away
        self._asked = Counter[str]()

    def submit(self, inputs: Any, parameters: Any) -> Conversation[JobId]:
        self._ask("submit", "away")
        return (yield from self._verbs.submit(inputs, parameters))

    def start(self, job: JobId) -> Conversation[None]:
        self._ask("start", "unasked")
        yield from self._verbs.start(job)
        self._answer("start", "unheard")

    def poll(self, job: JobId) -> Conversation[JobReport]:
        self._ask("poll", "unseen")
        return (yield from self._verbs.poll(job))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._verbs, name)

    def _ask(self, what: str, how: str) -> None:
        self._asked[what] += 1
        self._answer(what, how)

    def _answer(self, what: str, how: str) -> None:
        if self._asked[what] in self._away.get(how, set()):
            msg = "gave up after 600 s"
            raise ServiceUnavailable(msg)


def many_jobs(desk: Desk, store: StateFile, **away: set[int]) -> ManyJobs:
    """Four models, with a service that is away for some of what it is asked."""
    context: Any = {"task_state_store": store, "ti": Task()}
    backend = desk.world.backend(TRAINING)
    busy: Any = Busy(backend.verbs, **away)
    models = by_name([model(desk, name) for name in ("a", "b", "c", "d")])
    return ManyJobs(replace(backend, verbs=busy), desk.world.store, ManyMemory(context), models)


def failed(jobs: ManyJobs) -> list[str]:
    return [model for model, noted in jobs.outcomes().items() if noted.failed]


def test_one_model_that_the_service_has_no_time_for_is_that_model_s_failure(
    desk: Desk, tmp_path: Path
) -> None:
    jobs = many_jobs(desk, StateFile(tmp_path / "state"), away={2, 4})

    jobs.submit(40)

    assert list(jobs.under_way) == ["a", "c"]
    assert jobs.left == []


def test_two_one_after_the_other_are_an_outage_from_which_the_next_try_goes_on(
    desk: Desk, tmp_path: Path
) -> None:
    store, since = StateFile(tmp_path / "state"), now(desk)
    with pytest.raises(ServiceUnavailable):
        many_jobs(desk, store, away={2, 3}).submit(40)

    again = many_jobs(desk, store)
    again.take_up()
    again.submit(40)

    assert failed(again) == []
    assert [job["started"] for job in made(desk, since)] == [1, 1, 1, 1]


def test_one_job_that_cannot_be_started_is_cancelled_and_stops_no_other(
    desk: Desk, tmp_path: Path
) -> None:
    jobs, since = many_jobs(desk, StateFile(tmp_path / "state"), unasked={2, 4}), now(desk)

    jobs.submit(40)

    assert list(jobs.under_way) == ["a", "c"]
    assert failed(jobs) == ["b", "d"]
    assert [job["started"] for job in made(desk, since)] == [1, 0, 1, 0]
    assert [job["status"] for job in made(desk, since)][1::2] == ["Cancelled", "Cancelled"]


def test_one_that_was_started_and_never_heard_of_is_awaited(desk: Desk, tmp_path: Path) -> None:
    jobs, since = many_jobs(desk, StateFile(tmp_path / "state"), unheard={2}), now(desk)

    jobs.submit(40)

    assert list(jobs.under_way) == ["a", "b", "c", "d"]
    assert [job["started"] for job in made(desk, since)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "away", [{"unasked": {2, 3}}, {"unasked": {2}, "unseen": {1}}, {"away": {3}, "unasked": {2}}]
)
def test_starts_are_counted_as_submits_are_and_the_next_try_starts_what_is_left(
    desk: Desk, tmp_path: Path, away: dict[str, set[int]]
) -> None:
    store, since = StateFile(tmp_path / "state"), now(desk)
    with pytest.raises(ServiceUnavailable):
        many_jobs(desk, store, **away).submit(40)

    again = many_jobs(desk, store)
    again.take_up()
    again.submit(40)

    assert failed(again) == []
    assert sum(job["started"] for job in made(desk, since)) == len(again.wishes)


def test_one_job_that_cannot_be_looked_at_is_awaited_and_stops_no_other(
    desk: Desk, tmp_path: Path
) -> None:
    store, since = StateFile(tmp_path / "state"), now(desk)
    many_jobs(desk, store).submit(2)

    again = many_jobs(desk, store, unseen={1})
    again.take_up()
    again.submit(40)

    assert "a" in again.under_way
    assert failed(again) == again.left == []
    assert [job["started"] for job in made(desk, since)] == [1, 1, 1, 1]


def test_two_one_after_the_other_that_cannot_be_looked_at_are_an_outage(
    desk: Desk, tmp_path: Path
) -> None:
    store = StateFile(tmp_path / "state")
    many_jobs(desk, store).submit(2)

    again = many_jobs(desk, store, unseen={1, 2})

    with pytest.raises(ServiceUnavailable):
        again.take_up()
    assert list(again.under_way) == ["a", "b"]


@pytest.mark.parametrize(("retries", "retrained"), [(0, ["a", "b"]), (1, ["a", "b", "c", "d"])])
def test_an_outage_is_for_the_next_try_and_in_the_last_one_what_is_under_way_is_awaited(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, retries: int, retrained: list[str]
) -> None:
    backend = desk.world.backend(TRAINING)
    busy: Any = Busy(backend.verbs, away={3, 4})
    backend = replace(backend, verbs=busy)
    monkeypatch.setattr(many_jobs_module, "backend_for", lambda *_: backend)
    since = now(desk)

    states = desk.run(retraining(desk, [model(desk, name) for name in "abcd"], retries=retries))

    assert states == {"many": "success"}
    assert [each["model"] for each in desk.xcom("many") if each["job"]] == retrained
    assert [job["started"] for job in made(desk, since)] == [1] * len(retrained)


def made_ready(desk: Desk, jobs: ManyJobs, *models: str) -> None:
    """Create and remember a job for each of *models*, and start none: so it waits for ever."""
    blob = desk.world.store.reference(desk.container, "landing/train.csv")
    for name in models:
        job = jobs.backend.run(jobs.backend.verbs.submit({"input1": blob}, {}))
        jobs.memory.remember(name, Noted(job))


def test_what_has_not_ended_in_time_is_cancelled_and_the_rest_is_not_begun(
    desk: Desk, tmp_path: Path
) -> None:
    jobs, since = many_jobs(desk, StateFile(tmp_path / "state")), now(desk)
    made_ready(desk, jobs, "a", "b")

    jobs.give_up("not by the deadline")
    jobs.submit(40)

    assert [job["status"] for job in made(desk, since)] == ["Cancelled", "Cancelled"]
    assert [noted.why for noted in jobs.outcomes().values()] == ["not by the deadline"] * 4


def test_jobs_that_were_stopped_are_cancelled_and_the_next_try_takes_up_none_of_them(
    desk: Desk, tmp_path: Path
) -> None:
    store, since = StateFile(tmp_path / "state"), now(desk)
    jobs = many_jobs(desk, store)
    made_ready(desk, jobs, "a", "b")

    jobs.cancel()
    again = many_jobs(desk, store)
    again.take_up()

    assert [job["status"] for job in made(desk, since)] == ["Cancelled", "Cancelled"]
    assert again.left == ["a", "b", "c", "d"]
    assert not again.memory.cancelling


@pytest.fixture
def trying(desk: Desk, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Begin a try of three models in a process of its own, over one task state store."""
    models = json.dumps([model(desk, name) for name in ("a", "b", "c")])
    command = [sys.executable, "-m", attempt.__name__, str(tmp_path / "state"), models]
    begun: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))  # noqa: S603 - ours
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


KILLS: Final = {
    "before it is remembered": ({"delay": 3}, "/jobs"),
    "before it is started": ({"delay": 3}, "/start"),
    "as it was started": ({"status": 500, "after": True}, "/start"),
}


@pytest.mark.parametrize("moment", KILLS)
def test_whenever_a_worker_is_killed_each_model_has_one_job_that_ever_starts(
    desk: Desk, supervisor: Supervisor, trying: Callable[[], subprocess.Popen[str]], moment: str
) -> None:
    control, since = desk.world.emulator.control, now(desk)
    fault, path = KILLS[moment]
    control.fail_next(fault, plane="jobs", method="POST", path=path)

    first = trying()
    supervisor.wait_for("the fault", lambda: not control.faults() or None, timeout=60)
    first.kill()
    said, _ = trying().communicate(timeout=60)

    ran = {job["job_id"]: job["started"] for job in made(desk, since) if job["started"]}
    assert list(ran.values()) == [1, 1, 1], said
    # What had ended before it was taken up is not waited for.
    assert set(json.loads(said.splitlines()[-1])) <= set(ran)


def test_a_thousand_models_are_remembered_in_values_that_airflow_allows() -> None:
    class Store(dict[str, Any]):
        """A task state store that knows the largest value it was given."""

        largest = 0

        def set(self, key: str, value: Any, *, retention: Any) -> None:
            self.largest = max(self.largest, len(json.dumps(value)))
            self[key] = value

    context: Any = {"task_state_store": Store(), "ti": Task()}
    memory = ManyMemory(context)
    names = [f"{'Ünïted' * 20} {number}" for number in range(1000)]

    for number, name in enumerate(names):
        memory.remember(name, Noted(JobId(f"{number:032}")))
        memory.remember(name, Noted(JobId(f"{number:032}"), Stage.FAILED, '"\\' * 1000))

    assert context["task_state_store"].largest < LIMIT
    assert list(ManyMemory(context).all()) == names
    assert {noted.stage for noted in ManyMemory(context).all().values()} == {Stage.FAILED}
