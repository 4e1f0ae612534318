"""
The emulator's memory: records in one SQLite file.

Law: a change is one transaction under one lock, so no two requests can both start a job, and
what was answered is on disk before it is answered.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from pydantic import TypeAdapter

from airflow_aml_retrain.emulator.records import (
    CommitmentPlan,
    Endpoint,
    Job,
    Operation,
    Principal,
    Service,
    Token,
    WebService,
    Workspace,
)

Record = TypeVar(
    "Record",
    Workspace,
    Service,
    Endpoint,
    Job,
    Principal,
    Token,
    WebService,
    Operation,
    CommitmentPlan,
)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    document BLOB NOT NULL,
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS children ON records (kind, parent);
"""

_ADAPTERS: Final[dict[type[object], TypeAdapter[Any]]] = {
    kind: TypeAdapter(kind) for kind in Record.__constraints__
}


class AlreadyThere(Exception):
    """A record of that kind and id exists."""


class Store:
    """Records by kind and id; safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def add(self, record: Record) -> None:
        kind = type(record)
        with self._lock:
            try:
                self._connection.execute(
                    "INSERT INTO records (kind, id, parent, document) VALUES (?, ?, ?, ?)",
                    (kind.__name__, record.id, record.parent, _adapter(kind).dump_json(record)),
                )
            except sqlite3.IntegrityError as exc:
                raise AlreadyThere(record.id) from exc

    def get(self, kind: type[Record], record_id: str) -> Record | None:
        with self._lock:
            row = self._connection.execute(
                "SELECT document FROM records WHERE kind = ? AND id = ?",
                (kind.__name__, record_id),
            ).fetchone()
        return _read(kind, row[0]) if row else None

    def all(self, kind: type[Record], parent: str | None = None) -> list[Record]:
        """Every record of *kind*, or only those under *parent*, oldest first."""
        query = "SELECT document FROM records WHERE kind = ?"
        values: tuple[str, ...] = (kind.__name__,)
        if parent is not None:
            query, values = f"{query} AND parent = ?", (*values, parent)
        with self._lock:
            rows = self._connection.execute(f"{query} ORDER BY number", values).fetchall()
        return [_read(kind, row[0]) for row in rows]

    def change(
        self, kind: type[Record], record_id: str, how: Callable[[Record], Record]
    ) -> Record | None:
        """Replace a record by what *how* makes of it; None if it is not there."""
        with self._lock:
            record = self.get(kind, record_id)
            if record is None:
                return None
            changed = how(record)
            self._connection.execute(
                "UPDATE records SET document = ? WHERE kind = ? AND id = ?",
                (_adapter(kind).dump_json(changed), kind.__name__, record_id),
            )
            return changed

    def remove(self, kind: type[Record], record_id: str) -> None:
        with self._lock:
            self._connection.execute(
                "DELETE FROM records WHERE kind = ? AND id = ?", (kind.__name__, record_id)
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _adapter(kind: type[object]) -> TypeAdapter[Any]:
    return _ADAPTERS[kind]


def _read(kind: type[Record], document: bytes) -> Record:
    return cast("Record", _adapter(kind).validate_json(document))
