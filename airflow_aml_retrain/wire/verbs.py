"""What any backend can be told, whichever generation of the service is behind it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from airflow_aml_retrain.wire.blobs import ModelBlob, Serving
from airflow_aml_retrain.wire.conversation import Conversation
from airflow_aml_retrain.wire.jobs import JobId, JobReport

Row = Mapping[str, str | float | int | None]


class Verbs(Protocol):
    """One endpoint of one web service: its batch jobs, its answers, its model."""

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

    def published(self) -> Conversation[Serving]:
        """What `restore` goes back to: for a classic service, what its default endpoint serves."""

    def publish(self, model: ModelBlob, resource: str | None = None) -> Conversation[None]:
        """
        Put *model* into the updatable *resource* (None: the only one).

        Accepted is not yet serving.
        """

    def restore(self) -> Conversation[None]:
        """Go back to the model that the endpoint was published with."""
