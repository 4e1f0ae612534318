"""What is promised of `PrepareDataOperator`, with real blobs in Azurite."""

import csv
import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Context

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.errors import BadInput, NotConfigured
from airflow_aml_retrain.hooks.storage import blob_store
from airflow_aml_retrain.operators.prepare import PrepareDataOperator

FEBRUARY = datetime(2024, 2, 1, tzinfo=UTC)
MARCH = datetime(2024, 3, 1, tzinfo=UTC)


def context(
    run_id: str = "scheduled__2024-02-01T00:00:00+00:00",
    *,
    map_index: int = -1,
    due: datetime = FEBRUARY,
) -> Context:
    """As much of a task's context as preparing data looks at."""
    task = SimpleNamespace(dag_id="d", task_id="prepare", run_id=run_id, map_index=map_index)
    return cast("Context", {"ti": task, "dag_run": SimpleNamespace(run_after=due)})


def month(number: int, rows: int = 50) -> bytes:
    lines = [f"{number}-{row},x\n" for row in range(rows)]
    return "".join(["id,income\n", *lines]).encode()


@pytest.fixture
def store(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    """Azurite, by way of a storage connection."""
    conn = (
        f'{{"conn_type": "wasb", "extra": {{"connection_string": "{azurite.connection_string}"}}}}'
    )
    monkeypatch.setenv("AIRFLOW_CONN_WASB_DEFAULT", conn)
    return blob_store("wasb_default")


@pytest.fixture
def place(store: BlobStore, container: str) -> str:
    """A container in which January and February have landed."""
    for number in (1, 2):
        store.write(container, f"raw/2024-0{number}-01.csv", month(number))
    return container


def operator(place: str, **more: Any) -> PrepareDataOperator:
    usual = {"date_pattern": "%Y-%m-%d", "label_column": "income"}
    return PrepareDataOperator(
        task_id="prepare", source=f"{place}/raw/", destination=f"{place}/out", **{**usual, **more}
    )


def rows(store: BlobStore, place: str) -> list[str]:
    container, _, path = place.partition("/")
    text = io.StringIO(store.read(container, path).decode(), newline="")
    return [row[0] for row in csv.reader(text)][1:]


def test_the_run_s_own_time_is_the_cut_off(store: BlobStore, place: str) -> None:
    made = operator(place).execute(context())

    training, holdout = rows(store, made["training"]), rows(store, made["holdout"])
    assert sorted(training + holdout) == sorted(f"1-{row}" for row in range(50))
    assert (made["training_rows"], made["holdout_rows"]) == (len(training), len(holdout))
    assert (made["data_cutoff"], made["blobs"]) == ("2024-02-01T00:00:00+00:00", 1)


@pytest.mark.parametrize("form", [None, "", " ", "None"])
def test_a_form_field_that_was_left_empty_is_no_cut_off(place: str, form: str | None) -> None:
    assert operator(place, data_cutoff=form).execute(context())["blobs"] == 1


def test_a_given_cut_off_counts(place: str) -> None:
    made = operator(place, data_cutoff="2024-02-02").execute(context(due=MARCH))

    assert (made["data_cutoff"], made["blobs"]) == ("2024-02-02T00:00:00+00:00", 2)


@pytest.mark.parametrize("form", ["2024-02-01", "2024-02-01T01:00:00+01:00"])
def test_a_given_cut_off_may_be_the_run_s_own_time(place: str, form: str) -> None:
    assert operator(place, data_cutoff=form).execute(context())["blobs"] == 1


@pytest.mark.parametrize("period", [timedelta(days=10), None])
def test_the_last_of_the_time_can_be_held_out(
    store: BlobStore, place: str, period: timedelta | None
) -> None:
    by_time = {"holdout_period": period} if period else {"holdout_since": "2024-02-01"}

    made = operator(place, data_cutoff="2024-02-05", **by_time).execute(context(due=MARCH))

    assert {row[0] for row in rows(store, made["training"])} == {"1"}
    assert {row[0] for row in rows(store, made["holdout"])} == {"2"}


def test_an_audited_holdout_can_be_named(store: BlobStore, place: str) -> None:
    store.write(place, "audited/2024-01-09.csv", month(9))

    made = operator(place, holdout_source=f"{place}/audited/").execute(context())

    assert {row[0] for row in rows(store, made["holdout"])} == {"9"}
    assert made["training_rows"] == 50


def test_a_retry_writes_over_its_own_and_runs_never_meet(store: BlobStore, place: str) -> None:
    runs = [context(), context(), context("a:b"), context("a-b"), context("a-b", map_index=3)]

    made = [operator(place).execute(run)["training"] for run in runs]

    assert made[0] == made[1]
    assert len(set(made)) == 4
    assert all(path.endswith("/training.csv") and ":" not in path for path in made)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"holdout_fraction": 0.2, "holdout_since": "2024-01-01"}, "in one way, not in 2"),
        ({"holdout_key": "id", "holdout_period": timedelta(1)}, "in one way, not in 2"),
        ({"holdout_fraction": 1.0}, "holdout_fraction 1.0: expected a number above 0"),
        ({"data_cutoff": "yesterday"}, "data_cutoff 'yesterday': expected an ISO time"),
        ({"data_cutoff": "2024-02-01T00:00:01"}, "expected a time up to 2024-02-01T00:00:00+00:00"),
        ({"holdout_since": "soon"}, "holdout_since 'soon': expected an ISO time"),
    ],
)
def test_what_cannot_be_meant_is_refused(place: str, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(NotConfigured) as refused:
        operator(place, **wrong).execute(context())

    assert said in str(refused.value)


def test_data_that_will_not_do_leaves_no_blob_behind(store: BlobStore, place: str) -> None:
    store.write(place, "raw/2024-01-15.csv", b"id,income\n1,x\n2,\n")

    with pytest.raises(BadInput, match=r"2024-01-15\.csv has 1 rows without a label"):
        operator(place).execute(context())

    assert list(store.list(place, "out/")) == []


def test_an_empty_landing_place_says_what_to_do(store: BlobStore, container: str) -> None:
    with pytest.raises(BadInput, match=f"no CSV blob under {container}/raw/ is dated before"):
        operator(container).execute(context())
