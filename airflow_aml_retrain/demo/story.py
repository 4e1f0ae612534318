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

from airflow_aml_retrain.demo import emulation
from airflow_aml_retrain.demo.airflow import USER, Home, free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import Census, Month
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.dated import dated
from airflow_aml_retrain.demo.live import FINAL, LiveAirflow
from airflow_aml_retrain.demo.outcome import (
    DAG_ID,
    PROMOTE,
    Endpoint,
    Outcome,
    decided,
    why_failed,
)
from airflow_aml_retrain.demo.processes import DemoFailed, Supervisor
from airflow_aml_retrain.demo.rest import Rest
from airflow_aml_retrain.demo.screen import Bar, Screen
from airflow_aml_retrain.demo.table import colour, month_of, table
from airflow_aml_retrain.demo.workspace import CensusWorkspace

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

CONTAINER: Final = "data"

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
    workspace: CensusWorkspace
    blobs: "BlobServiceClient"
    census: Census

    def endpoint(self) -> Endpoint:
        """What production serves and says at this moment."""
        score = self.workspace.probability(self.census.person)
        return Endpoint(self.workspace.serving(), score)


def set_up(
    screen: Screen, supervisor: Supervisor, *, state: Path, dags: Path, census: Census
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
    with screen.step("A first census model, published as a web service") as say:
        workspace = CensusWorkspace.publish(emulator, census.published)
        say(f"trained on {_rows(census.published)} rows")
    screen.act("Airflow")
    # A run is due on the first of the month, for what landed before.
    here = dated(dags, state / "dags", census.good.cut_off)
    airflow = _airflow(screen, supervisor, state / "airflow", here)
    with screen.step("Connections aml_studio_default and wasb_default"):
        connect(airflow.rest, workspace, azurite)
    blobs = BlobServiceClient.from_connection_string(azurite.connection_string)
    return Stage(airflow, emulator, workspace, blobs, census)


def _airflow(screen: Screen, supervisor: Supervisor, folder: Path, dags: Path) -> LiveAirflow:
    home = Home(folder, dags.resolve(), _port(screen, "Airflow", _AIRFLOW_PORT))
    with screen.step("Database"):
        home.make()
    with screen.step("Api-server, scheduler, dag-processor, triggerer") as say:
        airflow = LiveAirflow.start(home, supervisor)
        airflow.wait_for_dag(DAG_ID, f"{DAG_ID}.py")
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
    with screen.step(f"{DAG_ID} switched on"):
        stage.airflow.rest.unpause(DAG_ID)
    good = _watched(screen, stage, stage.census.good, before)
    corrupted = _watched(screen, stage, stage.census.corrupted, good.after)
    return good, corrupted


def end(screen: Screen, outcomes: tuple[Outcome, Outcome]) -> list[str]:
    """Show both decisions; return how they differ from the story as it should go."""
    screen.act("What was decided")
    screen.say(table(outcomes))
    good, corrupted = outcomes
    return [*good.departures("PROMOTE"), *corrupted.departures("REJECT")]


def invite(screen: Screen, stage: Stage, state: Path) -> None:
    """Say where a person can look around."""
    home = stage.airflow.home
    screen.act("Look around")
    rows = {
        "Airflow": f"{home.url}/dags/{DAG_ID}",
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


def connect(rest: Rest, workspace: CensusWorkspace, azurite: Azurite) -> None:
    """Tell Airflow where workspace and storage are, in connections of the DAGs' default names."""
    rest.add_connection("aml_studio_default", "aml_studio", **workspace.connection)
    extra = f'{{"connection_string": "{azurite.connection_string}"}}'
    rest.add_connection("wasb_default", "wasb", extra=extra)


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
    supervisor, rest = stage.airflow.supervisor, stage.airflow.rest
    with screen.bar(f"{_name(month)}: the run of {month.cut_off}") as bar:
        run_id = supervisor.wait_for(
            f"the run of {month.cut_off}",
            lambda: _run_of(rest, month.cut_off),
            timeout=_SCHEDULING,
            every=1.0,
        )
        state = supervisor.wait_for(
            f"the end of {run_id}", lambda: _look(rest, run_id, bar), timeout=_RUN, every=1.0
        )
    if state == "failed":
        raise DemoFailed(why_failed(rest, run_id))
    verdict, headline, metrics = decided(rest, run_id, stage.blobs)
    after = stage.endpoint()
    promote = str(rest.states(DAG_ID, run_id)[PROMOTE])
    outcome = Outcome(
        month.cut_off, state, promote, verdict, headline, metrics, before=before, after=after
    )
    screen.say(f"   [bold {colour(outcome)}]{verdict}[/]{headline.removeprefix(verdict)}")
    screen.say(f"   The same person: {before.score:.3f} before, {after.score:.3f} after.")
    return outcome


def _run_of(rest: Rest, day: date) -> str | None:
    found = (run for run in rest.runs(DAG_ID) if str(run["logical_date"]).startswith(f"{day}"))
    return next((str(run["dag_run_id"]) for run in found), None)


def _look(rest: Rest, run_id: str, bar: Bar) -> str | None:
    """Move the bar; the state of the run, once it is final."""
    tasks = rest.tasks(DAG_ID, run_id)
    doing = [task["task_id"] for task in tasks if task["state"] in {"running", "deferred"}]
    done = sum(task["state"] in _DONE for task in tasks)
    bar.show(done, len(tasks), ", ".join(doing))
    state = str(rest.run(DAG_ID, run_id)["state"])
    return state if state in FINAL else None
