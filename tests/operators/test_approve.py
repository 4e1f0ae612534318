"""What `ApproveDecisionOperator` promises: who is asked, and what becomes of an answer."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from airflow.sdk import DAG, BaseNotifier, BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from sqlalchemy.exc import OperationalError

from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.gate.records.record import DecisionRecord
from airflow_aml_retrain.operators.approval import Answer, Matter
from airflow_aml_retrain.operators.approve import ApproveDecisionOperator
from airflow_aml_retrain.operators.patch import PatchEndpointOperator
from airflow_aml_retrain.wire.champion import ChampionRecord, Freeze
from tests.operators.decisions import CANDIDATE, dated, judged, left, record
from tests.operators.desk import Desk
from tests.world import SCORING, World, census_like


@pytest.fixture(scope="module")
def desk(world: World, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, f"approval-{uuid4().hex[:12]}") as desk:
        yield desk


@pytest.fixture
def records(desk: Desk) -> str:
    """Where the records of one test lie."""
    return f"{desk.container}/{uuid4().hex[:12]}"


def written(desk: Desk, records: str, verdict: str, **rules: str) -> str:
    decided = record(verdict, judged(desk.backend), rules=rules)
    return left(desk.world.store, f"{records}/decisions/one.json", decided)


def approving(desk: Desk, decision: str, **changes: Any) -> ApproveDecisionOperator:
    where = {
        "service": SCORING,
        "endpoint": desk.production,
        "records": decision.partition("/decisions/")[0],
    }
    return ApproveDecisionOperator(task_id="approve", decision=decision, **{**where, **changes})


def alone(operator: BaseOperator) -> DAG:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    dag = DAG(f"alone_{uuid4().hex[:12]}", schedule=None, start_date=start)
    dag.add_task(operator)
    return dag


class Person(BaseNotifier):
    """Somebody who is told that an answer is awaited, and gives it once the task has parked."""

    def __init__(self, over: Event, option: str, **form: str) -> None:
        super().__init__()
        self.over = over
        self.option = option
        self.form = form
        self.asked: dict[str, str] = {}

    def notify(self, context: Context) -> None:
        Thread(target=self._answer, args=(context["ti"].id,), daemon=True).start()

    def _answer(self, task: UUID) -> None:
        # `dag.test()` writes down that the task has parked once more than Airflow does, so an
        # answer can get lost. (And whoever writes while it writes is told that SQLite is locked.)
        while not self.over.wait(0.2):
            with suppress(OperationalError):
                self._look(task)

    def _look(self, task: UUID) -> None:
        """Do what Airflow's API does with an answer."""
        from airflow.models.hitl import HITLDetail
        from airflow.models.trigger import handle_event_submit
        from airflow.sdk import timezone
        from airflow.triggers.base import TriggerEvent
        from airflow.utils.session import create_session

        with create_session() as session:
            found = session.get_one(HITLDetail, task)
            if found.task_instance.state != "awaiting_input":
                return
            self.asked.update(subject=found.subject, body=str(found.body))
            found.responded_at, found.chosen_options = timezone.utcnow(), [self.option]
            found.responded_by, found.params_input = {"id": "1", "name": "ada"}, self.form
            event = TriggerEvent(found.as_resume_event_payload())
            handle_event_submit(event, task_instance=found.task_instance, session=session)


@pytest.fixture
def over() -> Iterator[Event]:
    """Set when the test is over, and nobody needs to answer any more."""
    over = Event()
    yield over
    over.set()


def test_a_decision_to_promote_passes_and_nobody_is_asked(desk: Desk, records: str) -> None:
    place = written(desk, records, "PROMOTE", on_inconclusive="ask")

    assert desk.run(alone(approving(desk, place))) == {"approve": "success"}
    assert desk.xcom("approve")["verdict"] == "PROMOTE"
    assert desk.xcom("approve", "decision") == place


@pytest.mark.parametrize(
    ("verdict", "rules"),
    [
        ("REJECT", {"on_inconclusive": "ask", "approval": "always"}),
        ("INVALID", {"on_inconclusive": "ask", "approval": "always"}),
        ("INCONCLUSIVE", {"approval": "always"}),
    ],
)
def test_where_the_champion_stays_anyhow_nobody_is_asked(
    desk: Desk, records: str, verdict: str, rules: dict[str, str]
) -> None:
    matter = Matter.open(approving(desk, written(desk, records, verdict, **rules)))

    with pytest.raises(AirflowSkipException, match=f"{verdict}: so it was decided"):
        assert matter.is_for_a_person


def test_a_dry_run_asks_nobody(
    desk: Desk, records: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = written(desk, records, "INCONCLUSIVE", on_inconclusive="ask")

    states = desk.run(alone(approving(desk, place, is_dry_run="True")))

    assert states == {"approve": "skipped"}
    assert desk.says(capsys, "dry run: would have asked a person")


@pytest.mark.parametrize(
    ("verdict", "rules"),
    [("INCONCLUSIVE", {"on_inconclusive": "ask"}), ("PROMOTE", {"approval": "always"})],
)
def test_an_approval_is_a_record_of_its_own_that_says_who_and_why(
    *, desk: Desk, records: str, over: Event, verdict: str, rules: dict[str, str]
) -> None:
    place = written(desk, records, verdict, **rules)
    person = Person(over, "Approve", why="tried it by hand")
    dag = alone(approving(desk, place, notifiers=[person]))

    states = desk.run(dag)

    approved = desk.xcom("approve")
    kept = DecisionRecord.from_json(desk.world.store.read(*split_path(approved["decision"])))
    report = approved["decision"].replace(".json", ".html")
    page = f"/aml-retrain/report/{dag.dag_id}/"
    assert states == {"approve": "success"}
    assert verdict in person.asked["subject"]
    assert page in person.asked["body"]
    assert approved["verdict"] == kept.verdict == "PROMOTE"
    assert kept.body["override"] == {
        "of": place,
        "of_sha256": record(verdict, judged(desk.backend), rules=rules).sha256,
        "verdict": verdict,
        "by": "ada",
        "why": "tried it by hand",
    }
    assert "ada" in desk.world.store.read(*split_path(report)).decode()
    assert page in desk.xcom("approve", "_link_ReportLink")


def test_a_person_s_rejection_skips_the_task_and_the_run_is_green(
    desk: Desk, records: str, over: Event, capsys: pytest.CaptureFixture[str]
) -> None:
    place = written(desk, records, "INCONCLUSIVE", on_inconclusive="ask")
    person = Person(over, "Reject", why="too little data")

    states = desk.run(alone(approving(desk, place, notifiers=[person])))

    assert states == {"approve": "skipped"}
    assert desk.runs[-1].state == "success"
    assert desk.says(capsys, "ada rejected it: too little data")


def refused(desk: Desk, records: str, champion: dict[str, str]) -> str:
    """Why an approval of a decision about *champion* fails."""
    decided = record("INCONCLUSIVE", champion, rules={"on_inconclusive": "ask"})
    place = left(desk.world.store, f"{records}/decisions/one.json", decided)
    matter = Matter.open(approving(desk, place))
    with pytest.raises(AirflowFailException) as refusal:
        # It is refused before anything is written, and so before the run is asked for its name.
        matter.approved(cast("Context", {}), Answer(is_approval=True, by="ada", why=""))
    return str(refusal.value)


def test_an_approval_is_refused_where_another_model_serves_by_now(desk: Desk, records: str) -> None:
    before = {**judged(desk.backend), "location": "https://account/archives/before.ilearner"}

    why = refused(desk, records, before)

    assert "the champion has changed since it was judged" in why
    assert before["location"] in why
    assert judged(desk.backend)["location"] in why


def test_an_approval_is_refused_where_the_champion_learned_from_newer_data(
    desk: Desk, records: str
) -> None:
    newer = dated(CANDIDATE, "2026-10-01T00:00:00+00:00")
    known = ChampionRecord(endpoint=desk.backend.uri, champion=newer)
    path = ChampionStore(desk.world.store, records).path(desk.backend.uri)
    desk.world.store.write(*path, known.to_json())

    assert "the candidate is older" in refused(desk, records, judged(desk.backend))


def test_an_approval_is_refused_for_another_endpoint_than_the_one_that_was_judged(
    desk: Desk, records: str
) -> None:
    another = {**judged(desk.backend), "endpoint": f"{desk.backend.uri}-of-somebody-else"}

    assert "the decision is about" in refused(desk, records, another)


@pytest.mark.parametrize("verdict", ["REJECT", "INCONCLUSIVE"])
def test_an_approval_is_refused_for_another_decision_than_the_one_that_was_shown(
    desk: Desk, records: str, verdict: str
) -> None:
    shown = record("INCONCLUSIVE", judged(desk.backend), rules={"on_inconclusive": "ask"})
    place = written(desk, records, verdict, on_inconclusive="ask", approval="always")
    event = {
        "chosen_options": ["Approve"],
        "responded_by_user": {"id": "1", "name": "ada"},
        "params_input": {},
    }

    with pytest.raises(AirflowFailException, match="not the one that was put before a person"):
        approving(desk, place).execute_complete(cast("Context", {}), event, shown.sha256)


def test_an_approval_waits_for_nobody_while_promotions_are_frozen(desk: Desk, records: str) -> None:
    frozen = Freeze(by="bob", at="noon", why="complaints")
    known = ChampionRecord(endpoint=desk.backend.uri, freeze=frozen)
    path = ChampionStore(desk.world.store, records).path(desk.backend.uri)
    desk.world.store.write(*path, known.to_json())
    place = written(desk, records, "INCONCLUSIVE", on_inconclusive="ask")
    matter = Matter.open(approving(desk, place))

    with pytest.raises(AirflowSkipException, match=r"frozen since noon by bob \(complaints\)"):
        matter.approved(cast("Context", {}), Answer(is_approval=True, by="ada", why=""))


def promoting(desk: Desk, decision: str) -> DAG:
    return alone(
        PatchEndpointOperator(
            task_id="promote",
            decision=decision,
            service=SCORING,
            endpoint=desk.production,
            records=decision.partition("/decisions/")[0],
            archives=desk.container,
            verify_timeout=5,
        )
    )


def test_a_promotion_that_nobody_approved_is_refused_where_the_policy_wants_that(
    desk: Desk, records: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = written(desk, records, "PROMOTE", approval="always")

    assert desk.run(promoting(desk, place)) == {"promote": "failed"}
    assert desk.says(capsys, "wants a person to approve every promotion")


def test_a_promotion_that_a_person_approved_makes_the_anchor(desk: Desk, records: str) -> None:
    model = desk.world.candidate("good", census_like(300), desk.container)
    challenger = dated(model, "2026-09-01T00:00:00+00:00")
    first = record("INCONCLUSIVE", judged(desk.backend), challenger)
    approved = first.overridden(by="ada", why="because", place="a/b")
    place = left(desk.world.store, f"{records}/decisions/one.json", approved)

    states = desk.run(promoting(desk, place))

    known = ChampionStore(desk.world.store, records).read(desk.backend.uri)
    assert states == {"promote": "success"}
    assert known.anchor == known.champion
    assert known.anchor is not None
    assert (known.anchor.location, known.anchor.approved_by) == (challenger.location, "ada")


def test_when_the_time_is_up_nobody_has_approved() -> None:
    late = {"chosen_options": ["Reject"], "responded_by_user": None, "params_input": {"why": ""}}

    answer = Answer.of({**late, "timedout": True})

    assert not answer.is_approval
    assert str(answer) == "nobody answered in time"


def test_what_is_no_answer_is_an_error() -> None:
    with pytest.raises(BadInput, match="expected a person's answer"):
        Answer.of({"error": "something", "error_type": "timeout"})
