"""
What it means that Airflow hands a trigger no connection.

Airflow 3.3.2 takes whatever keeps it from its own database for a connection that does not exist
(`sdk/execution_time/secrets/execution_api.py`). So one that is not found may be there all the same,
and whoever can wait does well to look again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSecretsBackendAccessDenied

from airflow_aml_retrain.errors import NotConfigured, ServiceUnavailable


@contextmanager
def reading(conn_id: str) -> Iterator[None]:
    """`ServiceUnavailable` where none is found, `NotConfigured` where Airflow refuses to look."""
    try:
        yield
    except AirflowNotFoundException as exc:
        msg = f"connection {conn_id!r} could not be read: make it, if it is not there"
        raise ServiceUnavailable(msg) from exc
    except AirflowSecretsBackendAccessDenied as exc:
        msg = f"connection {conn_id!r} may not be read here: {exc}"
        raise NotConfigured(msg) from exc
