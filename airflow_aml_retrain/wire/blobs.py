"""Where bytes lie in blob storage, as the services write it down."""

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_aml_retrain.wire.secret import Secret


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
    What an endpoint says that it serves: for each updatable resource, the location of its model.

    Empty *models* means that nothing can be updated: the endpoint of a training service.
    """

    models: Mapping[str, str]
