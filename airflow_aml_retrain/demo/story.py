"""
The story in its acts: the other side, Airflow, the data, two months, the end.

Law: nothing here makes a run or a decision. Data lands, the schedule is switched on, and what
happens then is Airflow's and the package's own doing, which is only watched and told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.markup import escape

from airflow_aml_retrain.demo import emulation
from airflow_aml_retrain.demo.airflow import USER, Home, free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import Census, Month
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.dated import dated
from airflow_aml_retrain.demo.live import FINAL, LiveAirflow
from airflow_aml_retrain.demo.outcome import (
    PROMOTE,
    Endpoint,
    Outcome,
    decided,
    why_failed,
)
from airflow_aml_retrain.demo.processes import DemoFailed, Supervisor
from airflow_aml_retrain.demo.rest import Rest
from airflow_aml_retrain.demo.scene import Scene
from airflow_aml_retrain.demo.screen import Bar, Screen
from airflow_aml_retrain.demo.table import colour, month_of, table

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

CONTAINER: Final = "data"
STORAGE: Final = "wasb_default"

_AIRFLOW_PORT: Final = 8080
_EMULATOR_PORT: Final = 8086
_SCHEDULING: Final = 60.0
_RUN: Final = 600.0
_DONE: Final = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs, once it does."""

    airflow: LiveAirflow
    emulator: Emulator
    scene: Scene
    blobs: "BlobServiceClient"
    census: Census

    def endpoint(self) -> Endpoint:
        """What production serves and says at this moment."""
        score = self.scene.probability(self.census.person)
        return Endpoint(self.scene.serving(), score)


def set_up(
    screen: Screen,
    supervisor: Supervisor,
    kind: type[Scene],
    *,
    state: Path,
    dags: Path,
    census: Census,
) -> Stage:
    """Start everything, publish the first model, and tell Airflow where all is."""
    from azure.storage.blob import BlobServiceClient

    screen.act("The other side")
    with screen.step("Azurite, a blob storage") as say:
        azurite = Azurite.start(supervisor, location=state / "blobs", say=say)
        say(azurite.blob_url)
    with screen.step("Emulator of Azure ML Studio (classic)") as say:
        port = _port(screen, "the emulator", _EMULATOR_PORT)
        emulator = emulation.start(supervisor, azurite, state / "emulator", port)
        say(emulator.url)
    with screen.step(f"A first census model, published as a {kind.kind}") as say:
        scene = kind.publish(emulator, census.published)
        say(f"trained on {_rows(census.published)} rows")
    screen.act("Airflow")
    # A run is due on the first of the month, for what landed before.
    here = dated(dags, state / "dags", census.good.cut_off)
    airflow = _airflow(screen, supervisor, scene, state / "airflow", here)
    with screen.step(f"Connections {scene.conn_id} and {STORAGE}"):
        connect(airflow.rest, scene, azurite)
    blobs = BlobServiceClient.from_connection_string(azurite.connection_string)
    return Stage(airflow, emulator, scene, blobs, census)


def _airflow(
    screen: Screen, supervisor: Supervisor, scene: Scene, folder: Path, dags: Path
) -> LiveAirflow:
    port = _port(screen, "Airflow", _AIRFLOW_PORT)
    home = Home(folder, dags.resolve(), port, more=scene.environment)
    with screen.step("Database"):
        home.make()
    with screen.step("Api-servers, scheduler, dag-processor, triggerer") as say:
        airflow = LiveAirflow.start(home, supervisor)
        airflow.wait_for_dag(scene.dag_id, f"{scene.dag_id}.py")
        say(home.url)
    return airflow


def land(screen: Screen, stage: Stage) -> None:
    """Put both months and the audited rows where the DAG looks for them."""
    screen.act("Data lands")
    stage.blobs.create_container(CONTAINER)
    census = stage.census
    with screen.step("Audited rows, whose labels people have checked") as say:
        say(_written(stage, census.audited))
    with screen.step(f"{_name(census.good)}: good rows") as say:
        say(_written(stage, census.good.landed))
    with screen.step(f"{_name(census.corrupted)}: rows whose labels were swapped upstream") as say:
        say(_written(stage, census.corrupted.landed))


def live_through(screen: Screen, stage: Stage) -> tuple[Outcome, Outcome]:
    """Switch the schedule on, and watch what the scheduler makes of the two months past."""
    screen.act("The scheduler catches up")
    before = stage.endpoint()
    screen.say(f" Production gives one person a chance of {before.score:.3f} of a high income.")
    dag_id = stage.scene.dag_id
    with screen.step(f"{dag_id} switched on"):
        stage.airflow.rest.unpause(dag_id)
    good = _watched(screen, stage, stage.census.good, before)
    corrupted = _watched(screen, stage, stage.census.corrupted, good.after)
    return good, corrupted


def end(screen: Screen, outcomes: tuple[Outcome, Outcome], folder: Path) -> list[str]:
    """
    Show both decisions, and leave the report of each in *folder*.

    Returns how they differ from the story as it should go.
    """
    screen.act("What was decided")
    screen.say(table(outcomes))
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        page = folder / f"{outcome.cut_off:%Y-%m}-{outcome.verdict.lower()}.html"
        page.write_bytes(outcome.report)
        screen.say(f" The report of {month_of(outcome.cut_off)}: {page.as_uri()}")
    good, corrupted = outcomes
    return [*good.departures("PROMOTE"), *corrupted.departures("REJECT")]


def invite(screen: Screen, stage: Stage, state: Path) -> None:
    """Say where a person can look around."""
    home = stage.airflow.home
    screen.act("Look around")
    rows = {
        "Airflow": f"{home.url}/dags/{stage.scene.dag_id}",
        "Login": f"{USER} / {home.password}   [dim](kept in {home.passwords})[/]",
        "Emulator": stage.emulator.url,
        "Logs": str(state / "logs"),
    }
    for name, value in rows.items():
        screen.say(f" [bold]{name:<9}[/]{value}")
    screen.say("\n Ctrl-C stops everything.")


def _port(screen: Screen, who: str, wish: int) -> int:
    port = free_port(wish)
    if port != wish:
        screen.say(f" [yellow]![/] Port {wish} is taken: {who} listens on {port}")
    return port


def connect(rest: Rest, scene: Scene, azurite: Azurite) -> None:
    """Tell Airflow where services and storage are, in connections of the DAGs' default names."""
    connect_scene(rest, scene)
    connect_storage(rest, azurite)


def connect_scene(rest: Rest, scene: Scene) -> None:
    rest.add_connection(scene.conn_id, scene.conn_type, **scene.connection)


def connect_storage(rest: Rest, azurite: Azurite) -> None:
    extra = f'{{"connection_string": "{azurite.connection_string}"}}'
    rest.add_connection(STORAGE, "wasb", extra=extra)


def _written(stage: Stage, files: Mapping[str, bytes]) -> str:
    """Write *files*; say how many rows in how many."""
    for name, content in files.items():
        stage.blobs.get_blob_client(CONTAINER, name).upload_blob(content)
    return f"{sum(map(_rows, files.values())):,} rows in {len(files)} blob{'s' * (len(files) > 1)}"


def _rows(content: bytes) -> int:
    return content.count(b"\n") - 1


def _name(month: Month) -> str:
    return month_of(month.cut_off)


def _watched(screen: Screen, stage: Stage, month: Month, before: Endpoint) -> Outcome:
    """Watch the run that the scheduler makes for *month*, until it ends."""
    supervisor, rest, dag_id = stage.airflow.supervisor, stage.airflow.rest, stage.scene.dag_id
    with screen.bar(f"{_name(month)}: the run of {month.cut_off}") as bar:
        run_id = supervisor.wait_for(
            f"the run of {month.cut_off}",
            lambda: _run_of(rest, dag_id, month.cut_off),
            timeout=_SCHEDULING,
            every=1.0,
        )
        state = supervisor.wait_for(
            f"the end of {run_id}",
            lambda: _look(rest, dag_id, run_id, bar),
            timeout=_RUN,
            every=1.0,
        )
    if state == "failed":
        raise DemoFailed(why_failed(rest, dag_id, run_id))
    said = decided(rest, dag_id, run_id, stage.blobs)
    after = stage.endpoint()
    outcome = Outcome(
        cut_off=month.cut_off,
        run_state=state,
        promote_state=str(rest.states(dag_id, run_id)[PROMOTE]),
        verdict=said.verdict,
        headline=said.headline,
        metrics=said.metrics,
        report=said.report,
        before=before,
        after=after,
    )
    verdict = f"[bold {colour(outcome)}]{said.verdict}[/]"
    screen.say(f"   {verdict}{escape(said.headline.removeprefix(said.verdict))}")
    screen.say(f"   The same person: {before.score:.3f} before, {after.score:.3f} after.")
    return outcome


def _run_of(rest: Rest, dag_id: str, day: date) -> str | None:
    found = (run for run in rest.runs(dag_id) if str(run["logical_date"]).startswith(f"{day}"))
    return next((str(run["dag_run_id"]) for run in found), None)


def _look(rest: Rest, dag_id: str, run_id: str, bar: Bar) -> str | None:
    """Move the bar; the state of the run, once it is final."""
    tasks = rest.tasks(dag_id, run_id)
    doing = [task["task_id"] for task in tasks if task["state"] in {"running", "deferred"}]
    done = sum(task["state"] in _DONE for task in tasks)
    bar.show(done, len(tasks), ", ".join(doing))
    state = str(rest.run(dag_id, run_id)["state"])
    return state if state in FINAL else None
