"""
The fields of our connection types, read from an Airflow connection.

Law: `extra` is parsed here and not by Airflow's own property, which may block a triggerer. What
is missing is a `NotConfigured` that names the connection and the field to set.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.wire.secret import Secret

if TYPE_CHECKING:
    from airflow.sdk import Connection


def extra_of(conn: "Connection") -> Mapping[str, object]:
    try:
        extra = json.loads(conn.extra or "{}")
    except ValueError as exc:
        msg = f"connection {conn.conn_id!r}: its extra is not JSON"
        raise NotConfigured(msg) from exc
    if not isinstance(extra, dict):
        msg = f"connection {conn.conn_id!r}: expected a JSON object as its extra"
        raise NotConfigured(msg)
    # What a form of an older Airflow saved carries the type's name in front.
    prefix = f"extra__{conn.conn_type}__"
    return {name.removeprefix(prefix): value for name, value in extra.items()}


def text(extra: Mapping[str, object], name: str) -> str:
    """The field *name*, or an empty string."""
    return str(extra.get(name) or "").strip()


def insecure_hosts(extra: Mapping[str, object]) -> tuple[str, ...]:
    """Hosts that may be spoken to by plain http: a list, or one string with commas."""
    said = extra.get("insecure_hosts")
    names = said if isinstance(said, list) else str(said or "").split(",")
    return tuple(str(name).strip() for name in names if str(name).strip())


def password(conn: "Connection", meaning: str) -> Secret:
    """The password, which *meaning* explains to whoever forgot it."""
    # An API key ends in "==" and is pasted from a page: blanks around it are never meant.
    value = (conn.password or "").strip()
    if not value:
        msg = f"connection {conn.conn_id!r}: set its password to {meaning}"
        raise NotConfigured(msg)
    return Secret(value)


@contextmanager
def speaking_of(conn_id: str) -> Iterator[None]:
    """Let a `NotConfigured` from downstairs, which knows no connection, name *conn_id*."""
    try:
        yield
    except NotConfigured as exc:
        if str(exc).startswith("connection "):
            raise
        msg = f"connection {conn_id!r}: {exc}"
        raise NotConfigured(msg) from exc
