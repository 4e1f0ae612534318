"""
Where bytes lie in blob storage, as the services write it down.

Law: a SAS token becomes a `Secret` while it is parsed and is passed through unchanged:
decoding and encoding it again breaks its signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_aml_retrain.errors import BadInput, NoSuchName, WireError
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.shapes import shape_of


@dataclass(frozen=True, slots=True)
class ModelBlob:
    """
    A blob as job results, job inputs and endpoint resources name it.

    *base* is the account's URL, ending in "/" (may be empty when the service leaves it out);
    *relative* is "container/path", without a leading "/"; *sas* starts with "?" when there is
    one. The token is passed through unchanged: decoding and encoding it again breaks its
    signature.
    """

    base: str
    relative: str
    sas: Secret | None = None

    @property
    def location(self) -> str:
        """The blob's URL without its token: what identifies it and may be written anywhere."""
        return self.base.rstrip("/") + "/" + self.relative.lstrip("/")

    @property
    def is_model(self) -> bool:
        return self.relative.endswith(".ilearner")


@dataclass(frozen=True, slots=True)
class Serving:
    """
    What an endpoint says that it serves: for each updatable resource, where its model lies.

    Empty *models* means that nothing can be updated: the endpoint of a training service.
    """

    models: Mapping[str, ModelBlob]


def blob_of(said: object) -> ModelBlob:
    """
    Read a blob reference of the service.

    The three parts are joined defensively: users' own values come without the "/" or the "?".
    Its connection string, which holds an account key, is not even looked at.
    """
    match said:
        case {"RelativeLocation": str(relative), **rest} if relative:
            base = rest.get("BaseLocation") or ""
            sas = rest.get("SasBlobToken") or ""
        case _:
            msg = f"expected a blob reference with RelativeLocation, got {shape_of(said)}"
            raise WireError(msg)
    if not isinstance(base, str) or not isinstance(sas, str):
        msg = "expected text in BaseLocation and SasBlobToken of a blob reference"
        raise WireError(msg)
    return ModelBlob(
        base=base and base.rstrip("/") + "/",
        relative=relative.lstrip("/"),
        sas=Secret(sas if sas.startswith("?") else f"?{sas}") if sas else None,
    )


def reference_of(blob: ModelBlob) -> dict[str, object]:
    """*blob* as the service reads it: the three parts that need no account key."""
    return {
        "BaseLocation": blob.base,
        "RelativeLocation": blob.relative,
        "SasBlobToken": blob.sas,
    }


def choose_model(outputs: Mapping[str, ModelBlob], name: str | None = None) -> ModelBlob:
    """
    Return the trained model among a job's *outputs*: the one called *name*, or the only model.

    Never by position: the default names count the order in which the author happened to add
    the output modules. Raises `NoSuchName`, or `BadInput` when there is no single model.
    """
    if name is not None:
        if name not in outputs:
            raise NoSuchName(kind="output", given=name, existing=outputs)
        return outputs[name]
    models = [output for output, blob in outputs.items() if blob.is_model]
    if len(models) != 1:
        names = ", ".join(f"{key!a} ({blob.relative})" for key, blob in outputs.items()) or "none"
        msg = f"expected one .ilearner among the job's outputs, got {len(models)}; name it: {names}"
        raise BadInput(msg)
    return outputs[models[0]]
