"""
The story of a new web service, under way while the classic one is told.

Most of a run is waiting, so both at once take hardly longer than one of them.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.demo import story
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import Census
from airflow_aml_retrain.demo.dated import dated
from airflow_aml_retrain.demo.outcome import Endpoint
from airflow_aml_retrain.demo.resources import CensusResources

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

DAG_ID: Final = CensusResources.dag_id
DAGS: Final = Path(__file__).parents[2] / "dags"

_LANDED: Final = "landed-for-the-new"


@dataclass(frozen=True)
class UnderWay:
    """One scheduled run for a new web service, and how production was *before* it."""

    stage: story.Stage
    scene: CensusResources
    run: str
    before: Endpoint

    @classmethod
    def begin(
        cls, stage: story.Stage, scene: CensusResources, azurite: Azurite, dags: Path
    ) -> Self:
        """Let the good month alone land, and switch on a schedule by which one run is due."""
        _land(stage.blobs, stage.census)
        before = stage.endpoint()
        story.connect(stage.airflow.rest, scene, azurite)
        stage.airflow.add_dag(_copy(dags, stage.census.corrupted.cut_off), DAG_ID)
        stage.airflow.rest.unpause(DAG_ID)
        stage.airflow.wait("a run", lambda: bool(stage.airflow.rest.runs(DAG_ID)), timeout=60)
        [run] = stage.airflow.rest.runs(DAG_ID)
        return cls(stage, scene, str(run["dag_run_id"]), before)

    def ended(self) -> str:
        """The state of the run, once it is final."""
        return self.stage.airflow.wait_for_run(DAG_ID, self.run, timeout=300)

    def exported(self) -> bytes:
        """The definition before, as the run has written it."""
        place = self.stage.airflow.rest.xcom(DAG_ID, self.run, "export")["definition"]
        return BlobStore(self.stage.blobs).read(*split_path(place))


def _land(blobs: "BlobServiceClient", census: Census) -> None:
    blobs.create_container(_LANDED)
    for name, content in {**census.audited, **census.good.landed}.items():
        blobs.get_blob_client(_LANDED, name).upload_blob(content)


def _copy(folder: Path, start: date) -> Path:
    """The example, its schedule beginning on *start*; the classic one finds other data."""
    file = dated(DAGS, folder, start) / f"{DAG_ID}.py"
    file.write_text(file.read_text().replace(f'"{story.CONTAINER}/', f'"{_LANDED}/'))
    return file
