"""What many journeys promise before anything runs: a table that is sound, a graph that loads."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import set_current_context

from airflow_aml_retrain.errors import BadInput, ModelsFailed, NotConfigured
from airflow_aml_retrain.journeys.many import retrain_many_and_promote
from airflow_aml_retrain.journeys.outcomes import WHY, Became, markdown, note_failure, summarise
from airflow_aml_retrain.journeys.table import REFUSED, ModelRow, RefusedRow, models_in

NORTH: Final = ModelRow(
    endpoint="north",
    staging_endpoint="north-staging",
    anchor_endpoint="north-anchor",
    source="data/north",
    holdout_source=None,
)


@pytest.fixture
def dag() -> DAG:
    with DAG("many", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        retrain_many_and_promote(
            table="data/models.csv",
            training_service="Census training",
            service="Census",
            policy={},
            max_active_jobs=7,
        )
    dag.validate()
    return dag


@pytest.mark.parametrize(
    "text",
    [
        "model,source\nnorth,data/north\n",
        "model,source,holdout_source\nnorth,data/north,\n",
        ' [{"model": "north", "source": "data/north"}]',
    ],
    ids=["CSV", "an empty cell", "JSON"],
)
def test_a_table_is_a_csv_or_json(text: str) -> None:
    assert models_in(text) == ([NORTH], [])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("model,source\nsouth\nnorth,data/north\n", "south"),
        ("model,source\nsouth,\nnorth,data/north\n", "south"),
        ("model,source\n,data/south\nnorth,data/north\n", "row 1"),
        ("model,source\nsouth,data/south,,x\nnorth,data/north\n", "south"),
        ('[{"model": "south"}, {"model": "north", "source": "data/north"}]', "south"),
        ('[7, {"model": "north", "source": "data/north"}]', "row 1"),
        ('[{"model": 7, "source": "x"}, {"model": "north", "source": "data/north"}]', "row 1"),
    ],
)
def test_a_row_that_is_wrong_by_itself_is_told_of_and_stops_no_other(text: str, name: str) -> None:
    rows, refused = models_in(text)

    assert rows == [NORTH]
    assert [row["model"] for row in refused] == [name]
    assert refused[0]["why"].startswith("row 1 of the table: expected model, source")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("model\nnorth\n", "expected the columns model, source"),
        ("model,source,sorce\nnorth,data/north,x\n", "holdout_source, got model, source, sorce"),
        ("model,source,source\nnorth,a,b\n", "expected the columns"),
        ("model,source\nnorth,a\nNorth,b\n", "more than one would have the endpoint north,"),
        ("model,source\nnorth,a\nnorth-staging,b\n", "endpoint north-staging"),
        ("[{]", "a JSON list"),
        ("model,source\n", "it names none"),
        ("[]", "it names none"),
        ("", "expected the columns"),
    ],
)
def test_a_table_that_is_not_sound_is_refused_before_anything_is_made(text: str, why: str) -> None:
    with pytest.raises(NotConfigured, match=why):
        models_in(text)


def test_whoever_waits_starts_the_job_so_that_so_many_train_at_a_time(dag: DAG) -> None:
    submit, wait = dag.get_task("submit"), dag.get_task("wait")

    assert not getattr(submit, "start")  # noqa: B009 - of an operator that is not named here
    assert getattr(wait, "start")  # noqa: B009 - the same
    assert wait.max_active_tis_per_dag == 7


def test_each_model_s_endpoints_are_made_before_its_journey_and_all_before_the_summary(
    dag: DAG,
) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    made = {"models.create_endpoint", "models.create_staging", "models.create_anchor"}

    assert made <= dag.get_task("prepare").upstream_task_ids
    assert "promote" in dag.get_task("summary").upstream_task_ids
    assert dag.get_task("summary").trigger_rule == "all_done"
    assert DagSerialization.to_dict(dag)


def test_every_task_of_a_journey_leaves_behind_why_it_failed(dag: DAG) -> None:
    silent = [
        task.task_id
        for task in dag.tasks
        if task.get_closest_mapped_task_group() and note_failure not in _callbacks(task)
    ]

    assert silent == []


def _callbacks(task: Any) -> list[Any]:
    return list(task.on_failure_callback)


class Told:
    """What a task leaves behind."""

    def __init__(self) -> None:
        self.said: dict[str, object] = {}

    def xcom_push(self, key: str, value: object) -> None:
        self.said[key] = value


class Summing(Told):
    """A summary of no journeys, over a table with rows that were left out."""

    dag_id, run_id = "many", "r1"

    def __init__(self, refused: list[RefusedRow], states: Mapping[str, str] = {}) -> None:
        super().__init__()
        self._refused = refused
        self._states = states

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[Any]:
        return [
            {"task_id": task, "map_index": 0, "state": state}
            for task, state in self._states.items()
        ]

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int | None) -> object:
        return self._refused if (task_ids, key) == ("table", REFUSED) else None


def test_where_every_row_was_refused_the_summary_says_so_and_fails() -> None:
    ti = Summing([RefusedRow(model="south", why="row 1 of the table: no source")])
    context: Any = {"ti": ti}

    with set_current_context(context), pytest.raises(ModelsFailed, match=r"1 of 1 .* south: row 1"):
        summarise([], tasks={"table": "table"})

    [said] = cast("list[Became]", ti.said["return_value"])
    assert said == {
        "model": "south",
        "outcome": "failed",
        "why": "row 1 of the table: no source",
    }


@pytest.mark.parametrize("prefix", ["", "models.retrain_and_promote."])
@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ({"evaluate": "success", "promote": "success"}, "promoted"),
        ({"evaluate": "success", "promote": "skipped"}, "kept"),
        ({"prepare": "skipped", "evaluate": "skipped", "promote": "skipped"}, "kept"),
        ({"wait": "failed", "evaluate": "upstream_failed"}, "failed"),
    ],
)
def test_what_became_of_a_model_is_told_by_its_tasks_however_they_are_called(
    prefix: str, states: dict[str, str], outcome: str
) -> None:
    named = {task: f"{prefix}{task}" for task in ("prepare", "wait", "evaluate", "promote")}
    ti = Summing([], {named[task]: state for task, state in states.items()})
    context: Any = {"ti": ti}

    with set_current_context(context):
        [said] = summarise([NORTH], tasks={**named, "table": "table"}, fail_when="never")

    assert (said["model"], said["outcome"]) == ("north", outcome)


def test_two_tables_in_one_dag_have_a_summary_each() -> None:
    with DAG("two", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        for group in ("regions", "plants"):
            retrain_many_and_promote(
                table=f"data/{group}.csv",
                training_service="Census training",
                service="Census",
                policy={},
                group_id=group,
                prefix_group_id=True,
            )
    dag.validate()

    for group in ("regions", "plants"):
        summary = cast("Any", dag.get_task(f"{group}_summary"))
        tasks = summary.op_kwargs["tasks"]
        assert tasks["table"] == f"{group}_table"
        assert tasks["promote"] == f"{group}.retrain_and_promote.promote"
        assert tasks["promote"] in summary.upstream_task_ids


def test_each_model_of_a_table_learns_by_its_own_name(dag: DAG) -> None:
    prepare, promote = cast("Any", dag.get_task("prepare")), cast("Any", dag.get_task("promote"))

    assert prepare.learner is promote.endpoint


@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (None, "stopped from outside; see the task's log"),
        (BadInput("blob x has no label"), "blob x has no label"),
        (AirflowFailException("job 7 failed"), "job 7 failed"),
        (ValueError("password=hunter2"), "ValueError; see the task's log"),
    ],
)
def test_only_words_of_ours_are_left_behind(exc: Exception | None, said: str) -> None:
    ti = Told()
    context: Any = {"ti": ti, "exception": exc}

    note_failure(context)

    assert ti.said == {WHY: said}


def test_the_table_for_people_stays_a_table() -> None:
    lines = list(markdown([Became(model="north", outcome="failed", why="a | b\nc")]))

    assert lines[2:] == [r"| north | failed | a \| b c |"]
