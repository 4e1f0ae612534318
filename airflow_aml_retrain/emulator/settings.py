"""
What the emulator can be told.

Law: wherever no public source settles what the real service does, the choice is a setting, and
it is a field of `Gaps`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from airflow_aml_retrain.emulator.refusals import Answer

_NOT_FOUND: Final = Answer("NotFound")
_INVALID_OPERATION: Final = Answer("InvalidOperation")
_BAD_ARGUMENT: Final = Answer("BadArgument")
_DOWNLOAD: Final = Answer("InternalError", "ResourceDownload")
_UPDATE_FAILED: Final = Answer("InternalError", "UpdateWebServiceResourceFailed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Behaviour that no public source settles; the defaults are our guesses."""

    unknown_job: Answer = _NOT_FOUND
    """A job id that nobody was given (or that is no longer kept)."""
    default_endpoint: Answer = _INVALID_OPERATION
    """PATCH of a model into the default endpoint."""
    no_resources: Answer = _INVALID_OPERATION
    """PATCH of a model into an endpoint that has no updatable resources."""
    unknown_resource: Answer = _BAD_ARGUMENT
    """PATCH with a resource name that the endpoint does not have."""
    unreadable_model: Answer = _DOWNLOAD
    """PATCH with a blob that cannot be read: missing, or its SAS expired."""
    not_a_model: Answer = _UPDATE_FAILED
    """PATCH with a blob that is not a model."""
    start_status: int = 200
    cancel_status: int = 200
    write_status: int = 200
    """PUT, PATCH, DELETE and refresh of an endpoint."""
    patch_body: Literal["empty", "endpoint"] = "empty"
    cancelled_jobs: Literal["kept", "gone"] = "kept"
    """Whether a cancelled job can still be read."""
    polls_until_cancelled: int = 0
    """Polls for which a running job that was cancelled still shows as running."""
    jobs_kept: float | None = None
    """Seconds for which a job that ended can be read; None: for ever."""
    job_times: bool = False
    """Whether the status of a job has CreatedAt, StartTime and EndTime."""
    queued_status: Literal["NotStarted", "Running"] = "NotStarted"
    """What a started job shows while it waits for a place."""
    patch: Literal["all-or-nothing", "what-it-can"] = "all-or-nothing"
    """A PATCH of several resources, of which one is refused."""
    read_back: Literal["with SAS", "without SAS"] = "with SAS"
    """An endpoint's resources; Microsoft's own client has a field for the SAS they came with."""
    patch_while_propagating: Literal["accepted", "refused"] = "accepted"
    largest_request: int = 4 * 1024 * 1024
    """Bytes of a request body."""
    largest_model: int = 512 * 1024 * 1024
    """Bytes of an .ilearner."""
    blobs_checked_on_submit: bool = True
    """Whether an input blob that cannot be read is a 400 on submit or a job that fails."""
    table_type: Literal["table", "DataTable"] = "table"
    swagger_after: float = 0.0
    """Seconds after its creation during which an endpoint has no swagger.json."""
    assets: Literal["replaced", "merged"] = "replaced"
    """What a PATCH of a definition does with assets that it does not name."""
    state_while_updating: Literal["Succeeded", "Provisioning"] = "Succeeded"
    """The provisioningState of a definition that an operation is about to replace."""
    state_after_failure: Literal["Failed", "Succeeded"] = "Failed"
    """The provisioningState of the definition that a failed operation left as it was."""
    update_while_updating: Literal["accepted", "refused"] = "accepted"
    put_without_keys: Literal["generated", "kept"] = "generated"
    """The keys of a web service that a PUT without keys overwrites."""
    operation_host: str = "own"
    """Where Azure-AsyncOperation points: "own", or a URL, with a query if it has its own."""
    preview_ends_at: float = 1.0
    """percentComplete of what has succeeded in the preview: some recorded ones ended at 8/9."""
    oversized_definition: int = 413
    """PUT or PATCH with more than 3 MB of definition in its body: 413, or a 400 of the service."""
    read_only: int = 400
    """PUT or PATCH of a definition that is read-only."""


_GUESSES: Final = Gaps()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """
    Everything that can be set.

    *storage* is a blob storage connection string (Azurite's), *state* a folder. *public_url* is
    how clients reach us (None: as each request says). *propagation* is in seconds, and so is
    *job_time*, which a job takes at least.
    *interrupted_jobs* says what a restart does with jobs that were running; *token_lifetime* is
    in seconds. An operation on a definition takes *operation_time* seconds, half of it queued;
    *page_size* is how many web services a list answers at once.
    """

    storage: str
    state: Path
    public_url: str | None = None
    propagation: float = 2.0
    workers: int = 2
    jobs_at_a_time: int = 40
    job_time: float = 0.0
    polls_until_done: int = 0
    interrupted_jobs: Literal["rerun", "fail"] = "rerun"
    token_lifetime: float = 3600.0
    operation_time: float = 1.0
    page_size: int = 1000
    gaps: Gaps = _GUESSES
