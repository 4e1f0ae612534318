"""
`python -m airflow_aml_retrain.demo.furnish`: makes an Airflow that runs ready for the examples.

Lands the data that the example DAGs learn from, publishes the census models in an emulator, gives
the one in production a past, and makes the connections. Law: what is there already stays as it is,
so this may be run at every start; a connection is made last, when all it leads to is there.

What cannot be had here, because nothing on this machine emulates it, is said and not made up
(`FOREIGN`).
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.demo import history, landed, story
from airflow_aml_retrain.demo.airflow import USER
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import Census, census
from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.dated import begins
from airflow_aml_retrain.demo.machine import Machine
from airflow_aml_retrain.demo.processes import DemoFailed
from airflow_aml_retrain.demo.resources import CensusResources
from airflow_aml_retrain.demo.rest import Rest
from airflow_aml_retrain.demo.scene import Scene
from airflow_aml_retrain.demo.screen import Screen
from airflow_aml_retrain.demo.workspace import CensusWorkspace
from airflow_aml_retrain.errors import RetrainError

PASSWORD: Final = "AIRFLOW_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
IDENTITY: Final = "IDENTITY_HEADER"
FOREIGN: Final[Mapping[str, str]] = {
    "azure_service_bus_default": "retrain_on_messages wants a queue of Azure Service Bus"
}
"""Connections that an example names and that are a person's to make, and why."""

# The story is told in the month after the first that the schedule is for.
_A_MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is furnished, and with what."""

    rest: Rest
    emulator: Emulator
    azurite: Azurite
    store: BlobStore
    census: Census


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    screen = Screen()
    told = os.environ  # noqa: TID251 - the demo is the outermost room
    try:
        azurite = Azurite.at(options.storage)
        with azurite.store() as store:
            whole = _Whole(
                Rest(options.airflow, USER, told.get(PASSWORD, "")),
                Emulator(options.emulator),
                azurite,
                store,
                census(begins(options.dags / f"{CensusWorkspace.dag_id}.py") + _A_MONTH),
            )
            # First of all: from here on it is known by the header that Airflow's processes hold.
            Machine.of(whole.emulator, told.get(IDENTITY, ""))
            _furnish(screen, whole)
    except (DemoFailed, RetrainError) as exc:
        screen.fail(str(exc))
        return 1
    return 0


def _furnish(screen: Screen, whole: _Whole) -> None:
    blobs = landed.landed(whole.census)
    with screen.step(f"Data in the container {story.CONTAINER!r}") as say:
        say(f"{landed.written(whole.store, blobs)} new of {len(blobs)} blobs")
    rest = whole.rest
    makers: Mapping[str, Callable[[], None]] = {
        story.STORAGE: lambda: story.connect_storage(rest, whole.azurite),
        CensusWorkspace.conn_id: lambda: story.connect_scene(rest, _workspace(whole)),
        CensusResources.conn_id: lambda: story.connect_scene(rest, _resources(whole)),
    }
    for conn_id, make in makers.items():
        with screen.step(f"Connection {conn_id}") as say:
            if rest.has_connection(conn_id):
                say("is there already")
            else:
                make()
    for conn_id, why in FOREIGN.items():
        screen.say(f" {why}: its file says what to set up. {conn_id} is yours to make.")


def _workspace(whole: _Whole) -> Scene:
    """With a model in production that was retrained once already."""
    workspace = CensusWorkspace.publish(whole.emulator, whole.census.published)
    earlier = whole.census.earlier
    [name] = earlier.landed
    place = f"{story.CONTAINER}/{name}"
    history.promoted_once(workspace, whole.store, place, earlier.cut_off.isoformat())
    return workspace


def _resources(whole: _Whole) -> Scene:
    return CensusResources.publish(whole.emulator, whole.census.published)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_aml_retrain.demo.furnish",
        description="Publish the models, land the data and make the connections that the example "
        f"DAGs want. {PASSWORD} is the password of {USER!r}; {IDENTITY} is what Airflow's "
        "processes show as their managed identity.",
    )
    parser.add_argument("--airflow", required=True, help="URL of the api-server")
    parser.add_argument("--emulator", required=True, help="URL of the emulator")
    parser.add_argument("--storage", required=True, help="HOST:PORT of Azurite")
    parser.add_argument("--dags", required=True, type=Path, help="the folder of example DAGs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
