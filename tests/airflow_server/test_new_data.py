"""
Data that lands wakes the example DAG, with a real scheduler and a real triggerer.

Three batches land faster than one run learns, so that Airflow merges their events as it likes. The
triggerer is killed when it has written down the second and Airflow has not stored its event yet;
all that is promised is promised over that.
"""

import json
import math
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.consumption import Consumption
from airflow_aml_retrain.client.errands import run as running
from airflow_aml_retrain.client.staging import place, see_answering
from airflow_aml_retrain.demo import story
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import LABEL, census
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.live import FINAL, LiveAirflow
from airflow_aml_retrain.demo.workspace import PRODUCTION, SCORING, CensusWorkspace

if TYPE_CHECKING:
    from airflow_aml_retrain.demo.rest import Json

DAG_ID: Final = "retrain_on_new_data"
BY_MESSAGE: Final = "retrain_on_messages"
DAGS: Final = Path(__file__).parents[2] / "dags"
BATCHES: Final = 3
MARGIN: Final = 0.01
"""By how much the example's policy lets the log loss be worse than the champion's."""

pytestmark = pytest.mark.timeout(600)


@dataclass
class Landing:
    """What landed in *container*, and the runs that learned from it."""

    airflow: LiveAirflow
    workspace: CensusWorkspace
    store: BlobStore
    container: str
    batches: list[bytes]
    audited: bytes
    loss_before: float = 0.0
    told_by_the_killed: list[tuple[int, int]] = field(default_factory=list)
    runs: "list[Json]" = field(default_factory=list)

    @property
    def arrivals(self) -> Arrivals:
        return Arrivals("aml-retrain/arrivals", f"{self.container}/landing/")

    @property
    def consumed(self) -> int:
        return Consumption(self.store, self.arrivals.folder, DAG_ID).consumed()

    def land(self, number: int) -> None:
        """Let a batch land; back when the watcher has written it down."""
        self.store.write(self.container, f"landing/{number}.csv", self.batches[number - 1])
        arrivals, store = self.arrivals, self.store
        self.airflow.wait(
            f"batch {number} to be delivered",
            lambda: running(store, arrivals.delivered()).number >= number,
            timeout=120,
        )

    def events(self) -> "list[Json]":
        """What Airflow has stored of our batches, the earliest first."""
        told = [event["extra"].get("payload", {}) for event in self.airflow.rest.asset_events()]
        return [event for event in told[::-1] if event.get("source") == self.arrivals.source]

    def told(self) -> list[tuple[int, int]]:
        """The first and the last batch of each event."""
        return [(event["first"], event["last"]) for event in self.events()]

    def wait_until_noted(self, number: int) -> None:
        """Until the watermark says that the event of a batch is stored: it is told no more."""
        rest = self.airflow.rest
        [asset] = rest.call("GET", "assets", name_pattern="census_landing")["assets"]

        def is_noted() -> bool:
            state = rest.call("GET", f"assets/{asset['id']}/state-store")["asset_state_store"]
            return [entry["value"] for entry in state] == [{"number": number}]

        self.airflow.wait(f"batch {number} to be noted", is_noted, timeout=60)

    @contextmanager
    def killed_triggerer(self) -> Iterator[None]:
        """
        Let what the triggers tell from now on reach nobody, and then kill the triggerer.

        Its upper process, which alone has Airflow's database, stands still; the one below, where
        triggers run, goes on.
        """
        upper = psutil.Process(self.airflow.component("triggerer").pid)

        def stands_still() -> bool:
            upper.suspend()
            if _is_free(self.airflow.home.database):
                return True
            upper.resume()
            return False

        self.airflow.wait("the triggerer to hold no lock", stands_still, timeout=60)
        try:
            yield
        finally:
            self.airflow.restart("triggerer")

    def is_learned(self) -> bool:
        self.runs = self.airflow.rest.runs(DAG_ID)
        failed = [run for run in self.runs if run["state"] == "failed"]
        done = all(run["state"] in FINAL for run in self.runs)
        return bool(failed) or (done and self.consumed == BATCHES)

    def woken_by_message(self, before: set[str]) -> str:
        """The run that is woken when the queue's trigger tells of a message, as it does."""
        rest = self.airflow.rest
        subject = f"/blobServices/default/containers/{self.container}/blobs/landing/1.csv"
        created = {"eventType": "Microsoft.Storage.BlobCreated", "subject": subject}
        payload = {"queue": "census-landing", "message": json.dumps(created)}
        [asset] = rest.call("GET", "assets", name_pattern="census_blob_created")["assets"]
        told = {"asset_id": asset["id"], "extra": {"from_trigger": True, "payload": payload}}
        rest.call("POST", "assets/events", told)

        def new() -> list[str]:
            return [run["dag_run_id"] for run in rest.runs(BY_MESSAGE)]

        self.airflow.wait("a run", lambda: bool(set(new()) - before), timeout=120)
        [run] = set(new()) - before
        return run

    def prepared(self) -> list[Any]:
        """What each run that was not skipped has prepared, the earliest first."""
        return self._returned("prepare")

    def verdicts(self) -> list[str]:
        return [said["verdict"] for said in self._returned("evaluate")]

    def _returned(self, task: str) -> list[Any]:
        rest, runs = self.airflow.rest, [run["dag_run_id"] for run in self.runs]
        went = [run for run in runs if rest.states(DAG_ID, run)[task] == "success"]
        return [rest.xcom(DAG_ID, run, task) for run in went]

    def rows(self, place: str) -> Counter[str]:
        return _rows(self.store.read(*split_path(place)))

    def candidate_losses(self) -> list[float]:
        """The same of every model that was trained, each on an endpoint of its own."""
        archives = [staged["model"]["archive"] for staged in self._returned("stage")]
        return [self._loss_of(archive, f"asked-{n}") for n, archive in enumerate(archives, 1)]

    def _loss_of(self, archive: str, endpoint: str) -> float:
        self.workspace.create_endpoint(endpoint)
        model, rows = self.store.reference(*split_path(archive)), self._asked(self._known()[:50])
        with self.workspace.backend(SCORING, endpoint) as backend:
            [resource] = backend.run(backend.verbs.serving()).models
            placed = backend.run(place(backend.verbs, model, resource, rows=rows))
            seen = see_answering(
                backend.verbs, placed, model.location, rows=rows, every=0.2, within=30.0
            )
            assert backend.run(seen).changed
        return self.loss(endpoint)

    def _known(self) -> list[dict[str, str]]:
        header, *lines = self.audited.decode().split("\n")[:500]
        return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]

    def _asked(self, known: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{key: cell for key, cell in row.items() if key != LABEL} for row in known]

    def loss(self, endpoint: str) -> float:
        """The log loss of what *endpoint* says of rows that nobody has landed."""
        known = self._known()
        asked = self._asked(known)
        with self.workspace.backend(SCORING, endpoint) as backend:
            said = backend.run(backend.verbs.score(asked))
        chances = [min(max(float(row["Scored Probabilities"]), 1e-6), 1 - 1e-6) for row in said]
        return -sum(
            math.log(chance if row[LABEL] == ">50K" else 1 - chance)
            for row, chance in zip(known, chances, strict=True)
        ) / len(known)


@pytest.fixture(scope="module")
def landing(
    real_airflow: LiveAirflow,
    emulator: Emulator,
    azurite: Azurite,
    blob_service: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Landing]:
    dealt = census(date(2026, 11, 1))
    batches = list(dealt.daily.values())[:BATCHES]
    workspace = CensusWorkspace.publish(emulator, dealt.published)
    [audited] = dealt.audited.values()
    store, container = BlobStore(blob_service), f"landing-{uuid.uuid4().hex[:8]}"
    landing = Landing(real_airflow, workspace, store, container, batches, audited)
    # What was published, which the example's own endpoints serve at first.
    landing.loss_before = landing.loss(PRODUCTION)
    story.connect(real_airflow.rest, workspace, azurite)
    folder = tmp_path_factory.mktemp("dags")
    for dag_id in (DAG_ID, BY_MESSAGE):
        real_airflow.add_dag(_copy(dag_id, container, folder), dag_id)
    real_airflow.rest.unpause(DAG_ID)
    landing.land(1)
    landing.wait_until_noted(1)
    with landing.killed_triggerer():
        landing.land(2)
        landing.told_by_the_killed = landing.told()
    landing.land(3)
    real_airflow.wait("all to be learned", landing.is_learned, timeout=400)
    yield landing
    for dag_id in (DAG_ID, BY_MESSAGE):
        landing.airflow.rest.call("PATCH", f"dags/{dag_id}", {"is_paused": True})


def _copy(dag_id: str, container: str, folder: Path) -> Path:
    """The example over a landing zone of its own, looked at without the patience of real life."""
    file = DAGS / f"{dag_id}.py"
    text = file.read_text().replace("data/census/daily/", f"{container}/landing/")
    text = text.replace("settle=60, poll_interval=30", "settle=0.5, poll_interval=1")
    (folder / file.name).write_text(text)
    return folder / file.name


def _is_free(database: Path) -> bool:
    """Whether nobody keeps others from writing."""
    with closing(sqlite3.connect(database, timeout=1.0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def _rows(data: bytes) -> Counter[str]:
    return Counter(line.strip() for line in data.decode().splitlines()[1:] if line.strip())


def test_no_batch_is_lost_and_none_is_new_to_two_runs(landing: Landing) -> None:
    shares = [made["batches"] for made in landing.prepared()]

    assert [run["state"] for run in landing.runs] == ["success"] * len(landing.runs)
    new = [number for first, last in shares for number in range(first, last + 1)]
    assert sorted(new) == list(range(1, BATCHES + 1))


def test_the_last_run_has_every_row_once_and_trains_on_none_that_it_holds_out(
    landing: Landing,
) -> None:
    last = max(landing.prepared(), key=lambda made: made["batches"][1])
    training, holdout = landing.rows(last["training"]), landing.rows(last["holdout"])

    landed = sum((_rows(batch) for batch in landing.batches), Counter[str]())
    assert training + holdout == landed
    assert not set(training) & set(holdout)


def test_what_was_held_out_once_is_trained_on_by_no_run(landing: Landing) -> None:
    made = landing.prepared()
    trained = {row for each in made for row in landing.rows(each["training"])}
    held_out = {row for each in made for row in landing.rows(each["holdout"])}

    assert not trained & held_out


def test_the_champion_is_the_last_that_was_shown_to_be_no_worse(landing: Landing) -> None:
    serving, last = landing.loss("daily"), landing.loss("daily-staging")

    assert serving < landing.loss_before
    # Whether the third batch alone shows enough depends on which runs Airflow made of the three.
    assert (serving == last) is (landing.verdicts()[-1] == "PROMOTE")


def test_the_champion_is_the_best_of_all_that_were_trained_but_for_the_policy_s_margin(
    landing: Landing,
) -> None:
    serving, losses = landing.loss("daily"), landing.candidate_losses()

    assert len(losses) == len(landing.prepared())
    assert serving == pytest.approx(min(losses, key=lambda loss: abs(loss - serving)))
    assert serving <= min(losses) + MARGIN
    # What was published would not do: there was something to find.
    assert landing.loss_before > min(losses) + MARGIN
    policy = f'"log_loss", "vs": "champion", "margin": {MARGIN}'
    assert policy in (DAGS / f"{DAG_ID}.py").read_text()


def test_each_batch_is_told_once_also_the_one_that_the_killed_triggerer_kept_to_itself(
    landing: Landing,
) -> None:
    assert landing.told_by_the_killed == [(1, 1)]
    assert landing.told() == [(1, 1), (2, 2), (3, 3)]


def test_events_are_small_and_hold_no_secret(landing: Landing) -> None:
    events = landing.events()

    assert len(events) == BATCHES
    for event in events:
        assert set(event) == {"source", "first", "last", "manifest", "wasb_conn_id"}


def test_a_message_wakes_a_run_that_looks_for_itself_and_a_doubled_one_does_no_harm(
    landing: Landing,
) -> None:
    airflow, rest = landing.airflow, landing.airflow.rest
    rest.unpause(BY_MESSAGE)

    first = landing.woken_by_message(set())
    airflow.wait_for_task(BY_MESSAGE, first, "prepare", "success", timeout=120)
    made = rest.xcom(BY_MESSAGE, first, "prepare")
    # A person ends it here: what comes next is the journey of the other runs. Had it failed, what
    # it was given would be new to the next.
    rest.call("PATCH", f"dags/{BY_MESSAGE}/dagRuns/{first}", {"state": "success"})
    again = landing.woken_by_message({first})
    state = airflow.wait_for_run(BY_MESSAGE, again, timeout=120)

    assert made["batches"] == [1, BATCHES]
    assert made["blobs"] == BATCHES
    assert state == "success"
    tasks = rest.states(BY_MESSAGE, again)
    assert {tasks[name] for name in ("prepare", "submit", "evaluate", "promote")} == {"skipped"}
