"""A secrets backend, as companies plug theirs into Airflow: it can be changed, and it counts."""

import json
from typing import Any, ClassVar

from airflow.sdk.bases.secrets_backend import BaseSecretsBackend


class Safe(BaseSecretsBackend):
    """
    Connections by id, and every id that was asked for.

    Airflow makes the one that it uses by itself, so what lies in a safe lies in all of them.
    """

    inside: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        self.asked.append(conn_id)
        return self.inside.get(conn_id)

    @classmethod
    def put(cls, conn_id: str, conn_type: str, **fields: Any) -> str:
        """Lay a connection in, or another in its place; its id."""
        cls.inside[conn_id] = json.dumps({"conn_type": conn_type, **fields})
        return conn_id

    @classmethod
    def empty(cls) -> None:
        cls.inside.clear()
        cls.asked.clear()
