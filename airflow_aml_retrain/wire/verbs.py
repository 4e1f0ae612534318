"""What any backend can be told, whichever generation of the service is behind it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from airflow_aml_retrain.wire.blobs import ModelBlob, Serving
from airflow_aml_retrain.wire.conversation import Conversation
from airflow_aml_retrain.wire.jobs import JobId, JobReport

Row = Mapping[str, str | float | int | None]


class Verbs(Protocol):
    """
    One endpoint of one web service: its batch jobs, its answers, its model.

    *lag* is for how many seconds a change that was accepted may not be seen at all, neither as
    done nor as under way.
    """

    @property
    def lag(self) -> float: ...

    def submit(
        self, inputs: Mapping[str, ModelBlob], parameters: Mapping[str, str]
    ) -> Conversation[JobId]:
        """Create a job over *inputs* (input name to blob). It does not run until `start`."""

    def start(self, job: JobId) -> Conversation[None]: ...

    def poll(self, job: JobId) -> Conversation[JobReport]: ...

    def cancel(self, job: JobId) -> Conversation[None]: ...

    def outputs(self, job: JobId) -> Conversation[Mapping[str, ModelBlob]]:
        """The results of a job that succeeded, by output name, each with a fresh token."""

    def score(self, rows: Sequence[Row]) -> Conversation[list[dict[str, str]]]:
        """Ask the endpoint about *rows*; one answered row for each, in the same order."""

    def serving(self) -> Conversation[Serving]: ...

    def resources(self) -> Conversation[Serving]:
        """What can be updated, without waiting for what may be under way."""

    def published(self) -> Conversation[Serving]:
        """What `restore` goes back to: for a classic service, what its default endpoint serves."""

    def publish(
        self,
        model: ModelBlob,
        resource: str | None = None,
        *,
        instead_of: Collection[str] | None = None,
    ) -> Conversation[str]:
        """
        Put *model* into the updatable *resource* (None: the only one).

        Raises `PromotionRefused` if none of the models at *instead_of* lies there, for
        as much as may be read. Accepted is not yet serving. Returns the URL of the operation that
        goes on behind the acceptance, which `followed` follows; empty where acceptance is all
        that is ever said.
        """

    def followed(
        self, operation: str, *, resource: str, location: str, every: float
    ) -> Conversation[None]:
        """
        Wait until the change of *resource* to the model at *location* has ended.

        *operation* is what `publish` returned; where it is not known or may not be asked, the
        endpoint itself is looked at. Looks every *every* seconds. Raises `UpdateFailed` if the
        service says that the change failed, and `WireError` for what its protocol does not
        define; that it ended well proves nothing about the model.
        """

    def restore(self) -> Conversation[None]:
        """Go back to the model that the endpoint was published with."""
