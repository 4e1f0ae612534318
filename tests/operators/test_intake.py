"""
What is promised of a run that learns from what has arrived: nothing is lost, nothing is doubled.

The blobs and the ledger are real ones in Azurite; the contexts hold as much of a run as is asked of
it.
"""

import csv
import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Context
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.exceptions import AirflowSkipException

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.consumption import Consumption, Ended, Learner, Share
from airflow_aml_retrain.client.errands import run, version_of
from airflow_aml_retrain.client.intake import Intake
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.errors import BadInput, ServiceUnavailable
from airflow_aml_retrain.hooks.storage import blob_store
from airflow_aml_retrain.operators.prepare import PrepareDataOperator, PreparedData
from airflow_aml_retrain.triggers.ended import ended
from tests.runs import DELETED, UNSAID, told_of_runs

DUE = datetime(2026, 11, 1, tzinfo=UTC)


class Field:
    """A container in which data lands and is delivered."""

    def __init__(self, store: BlobStore, container: str) -> None:
        self.store = store
        self.container = container
        self.arrivals = Arrivals(f"{container}/arrivals", f"{container}/landing/")

    def land(self, name: str, rows: range) -> None:
        self.store.write(self.container, f"landing/{name}.csv", table(rows))

    def deliver(self) -> int:
        """What a watcher does when all has settled; the number of its batch."""
        found = [version_of(entry) for entry in self.store.list(self.container, "landing/")]
        known = run(self.store, self.arrivals.delivered())
        return run(
            self.store, self.arrivals.deliver(known, lambda known: known.lacks(found))
        ).number

    def arrive(self, name: str, rows: range) -> int:
        self.land(name, rows)
        return self.deliver()

    def consumed(self, consumer: str = "d") -> int:
        return Consumption(self.store, self.arrivals.folder, consumer).consumed()

    def ids(self, made: PreparedData, *keys: str) -> list[int]:
        """The ids in the training data and the hold-out, sorted."""
        found: list[int] = []
        for key in keys or ("training", "holdout"):
            data = self.store.read(*split_path(cast("dict[str, str]", made)[key]))
            rows = csv.reader(io.StringIO(data.decode(), newline=""))
            found += [int(row[0]) for row in rows if row[0] != "id"]
        return sorted(found)

    def prepare(self, run_id: str, *told: int, **more: Any) -> PreparedData:
        """One try of a run that was woken by events about batches (none: by a person)."""
        dag, index = more.pop("dag", "d"), more.pop("index", -1)
        return self.preparing(**more).execute(woken(run_id, self.arrivals, told, dag, index))

    def preparing(self, **more: Any) -> PrepareDataOperator:
        usual: dict[str, Any] = {
            "source": f"{self.container}/landing/",
            "destination": f"{self.container}/prepared",
            "arrivals": f"{self.container}/arrivals",
            "holdout_fraction": 0.3,
        }
        return PrepareDataOperator(task_id="prepare", **{**usual, **more})


def table(rows: range) -> bytes:
    return "".join(["id,income\n", *(f"{row},x\n" for row in rows)]).encode()


def woken(
    run_id: str, arrivals: Arrivals, told: tuple[int, ...], dag: str = "d", index: int = -1
) -> Context:
    """The context of a run that was woken by events, doubled or not, merged or not."""
    task = SimpleNamespace(dag_id=dag, task_id="prepare", run_id=run_id, map_index=index)
    events = [event(arrivals, number) for number in told]
    kind = DagRunType.ASSET_TRIGGERED if told else DagRunType.MANUAL
    return cast(
        "Context",
        {
            "ti": task,
            "dag_run": SimpleNamespace(run_after=DUE, run_type=kind),
            "triggering_asset_events": {"asset": events},
        },
    )


def event(arrivals: Arrivals, number: int, **more: str) -> SimpleNamespace:
    """What a watcher of *arrivals* tells of a batch; before it named its connection, or after."""
    told = {"source": arrivals.source, "first": number, "last": number}
    return SimpleNamespace(
        extra={"payload": {**told, "manifest": arrivals.manifest(number), **more}}
    )


@pytest.fixture
def field(azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch) -> Field:
    conn = (
        f'{{"conn_type": "wasb", "extra": {{"connection_string": "{azurite.connection_string}"}}}}'
    )
    monkeypatch.setenv("AIRFLOW_CONN_WASB_DEFAULT", conn)
    return Field(blob_store("wasb_default"), container)


@pytest.fixture(autouse=True)
def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return told_of_runs(monkeypatch)


def test_a_run_learns_from_everything_up_to_the_batch_that_woke_it(field: Field) -> None:
    field.arrive("one", range(50))
    first = field.prepare("r1", 1)
    field.arrive("two", range(50, 100))

    second = field.prepare("r2", 2)

    assert field.ids(first) == list(range(50))
    assert field.ids(second) == list(range(100))
    assert (first["batches"], second["batches"]) == ([1, 1], [2, 2])
    assert first["data_cutoff"] <= second["data_cutoff"]
    assert not set(field.ids(first, "holdout")) & set(field.ids(second, "training"))


def test_a_retry_resolves_to_the_same_data_whatever_has_come_since(field: Field) -> None:
    field.arrive("one", range(50))
    first = field.prepare("r1", 1)
    field.arrive("two", range(50, 100))

    again = field.prepare("r1", 1)

    assert again == first
    assert field.ids(again) == list(range(50))


@pytest.mark.parametrize("told", [(1, 2, 3), (1, 1, 3, 3), (3,), (1,)], ids=str)
def test_merged_doubled_and_lost_events_neither_lose_nor_double_data(
    field: Field, told: tuple[int, ...]
) -> None:
    for number in range(3):
        field.arrive(f"{number}", range(number * 20, number * 20 + 20))

    made = field.prepare("r1", *told)

    assert field.ids(made) == list(range(60))
    assert made["batches"] == [1, 3]


def test_an_event_that_comes_again_after_its_batch_was_learned_skips_its_run(field: Field) -> None:
    field.arrive("one", range(50))
    field.prepare("r1", 1)

    with pytest.raises(AirflowSkipException, match="nothing new: all up to batch 1"):
        field.prepare("r2", 1)


def test_a_person_s_run_learns_from_everything_new_or_not(field: Field) -> None:
    field.arrive("one", range(50))
    field.prepare("r1", 1)

    made = field.prepare("by hand")

    assert field.ids(made) == list(range(50))
    assert made["batches"] == [2, 1]


def test_a_batch_is_new_to_one_run_only_and_counts_when_its_data_is_made(field: Field) -> None:
    field.arrive("one", range(50))
    with pytest.raises(BadInput, match="no label column"):
        field.prepare("r1", 1, label_column="nowhere")
    assert field.consumed() == 0
    field.arrive("two", range(50, 100))

    second = field.prepare("r2", 2)
    first = field.prepare("r1", 1)

    # As r1 still ran, what it was given was not given to r2 as new.
    assert (first["batches"], second["batches"]) == ([1, 1], [2, 2])
    assert field.consumed() == 2


def test_what_a_run_had_that_ended_without_learning_is_new_to_the_next(
    field: Field, states: dict[str, str]
) -> None:
    field.arrive("one", range(50))
    with pytest.raises(BadInput):
        field.prepare("r1", 1, label_column="nowhere")
    states["d/r1"] = "failed"

    assert field.prepare("r2", 1)["batches"] == [1, 1]


def test_what_a_run_had_that_failed_after_its_data_was_made_is_new_to_the_next(
    field: Field, states: dict[str, str]
) -> None:
    field.arrive("one", range(50))
    field.prepare("r1", 1)
    states["d/r1"] = "failed"

    second = field.prepare("r2", 1)
    states["d/r2"] = "success"

    assert second["batches"] == [1, 1]
    with pytest.raises(AirflowSkipException, match="nothing new"):
        field.prepare("r3", 1)


def test_a_run_that_was_deleted_keeps_from_others_only_what_it_has_learned(
    field: Field, states: dict[str, str]
) -> None:
    field.arrive("one", range(50))
    with pytest.raises(BadInput):
        field.prepare("r1", 1, label_column="nowhere")
    states["d/r1"] = DELETED

    second = field.prepare("r2", 1)
    states["d/r2"] = DELETED

    assert second["batches"] == [1, 1]
    with pytest.raises(AirflowSkipException, match="nothing new"):
        field.prepare("r3", 1)


def test_runs_of_one_name_in_two_dags_that_learn_as_one_are_two(
    field: Field, states: dict[str, str]
) -> None:
    field.arrive("one", range(50))
    first = field.prepare("r1", 1, consumer="both")
    field.arrive("two", range(50, 100))
    states["e/r1"] = "failed"

    second = field.prepare("r1", 2, consumer="both", dag="e")

    assert (first["batches"], second["batches"]) == ([1, 1], [2, 2])
    assert field.prepare("r1", 1, consumer="both") == first
    assert field.prepare("r2", 2, consumer="both")["batches"] == [2, 2]


def test_an_older_run_that_comes_later_is_no_newer_candidate(field: Field) -> None:
    field.arrive("one", range(50))
    with pytest.raises(BadInput):
        field.prepare("r1", 1, label_column="nowhere")
    field.arrive("two", range(50, 100))
    second = field.prepare("r2", 2)

    first = field.prepare("r1", 1)

    assert first["data_cutoff"] <= second["data_cutoff"]
    assert field.ids(first) == list(range(50))


@pytest.mark.parametrize(
    ("group", "index", "name", "consumer"),
    [
        ("", -1, "", "d"),
        ("north", -1, "", "d/north"),
        ("model", 2, "", "d/model[2]"),
        ("model", 2, "south", "d/model[south]"),
        ("", 0, "north", "d[north]"),
    ],
)
def test_each_group_of_a_dag_learns_for_itself_and_each_model_of_it(
    group: str, index: int, name: str, consumer: str
) -> None:
    learner = Learner(dag="d", run="r1", group=group, index=index, name=name)

    assert learner.consumer == consumer


def test_a_model_keeps_its_account_when_its_row_moves(field: Field) -> None:
    field.arrive("one", range(50))
    field.prepare("r1", 1, learner="north", index=0)

    south = field.prepare("r2", 1, learner="south", index=0)

    assert south["batches"] == [1, 1]
    with pytest.raises(AirflowSkipException, match="nothing new"):
        field.prepare("r2", 1, learner="north", index=1)


@pytest.mark.parametrize("trouble", ["failed", "upstream_failed"])
def test_what_a_journey_had_that_failed_is_new_again_though_its_run_succeeded(
    field: Field, states: dict[str, str], trouble: str
) -> None:
    field.arrive("one", range(50))
    for index, model in enumerate(("north", "south")):
        field.prepare("r1", 1, learner=model, index=index)
    states |= {"d/r1": "success", "d/r1/wait_0": "success", "d/r1/wait_1": trouble}

    south = field.prepare("r2", 1, learner="south", index=1)

    assert south["batches"] == [1, 1]
    with pytest.raises(AirflowSkipException, match="nothing new"):
        field.prepare("r2", 1, learner="north", index=0)


def test_a_failed_task_of_another_group_makes_nothing_new(states: dict[str, str]) -> None:
    share = Share(run="r1", dag="d", group="journey", first=1, last=1, cutoff=DUE.isoformat())
    states |= {"d/r1": "success", "d/r1/journey.wait": "success", "d/r1/mail": "failed"}

    assert ended(share) is Ended.SUCCESS
    states["d/r1/journey.wait"] = "failed"
    assert ended(share) is Ended.FAILED


def test_an_account_of_a_ledger_that_is_no_more_skips_nothing(field: Field) -> None:
    field.arrive("one", range(50))
    field.arrive("two", range(50, 100))
    field.prepare("r1", 2)
    for number in (1, 2):
        field.store.delete(*split_path(field.arrivals.manifest(number)))
    field.deliver()

    with pytest.raises(BadInput, match=r"d has learned up to batch 2, and .* no .*/00000002.json"):
        field.prepare("r2", 1)


def test_while_airflow_does_not_say_how_a_run_ended_nothing_is_skipped(
    field: Field, states: dict[str, str]
) -> None:
    field.arrive("one", range(50))
    field.prepare("r1", 1)
    states["d/r1"] = UNSAID

    with pytest.raises(ServiceUnavailable, match="does not say how d/r1 ended"):
        field.prepare("r2", 1)

    states["d/r1"] = "failed"
    assert field.prepare("r2", 1)["batches"] == [1, 1]


def test_two_consumers_of_one_source_each_learn_from_all_of_it(field: Field) -> None:
    field.arrive("one", range(50))

    for consumer in ("north", "south"):
        assert field.prepare(consumer, 1, consumer=consumer)["batches"] == [1, 1]


def test_a_blob_that_was_replaced_is_read_in_the_version_that_was_delivered(field: Field) -> None:
    field.land("one", range(50))
    field.arrive("two", range(50, 100))
    field.land("one", range(200, 250))

    before = field.prepare("r1", 1)
    number = field.deliver()
    after = field.prepare("r2", number)

    assert (field.ids(before), before["gone"]) == (list(range(50, 100)), 1)
    assert (field.ids(after), after["gone"]) == (list(range(50, 100)) + list(range(200, 250)), 0)


def test_a_blob_that_is_replaced_before_it_is_read_is_not_read_in_another_version(
    field: Field,
) -> None:
    field.arrive("one", range(50))
    share = Share(run="r1", first=1, last=1, cutoff=DUE.isoformat())
    delivery = Intake(field.store, field.arrivals, "d", ".csv", None).delivery(share, None)
    field.land("one", range(200, 250))

    with pytest.raises(ServiceUnavailable, match="HTTP 412"):
        delivery.open(field.container, "landing/one.csv")


def test_what_has_not_been_delivered_is_not_read(field: Field) -> None:
    field.arrive("one", range(50))
    field.land("unsettled", range(50, 100))

    assert field.ids(field.prepare("r1", 1)) == list(range(50))


def test_where_no_watcher_is_the_run_takes_stock_itself(field: Field) -> None:
    field.land("one", range(50))

    made = field.prepare("r1", 0, take_stock=True)
    with pytest.raises(AirflowSkipException):
        field.prepare("r2", 0, take_stock=True)

    assert field.ids(made) == list(range(50))


def test_half_a_folder_is_no_batch_of_a_run_that_takes_stock(field: Field) -> None:
    field.land("half/1-final", range(50))
    field.land("whole/1-final", range(50, 100))
    field.land("whole/1-draft", range(100, 150))
    field.store.write(field.container, "landing/whole/_SUCCESS", b"")
    whole = {"take_stock": True, "marker": "_SUCCESS", "suffix": "-final.csv"}

    made = field.prepare("r1", 0, **whole)
    field.store.write(field.container, "landing/half/_SUCCESS", b"")
    after = field.prepare("r2", 0, **whole)

    assert field.ids(made) == list(range(50, 100))
    assert (field.ids(after), after["batches"]) == (list(range(100)), [2, 2])


def test_an_empty_blob_of_a_folder_s_name_is_no_data_delivered_or_not(field: Field) -> None:
    field.store.write(field.container, "landing/day.csv", b"")
    field.land("day.csv/part-0", range(50))

    made = field.prepare("r1", 0, take_stock=True)
    field.deliver()
    after = field.prepare("r2", 2)

    for each in (made, after):
        assert (field.ids(each), each["blobs"], each["gone"]) == (list(range(50)), 1, 0)


@pytest.mark.parametrize("suffix", ["", ".txt", "-final"])
def test_what_was_delivered_under_another_suffix_is_learned_from(field: Field, suffix: str) -> None:
    field.store.write(field.container, f"landing/one{suffix}", table(range(50)))

    made = field.prepare("r1", 0, take_stock=True, suffix=suffix)

    assert (field.ids(made), made["blobs"], made["gone"]) == (list(range(50)), 1, 0)


def test_a_data_cut_off_chooses_among_batches(field: Field) -> None:
    field.arrive("one", range(50))

    with pytest.raises(BadInput, match=r"nothing of .* has been delivered yet"):
        field.prepare("r1", data_cutoff=(DUE - timedelta(days=365)).isoformat())


def test_events_of_other_ledgers_wake_a_run_and_do_not_say_what_ours_holds(field: Field) -> None:
    field.arrive("one", range(50))
    prepare = field.preparing()
    context = woken("r1", field.arrivals, (1,))
    context["triggering_asset_events"]["others"] = [
        event(Arrivals(f"{field.container}/others", field.arrivals.source), 7),
        event(field.arrivals, 7, wasb_conn_id="wasb_elsewhere"),
    ]

    made = prepare.execute(context)

    assert made["batches"] == [1, 1]
    context["triggering_asset_events"]["ours"] = [
        event(field.arrivals, 7, wasb_conn_id="wasb_default")
    ]
    with pytest.raises(ServiceUnavailable, match="an event tells of batch 7"):
        prepare.execute(context)


def test_an_event_of_a_batch_that_is_not_there_is_no_silent_loss(field: Field) -> None:
    field.arrive("one", range(50))

    with pytest.raises(ServiceUnavailable, match="an event tells of batch 7"):
        field.prepare("r1", 7)


def test_a_hole_in_the_ledger_is_no_silent_loss(field: Field) -> None:
    for number in range(3):
        field.arrive(f"{number}", range(number * 20, number * 20 + 20))
    made = field.prepare("r1", 3)
    for number in (3, 1):
        field.store.delete(*split_path(field.arrivals.manifest(number)))

        with pytest.raises(BadInput, match=rf"has no .*/0000000{number}\.json"):
            field.prepare("r1", 2)

    assert field.ids(made) == list(range(60))


def test_nothing_delivered_is_said(field: Field) -> None:
    with pytest.raises(BadInput, match="land data, or take stock"):
        field.prepare("r1")
