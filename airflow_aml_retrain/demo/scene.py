"""What the story needs of the census model, whichever generation of web service it is behind."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, Self

from airflow_aml_retrain.demo.control import Emulator


class Scene(Protocol):
    """
    A census model in service, and the DAG that keeps it fresh.

    *kind* is what people call such a web service. The DAG *dag_id* finds it by the connection
    *conn_id* of the type *conn_type*.
    """

    kind: ClassVar[str]
    dag_id: ClassVar[str]
    conn_id: ClassVar[str]
    conn_type: ClassVar[str]

    @classmethod
    def publish(cls, emulator: Emulator, published: bytes) -> Self:
        """Publish what trains and what answers; the latter was trained on the CSV *published*."""

    @property
    def connection(self) -> Mapping[str, object]:
        """The other fields of the Airflow connection."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What Airflow's processes must be told besides."""

    def probability(self, person: Mapping[str, str]) -> float:
        """What production says of *person*: the chance of a high income."""

    def serving(self) -> str:
        """Where the model in production lies."""
