"""What the emulator remembers: workspaces, services, endpoints with their models, jobs."""

from dataclasses import dataclass, field
from enum import StrEnum

from airflow_aml_retrain.emulator.lifecycle import Status


class Kind(StrEnum):
    """A training service makes models and has nothing to update; a scoring service serves one."""

    TRAINING = "training"
    SCORING = "scoring"


class Task(StrEnum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    id: str
    name: str
    token: str = field(repr=False)
    created: float

    @property
    def parent(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """
    A model that was put into an endpoint.

    *base*, *relative* and *sas* are the location as it was given, *asset* our own copy,
    *live_from* the time at which the endpoint begins to answer with it.
    """

    base: str
    relative: str
    asset: str
    live_from: float
    sas: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """
    A published web service.

    *schema* is the input table's columns with their types; *model* what it was published with
    (None for a training service); *parameters* names the global parameters with their defaults,
    None where there is none.
    """

    id: str
    workspace_id: str
    name: str
    kind: Kind
    task: Task
    label: str
    resource_name: str
    input_name: str
    output_names: tuple[str, ...]
    parameters: dict[str, str | None]
    schema: tuple[tuple[str, str], ...]
    example: tuple[str, ...]
    model: ModelVersion | None
    created: float

    @property
    def parent(self) -> str:
        return self.workspace_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint; *id* is the GUID of the data plane, *name* what the management plane uses."""

    id: str
    service_id: str
    workspace_id: str
    name: str
    is_default: bool
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)
    versions: tuple[ModelVersion, ...]
    created: float
    description: str = ""
    throttle_level: str = "High"
    max_concurrent_calls: int = 20
    diagnostics: str = "None"
    prevent_update: bool = False

    @property
    def parent(self) -> str:
        return self.service_id

    def serving(self, now: float) -> ModelVersion | None:
        """The model that answers at *now*: the newest that has propagated."""
        live = [version for version in self.versions if version.live_from <= now]
        return live[-1] if live else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobReference:
    """A blob as the wire names it; *redirected* is false for results in the service's own place."""

    relative: str
    base: str = ""
    connection_string: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)
    redirected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    A batch job.

    *starts* counts how often it was started, *polls* how often it was asked about, *lingering*
    for how many more polls it hides that it was cancelled; *outcome* is what its work
    came to while a poll has yet to find out; *doomed* are the details of a failure asked for in
    advance.
    """

    id: str
    endpoint_id: str
    workspace_id: str
    service_id: str
    inputs: dict[str, BlobReference]
    outputs: dict[str, BlobReference]
    parameters: dict[str, str]
    created: float
    status: Status = Status.NOT_STARTED
    queued: bool = False
    starts: int = 0
    polls: int = 0
    lingering: int = -1
    outcome: Status | None = None
    details: str = ""
    doomed: str | None = None
    started: float | None = None
    ended: float | None = None

    @property
    def parent(self) -> str:
        return self.endpoint_id
