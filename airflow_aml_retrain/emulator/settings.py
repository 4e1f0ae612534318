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


_GUESSES: Final = Gaps()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """
    Everything that can be set.

    *storage* is a blob storage connection string (Azurite's), *state* a folder. *public_url* is
    how clients reach us (None: as each request says). *propagation* is in seconds.
    *interrupted_jobs* says what a restart does with jobs that were running.
    """

    storage: str
    state: Path
    public_url: str | None = None
    propagation: float = 2.0
    workers: int = 2
    jobs_at_a_time: int = 40
    polls_until_done: int = 0
    interrupted_jobs: Literal["rerun", "fail"] = "rerun"
    gaps: Gaps = _GUESSES
