"""What the emulator remembers, and keeps over a restart."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

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
    None where there is none. *missing* is what the emulator would need to run it and has not got.
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
    missing: str = ""

    @property
    def parent(self) -> str:
        return self.workspace_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """
    One endpoint; *id* is the GUID of the data plane, *name* what the management plane uses.

    *workspace_id* is the subscription's, without its dashes, where that is the *holder*.
    """

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
    holder: Literal["workspaces", "subscriptions"] = "workspaces"

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """
    An application that may sign in.

    It shows *client_secret*, an assertion signed with the key of *certificate* (PEM), or
    *federated_token*; on a machine of its own it asks the identity endpoint with
    *identity_header*.
    """

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    identity_header: str = field(repr=False)
    certificate: str = ""
    federated_token: str = field(default="", repr=False)

    @property
    def id(self) -> str:
        return f"{self.tenant_id}/{self.client_id}".lower()

    @property
    def parent(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """
    An access token that was given out, for *audience* until *expires*.

    *id* is its hash: the token itself is nobody's but the client's.
    """

    id: str
    principal_id: str
    audience: str
    expires: float

    @property
    def parent(self) -> str:
        return self.principal_id


@dataclass(frozen=True, slots=True, kw_only=True)
class WebService:
    """
    A new web service: a resource of Azure, told by its definition.

    *path* is its resource id as it was created, *guid* its name in the data plane. *properties*
    are the definition that last succeeded and *before* the one before that (None where there is
    none), without keys; *regions* are those for which a payload was made.
    """

    path: str
    subscription_id: str
    group: str
    name: str
    location: str
    guid: str
    created: float
    modified: float
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)
    state: str = "Provisioning"
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, Any] | None = field(default=None, repr=False)
    before: dict[str, Any] | None = field(default=None, repr=False)
    storage_account: str = ""
    storage_key: str = field(default="", repr=False)
    commitment_plan: str = ""
    regions: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.path.lower()

    @property
    def parent(self) -> str:
        return self.subscription_id.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    Something asked of a web service that takes its time.

    *wanted* are the properties of a PUT or PATCH, *region* is where a payload is to be made.
    *status* is empty until it is known. *doomed* is the error of a failure asked for in advance;
    *ignored* changes nothing, *unserved* does not reach the model that answers.
    """

    id: str
    service_id: str
    subscription_id: str
    location: str
    method: Literal["PUT", "PATCH", "DELETE", "POST"]
    version: str
    created: float
    starts: float
    ends: float
    wanted: dict[str, Any] = field(default_factory=dict, repr=False)
    tags: dict[str, str] | None = None
    region: str = ""
    status: Literal["", "Succeeded", "Failed"] = ""
    code: str = ""
    message: str = ""
    doomed: str | None = None
    ignored: bool = False
    unserved: bool = False

    @property
    def parent(self) -> str:
        return self.service_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentPlan:
    """The billing plan of web services; *path* is its resource id as it was created."""

    path: str
    subscription_id: str
    name: str
    location: str
    etag: str
    created: float
    sku: dict[str, Any]
    tags: dict[str, str]

    @property
    def id(self) -> str:
        return self.path.lower()

    @property
    def parent(self) -> str:
        return self.subscription_id.lower()
