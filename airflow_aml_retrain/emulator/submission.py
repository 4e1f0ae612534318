"""
A submit, checked as the service checks it: names, blobs, extensions, parameters.

The order of the checks is ours; each refusal is a documented one.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from airflow_aml_retrain.emulator.messages import BlobMessage, Scalar, Submission
from airflow_aml_retrain.emulator.records import BlobReference, Kind, Service
from airflow_aml_retrain.emulator.refusals import bad_argument, not_emulated
from airflow_aml_retrain.emulator.storage import (
    RESULTS,
    BadConnectionString,
    Storage,
    require_connection_string,
)

TABLES: Final = (".csv", ".tsv", ".arff")
MODELS: Final = (".ilearner",)

_CONTAINER: Final = re.compile(r"\$root|[a-z0-9](?:-?[a-z0-9]){2,62}")


def inputs_of(service: Service, wanted: Submission) -> dict[str, BlobReference]:
    """The blobs to read, by input name."""
    if wanted.input is not None and wanted.inputs:
        raise bad_argument("DuplicateInputInBatchCall")
    named = {service.input_name: wanted.input} if wanted.input else dict(wanted.inputs or {})
    _require_input_names(service, named)
    return {name: _reference(blob, TABLES) for name, blob in named.items()}


def outputs_of(service: Service, wanted: Submission, storage: Storage) -> dict[str, BlobReference]:
    """Where each of the service's outputs goes, redirected or not, in the service's order."""
    redirected = wanted.outputs or {}
    for name in redirected:
        if name not in service.output_names:
            raise bad_argument("InvalidOutputOverrideName", name)
    places = {}
    for number, name in enumerate(service.output_names):
        allowed = MODELS if service.kind is Kind.TRAINING and number == 0 else TABLES
        if name in redirected:
            blob = redirected[name]
            if blob is None or not blob.relative_location:
                raise bad_argument("MissingOutputOverrideSpecification", name)
            places[name] = _reference(blob, allowed)
        else:
            guid = uuid.uuid4()
            places[name] = storage.own(RESULTS, f"{guid}/{guid}{allowed[0]}")
    return places


def parameters_of(service: Service, given: Mapping[str, Scalar | None] | None) -> dict[str, str]:
    """The service's global parameters, given or by default."""
    known = {name: str(value) for name, value in (given or {}).items() if value is not None}
    if set(known) - set(service.parameters):
        raise bad_argument("UnexpectedParameter")
    values = service.parameters | known
    if any(value is None for value in values.values()):
        raise bad_argument("MissingRequiredGlobalParameters")
    return {name: value for name, value in values.items() if value is not None}


def require_input_name(service: Service, names: Iterable[str]) -> None:
    """Refuse input names other than the service's own."""
    unknown = [name for name in names if name != service.input_name]
    if unknown:
        raise bad_argument("InvalidInputNames", ", ".join(unknown))


def _require_input_names(service: Service, named: Mapping[str, BlobMessage | None]) -> None:
    if not named:
        raise bad_argument("BatchJobInputsNotSpecified", service.input_name)
    if len(named) > 1:
        raise bad_argument("BatchJobInputsTooManySpecified", service.input_name)
    require_input_name(service, named)


def _reference(blob: BlobMessage | None, extensions: tuple[str, ...]) -> BlobReference:
    if blob is None or not (blob.connection_string or blob.base_location):
        raise bad_argument("MissingInputBlobInformation")
    relative = blob.relative_location or ""
    _require_path(relative)
    _require_account(blob, relative)
    _require_extension(relative, extensions)
    return BlobReference(
        relative=relative,
        base=blob.base_location or "",
        connection_string=blob.connection_string or "",
        sas=blob.sas_blob_token or "",
    )


def _require_path(relative: str) -> None:
    container, _, name = relative.removeprefix("/").partition("/")
    if not relative.strip("/") or (container and not name):
        raise bad_argument("InputBlobRelativeLocationInvalid")
    if not container:
        raise bad_argument("ContainerIsEmpty")
    if not _CONTAINER.fullmatch(container):
        raise bad_argument("ContainerSegmentInvalid")


def _require_account(blob: BlobMessage, relative: str) -> None:
    if blob.connection_string:
        try:
            require_connection_string(blob.connection_string)
        except BadConnectionString as exc:
            # Not the string itself: it may hold a key.
            raise bad_argument("InvalidBlobConnectionString", relative) from exc
    elif not (blob.base_location or "").startswith(("http://", "https://")):
        raise bad_argument("InvalidBlob", relative)


def _require_extension(relative: str, extensions: tuple[str, ...]) -> None:
    if not relative.endswith(extensions):
        raise bad_argument("InvalidBlobExtension", relative.lstrip("/"), ", ".join(extensions))
    if relative.endswith(".arff"):
        raise not_emulated("ARFF")
