"""What many journeys promise before anything runs: a table that is sound, a graph that loads."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import BadInput, NotConfigured
from airflow_aml_retrain.journeys.many import retrain_many_and_promote
from airflow_aml_retrain.journeys.outcomes import WHY, Became, markdown, note_failure
from airflow_aml_retrain.journeys.table import ModelRow, models_in

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
    assert models_in(text) == [NORTH]


def test_a_table_without_models_is_one() -> None:
    assert models_in("model,source\n") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("model\nnorth\n", "expected model, source"),
        ("model,source\n,data/north\n", "expected model, source"),
        ("model,source,sorce\nnorth,data/north,x\n", "expected model, source"),
        ("model,source\nnorth,a\nNorth,b\n", "more than one would have the endpoint north,"),
        ("model,source\nnorth,a\nnorth-staging,b\n", "endpoint north-staging"),
        ("[{]", "a JSON list"),
        ("[7]", "expected model, source"),
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


@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (BadInput("blob x has no label"), "blob x has no label"),
        (AirflowFailException("job 7 failed"), "job 7 failed"),
        (ValueError("password=hunter2"), "ValueError; see the task's log"),
    ],
)
def test_only_words_of_ours_are_left_behind(exc: Exception, said: str) -> None:
    ti = Told()
    context: Any = {"ti": ti, "exception": exc}

    note_failure(context)

    assert ti.said == {WHY: said}


def test_the_table_for_people_stays_a_table() -> None:
    lines = list(markdown([Became(model="north", outcome="failed", why="a | b\nc")]))

    assert lines[2:] == [r"| north | failed | a \| b c |"]
