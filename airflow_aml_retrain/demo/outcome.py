"""What became of a month: read from Airflow, from the decision record, and from the endpoint."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from airflow_aml_retrain.demo.rest import Rest

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

EVALUATE: Final = "evaluate"
PROMOTE: Final = "promote"

_TAIL: Final = 25


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of champion and challenger; None where it could not be computed."""

    champion: float | None
    challenger: float | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What production says: the *model* it serves, and its *score* of the same person."""

    model: str
    score: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    One month's run: its decision, and the endpoint *before* and *after* it.

    *report* is the decision's page, as HTML.
    """

    cut_off: date
    run_state: str
    promote_state: str
    verdict: str
    headline: str
    metrics: Mapping[str, Compared]
    report: bytes = field(repr=False)
    before: Endpoint
    after: Endpoint

    def departures(self, verdict: str) -> list[str]:
        """How this differs from a run that is green and says *verdict*; empty: not at all."""
        promoted = verdict == "PROMOTE"
        wanted = "success" if promoted else "skipped"
        checks = {
            f"the run is {self.run_state}": self.run_state == "success",
            f"the verdict is {self.verdict}, not {verdict}": self.verdict == verdict,
            f"promote is {self.promote_state}, not {wanted}": self.promote_state == wanted,
            "the wrong model serves": (self.before.model != self.after.model) == promoted,
            "the endpoint's answer is not that model's": (self.before.score != self.after.score)
            == promoted,
        }
        return [f"{self.cut_off}: {said}" for said, is_so in checks.items() if not is_so]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a run decided, every metric in its decision record, and its report."""

    verdict: str
    headline: str
    metrics: Mapping[str, Compared]
    report: bytes = field(repr=False)


def decided(rest: Rest, dag_id: str, run_id: str, blobs: "BlobServiceClient") -> Decided:
    said = rest.xcom(dag_id, run_id, EVALUATE)
    container, _, path = str(said["decision"]).partition("/")
    record = json.loads(blobs.get_blob_client(container, path).download_blob().readall())
    page = blobs.get_blob_client(container, f"{path.removesuffix('.json')}.html")
    metrics = {
        str(numbers["metric"]): Compared(numbers["champion"], numbers["challenger"])
        for numbers in record["body"]["estimates"]
    }
    verdict, headline = str(said["verdict"]), str(said["headline"])
    return Decided(verdict, headline, metrics, page.download_blob().readall())


def why_failed(rest: Rest, dag_id: str, run_id: str) -> str:
    """Which tasks of a run failed, with the end of what each logged last."""
    failed = [task for task in rest.tasks(dag_id, run_id) if task["state"] == "failed"]
    said = [f"{run_id} failed"]
    for task in failed:
        log = rest.log(dag_id, run_id, task["task_id"], task["try_number"])
        end = "\n".join(log.splitlines()[-_TAIL:])
        said.append(f"{task['task_id']}, attempt {task['try_number']}:\n{end}")
    return "\n\n".join(said)
