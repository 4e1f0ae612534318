"""
The JSON that clients send, parsed.

Unknown members are ignored. Enums travel as strings or as the integers of the service's own
contracts, in any case.
"""

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from airflow_aml_retrain.emulator.records import Kind, Task
from airflow_aml_retrain.emulator.refusals import bad_argument

M = TypeVar("M", bound=BaseModel)
Scalar = str | int | float | bool


def _enum(*names: str) -> BeforeValidator:
    """Takes a name in any case or its number, and gives the name."""
    known = {name.lower(): name for name in names}
    known |= {str(number): name for number, name in enumerate(names)}
    return BeforeValidator(lambda value: known.get(str(value).lower(), value))


ThrottleLevel = Annotated[Literal["Low", "High"], _enum("Low", "High")]
Diagnostics = Annotated[Literal["None", "Error", "All"], _enum("None", "Error", "All")]
ResourceKind = Annotated[Literal["TrainedModel"], _enum("TrainedModel")]


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="ignore")


class BlobMessage(_Message):
    connection_string: str | None = None
    relative_location: str | None = None
    base_location: str | None = None
    sas_blob_token: str | None = None


class Submission(_Message):
    """The body of a submit; *input* is the older form of *inputs*."""

    input: BlobMessage | None = None
    inputs: dict[str, BlobMessage | None] | None = None
    outputs: dict[str, BlobMessage | None] | None = None
    global_parameters: dict[str, Scalar | None] | None = None


class Execution(_Message):
    """The body of an RRS call; the inputs are read by their format."""

    inputs: dict[str, Any] | None = None
    global_parameters: dict[str, Scalar | None] | None = None


class TableMessage(_Message):
    column_names: list[str]
    rows: list[list[Scalar | None]] = Field(alias="Values")


class ResourceMessage(_Message):
    name: str
    kind: ResourceKind = "TrainedModel"
    location: BlobMessage


class EndpointMessage(_Message):
    """The body of a PUT or PATCH of an endpoint; what is absent stays as it is."""

    description: str | None = None
    throttle_level: ThrottleLevel | None = None
    max_concurrent_calls: int | None = None
    diagnostics_trace_level: Diagnostics | None = None
    prevent_update: bool | None = None
    resources: list[ResourceMessage] | None = None


class RefreshMessage(_Message):
    """*overwrite_resources* is the string "True" or "False" in real clients."""

    overwrite_resources: bool = False


EMPTY: Final = b"{}"


def parse(kind: type[M], body: bytes) -> M:
    """*body* as a *kind*; `RequestBodyInvalid` otherwise."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        raise bad_argument("RequestBodyInvalid") from exc


class _Control(BaseModel):
    """Of our own control API, where a misspelt member is an error."""

    model_config = ConfigDict(extra="forbid")


class WorkspaceWish(_Control):
    name: str | None = None
    workspace_id: str | None = None
    token: str | None = None


class PrincipalWish(_Control):
    """*certificate* is PEM text, without its key; what is None is made up."""

    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    identity_header: str | None = None
    certificate: str = ""
    federated_token: str = ""


class Publication(_Control):
    """
    A service to publish.

    *outputs* are its output names in order (model and evaluation, or the scored table);
    *parameters* its global parameters with their defaults, null where one must be given.
    """

    name: str
    kind: Kind
    task: Task = Task.CLASSIFICATION
    label: str
    training_csv: str = ""
    resource_name: str | None = None
    nbsp: bool = False
    web_service_id: str | None = None
    input: str = "input1"
    outputs: list[str] | None = None
    parameters: dict[str, str | None] | None = None


class DefinitionWish(_Control):
    """A new web service to publish; *resource_name* and *nbsp* as in `Publication`."""

    subscription_id: str = "5ca1ab1e-0000-4000-8000-000000000001"
    resource_group: str
    name: str
    kind: Kind
    task: Task = Task.CLASSIFICATION
    label: str
    training_csv: str
    resource_name: str | None = None
    nbsp: bool = False
    location: str = "South Central US"


class Deed(_Control):
    """
    What a fault does.

    *status* answers with that status, and *code*, *detail*, *message* (the detail's if there is
    one), *headers*; *drop* closes the connection with no answer; with *after* the request is
    carried out first. *delay* is in seconds. *fail_job* makes the job that is started fail with
    those details, *expire_sas* makes a job's SAS tokens old ones, *expire_tokens* does so with the
    access token that the request shows, *ignore_patch* accepts a PATCH
    and changes nothing ("served": it shows the new location and goes on to answer with the old
    model).

    Of a new web service: *fail_operation* makes an operation fail with that message and
    *hang_operation* never lets it end; *ignore_patch* is as above, by an operation that succeeds;
    *serve_old* changes the definition and not the model that answers; *stale_read* shows the
    definition of before.
    """

    status: int | None = None
    code: str | None = None
    detail: str | None = None
    message: str | None = None
    headers: dict[str, str] | None = None
    drop: bool = False
    after: bool = False
    delay: float | None = None
    fail_job: str | None = None
    expire_sas: bool = False
    expire_tokens: bool = False
    ignore_patch: bool | Literal["served"] = False
    fail_operation: str | None = None
    hang_operation: bool = False
    serve_old: bool = False
    stale_read: bool = False


class Fault(_Control):
    """The next *times* requests that match suffer *do*; *path* is any part of the path."""

    plane: Literal["jobs", "execute", "management", "resources", "identity"] | None = None
    method: str | None = None
    path: str | None = None
    times: int = 1
    do: Deed
