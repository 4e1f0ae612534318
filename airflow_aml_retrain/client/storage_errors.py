"""What the storage library raises, as our own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_aml_retrain.errors import BadInput, NotConfigured, ServiceUnavailable


@contextmanager
def speaking_of(what: str) -> Iterator[None]:
    """Turn what the storage library raises into our own errors, which name *what*."""
    from azure.core.exceptions import (
        AzureError,
        HttpResponseError,
        ResourceNotFoundError,
    )

    try:
        yield
    except ResourceNotFoundError as exc:
        msg = f"there is no blob or container {what}"
        raise BadInput(msg) from exc
    except HttpResponseError as exc:
        if exc.status_code in {401, 403}:
            msg = f"storage refused the credential for {what}: {exc.reason}"
            raise NotConfigured(msg) from exc
        msg = f"storage could not serve {what}: HTTP {exc.status_code} {exc.reason}"
        raise ServiceUnavailable(msg) from exc
    except AzureError as exc:
        msg = f"storage did not answer about {what}: {type(exc).__name__}"
        raise ServiceUnavailable(msg) from exc
