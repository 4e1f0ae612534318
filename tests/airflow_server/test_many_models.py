"""
Many models with a real scheduler: the example DAG over a table of five, of which two are bad.

Two have learned better, one has learned worse, one's data cannot be learned from, and one's row in
the table lacks its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from airflow_aml_retrain.demo.live import LiveAirflow
from tests.world import World, answers, census_like

if TYPE_CHECKING:
    from airflow_aml_retrain.demo.rest import Json

DAG_ID: Final = "retrain_many_models"
DAG_FILE: Final = Path(__file__).parents[2] / "dags" / f"{DAG_ID}.py"
LANDED: Final = {
    "north": census_like(400),
    "south": census_like(400, upside_down=True),
    "east": "age,hours\n1,2\n",
    "west": census_like(400, seed=1000),
}
ROWS: Final = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]
CUT_OFF: Final = "2026-10-01T00:00:00Z"

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Ended:
    """One run, once it has: its *state*, its *tasks*, and what endpoints said *before* it."""

    airflow: LiveAirflow
    world: World
    run: str
    state: str
    tasks: "list[Json]"
    before: Mapping[str, list[str]]

    @property
    def told(self) -> dict[str, dict[str, str]]:
        """What the summary says, by model."""
        told = self.airflow.rest.xcom(DAG_ID, self.run, "summary")
        return {each["model"]: each for each in told}

    def says(self, model: str) -> list[str]:
        return answers(self.world.backend(endpoint=model), ROWS)


@pytest.fixture(scope="module")
def ended(
    real_airflow: LiveAirflow, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Ended:
    container = "many-models"
    world.blob_service.create_container(container)
    _land(world, container)
    connect(real_airflow, world)
    # North was there before, with a model in service; the others are made by the run.
    with world.new_endpoint(name="north") as north:
        before = {"north": answers(north, ROWS)}
    file = tmp_path_factory.mktemp("many") / DAG_FILE.name
    file.write_text(_example(container))
    real_airflow.add_dag(file, DAG_ID)
    real_airflow.rest.unpause(DAG_ID)
    run = real_airflow.rest.trigger(DAG_ID, table=f"{container}/models.csv", data_cutoff=CUT_OFF)
    state = real_airflow.wait_for_run(DAG_ID, run, timeout=300)
    return Ended(real_airflow, world, run, state, real_airflow.rest.tasks(DAG_ID, run), before)


def _example(container: str) -> str:
    """The example as it is, but begun by hand, one training at a time, in a storage of its own."""
    changes = {
        'schedule="@monthly"': "schedule=None",
        "max_active_jobs=40": f'max_active_jobs=1, storage="{container}"',
    }
    text = DAG_FILE.read_text()
    for found, put in changes.items():
        assert text.count(found) == 1
        text = text.replace(found, put)
    return text


def _land(world: World, container: str) -> None:
    lines = ["model,source,holdout_source"]
    for model, csv in LANDED.items():
        world.store.write(container, f"{model}/landing/2026-09-15.csv", csv.encode())
        audited = census_like(300, seed=9000).encode()
        world.store.write(container, f"{model}/audited/2026-09-15.csv", audited)
        lines.append(f"{model},{container}/{model}/landing,{container}/{model}/audited")
    lines.insert(1, "nowhere")
    world.store.write(container, "models.csv", "\n".join(lines).encode())


def connect(airflow: LiveAirflow, world: World) -> None:
    """Tell Airflow of the world in connections of the DAG's default names."""
    settings = world.settings
    airflow.rest.add_connection(
        "aml_studio_default",
        "aml_studio",
        host=world.emulator.url,
        password=settings.token.reveal(),
        extra=f'{{"workspace_id": "{settings.workspace_id}"}}',
    )
    extra = f'{{"connection_string": "{world.connection_string}"}}'
    airflow.rest.add_connection("wasb_default", "wasb", extra=extra)


def test_the_better_ones_are_promoted_the_worse_one_is_kept_out_the_bad_ones_fail_alone(
    ended: Ended,
) -> None:
    outcomes = {model: said["outcome"] for model, said in ended.told.items()}

    assert outcomes == {
        "north": "promoted",
        "south": "kept",
        "east": "failed",
        "west": "promoted",
        "nowhere": "failed",
    }
    assert ended.state == "success"
    published = ended.before["north"]
    changed = {model: ended.says(model) != published for model in ("north", "south", "west")}
    assert changed == {"north": True, "south": False, "west": True}


def test_the_summary_says_why_for_each(ended: Ended) -> None:
    why = {model: said["why"] for model, said in ended.told.items()}

    assert why["north"].startswith("PROMOTE")
    assert why["south"].startswith("REJECT")
    assert why["east"].startswith("prepare: ")
    assert "income" in why["east"]
    assert why["nowhere"].startswith("row 1 of the table: ")
    assert "| east | failed | prepare: " in ended.airflow.rest.log(DAG_ID, ended.run, "summary")


def test_no_more_models_train_at_a_time_than_may(ended: Ended) -> None:
    waits = [_times(task) for task in ended.tasks if task["task_id"] == "wait" and task["end_date"]]
    waits = sorted(wait for wait in waits if wait[0] < wait[1])

    assert len(waits) >= len(LANDED) - 1
    assert all(begin >= end for (_, end), (begin, _) in pairwise(waits))


def _times(task: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(task["start_date"]), datetime.fromisoformat(task["end_date"])
