"""
`python -m airflow_aml_retrain.demo.furnish`: makes an Airflow that runs ready for the examples.

Publishes the census models in an emulator, lands the data of the two months with which the
examples' schedule begins, and makes the connections. Law: what is there already stays as it is,
so this may be run at every start; a connection is made last, when all it leads to is there.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_aml_retrain.demo import story
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

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

PASSWORD: Final = "AIRFLOW_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
IDENTITY: Final = "IDENTITY_HEADER"

_SCENES: Final[Sequence[type[Scene]]] = (CensusWorkspace, CensusResources)
# The story is told in the month after the first that the schedule is for.
_A_MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is furnished, and with what."""

    rest: Rest
    emulator: Emulator
    azurite: Azurite
    census: Census


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    screen = Screen()
    told = os.environ  # noqa: TID251 - the demo is the outermost room
    try:
        whole = _Whole(
            Rest(options.airflow, USER, told.get(PASSWORD, "")),
            Emulator(options.emulator),
            _azurite(options.storage),
            census(begins(options.dags / f"{CensusWorkspace.dag_id}.py") + _A_MONTH),
        )
        # First of all: from here on it is known by the header that Airflow's processes hold.
        Machine.of(whole.emulator, told.get(IDENTITY, ""))
        _land(screen, whole)
        for kind in _SCENES:
            _connect(screen, kind, whole)
    except DemoFailed as exc:
        screen.fail(str(exc))
        return 1
    return 0


def _land(screen: Screen, whole: _Whole) -> None:
    from azure.storage.blob import BlobServiceClient

    dealt = whole.census
    with (
        screen.step(f"Data in the container {story.CONTAINER!r}") as say,
        BlobServiceClient.from_connection_string(whole.azurite.connection_string) as service,
    ):
        container = service.get_container_client(story.CONTAINER)
        if not container.exists():
            container.create_container()
        landed = {**dealt.audited, **dealt.good.landed, **dealt.corrupted.landed}
        say(f"{_written(container, landed)} new of {len(landed)} blobs")


def _written(container: "ContainerClient", files: Mapping[str, bytes]) -> int:
    """How many of *files* were not there yet, and are now."""
    missing = [name for name in files if not container.get_blob_client(name).exists()]
    for name in missing:
        container.upload_blob(name, files[name])
    return len(missing)


def _connect(screen: Screen, kind: type[Scene], whole: _Whole) -> None:
    with screen.step(f"{kind.conn_id}, for {kind.dag_id}") as say:
        if whole.rest.has_connection(kind.conn_id):
            say("is there already")
        else:
            scene = kind.publish(whole.emulator, whole.census.published)
            story.connect(whole.rest, scene, whole.azurite)


def _azurite(place: str) -> Azurite:
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal():
        msg = f"--storage {place!r}: expected HOST:PORT"
        raise DemoFailed(msg)
    return Azurite(int(port), host)


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
