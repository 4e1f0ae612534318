"""
Where bytes lie in blob storage, as the services write it down.

Law: a SAS token becomes a `Secret` while it is parsed and is passed through unchanged:
decoding and encoding it again breaks its signature.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow_aml_retrain.errors import (
    BadInput,
    NoSuchName,
    NotUpdatable,
    PromotionRefused,
    WireError,
)
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.shapes import shape_of

# Azurite and the older emulator write the account into the path: their host is an address or has
# no domain at all.
_ACCOUNT_IN_PATH: Final = re.compile(r"\[.*\]|[0-9.]+|[^.]+")
_NO_BREAK_SPACE: Final = "\u00a0"


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
        return is_model_name(self.relative)


@dataclass(frozen=True, slots=True)
class Serving:
    """
    What an endpoint says that it serves: for each updatable resource, where its model lies.

    Empty *models* means that nothing can be updated: the endpoint of a training service. *others*
    tells, for a message, what else the service is made of and what cannot be a trained model.
    """

    models: Mapping[str, ModelBlob]
    others: tuple[str, ...] = ()


def is_model_name(path: str) -> bool:
    """Whether a blob at *path* is a trained model by its name, in any case."""
    return path.casefold().endswith(".ilearner")


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


def blob_at(uri: str) -> ModelBlob:
    """
    Read the one URL by which a definition names a blob; a query is its token.

    A URL is escaped, while a blob reference is not: see `url_of`.
    """
    if not is_url_of_blob(uri):
        msg = f"expected the URL of a blob, got {len(uri)} characters that are none"
        raise WireError(msg)
    parts = urlsplit(uri)
    account, path = _placed(parts)
    return ModelBlob(
        base=f"{parts.scheme}://{parts.netloc}/" + (account and f"{account}/"),
        relative=path,
        sas=Secret(f"?{parts.query}") if parts.query else None,
    )


def is_url_of_blob(uri: str) -> bool:
    """Whether *uri* says how to reach it and names something there."""
    try:
        parts = urlsplit(uri)
        _, path = _placed(parts)
    except ValueError:
        return False
    return bool(parts.scheme and path)


def _placed(parts: SplitResult) -> tuple[str, str]:
    """The account in the path of a URL, as a rule none, and "container/path"."""
    path = unquote(parts.path.lstrip("/"))
    if "/" in path and _ACCOUNT_IN_PATH.fullmatch(parts.hostname or ""):
        account, _, path = path.partition("/")
        return account, path
    return "", path


def url_of(location: str) -> str:
    """The URL of the blob at *location*, as `ModelBlob` has it: its names may hold anything."""
    parts = urlsplit(location)
    origin = f"{parts.scheme}://{parts.netloc}"
    return origin + quote(location.removeprefix(origin), safe="/")


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


def require_unchanged(
    serving: Serving, resource: str, expected: Collection[str] | None, what: str
) -> None:
    """Raise `PromotionRefused` unless the model of *resource* lies at one of *expected*."""
    here = serving.models[resource].location
    if expected is not None and here not in expected:
        msg = (
            f"{what} was changed meanwhile: it serves {here}, not {' or '.join(sorted(expected))}, "
            "and nothing of that is overwritten; evaluate again"
        )
        raise PromotionRefused(msg)


def choose_resource(serving: Serving, name: str | None = None) -> str:
    """
    Return the updatable resource called *name*, or the only one.

    Among several it is the only one whose model is an `.ilearner`. A *name* may be written with
    plain blanks, which nobody can tell from the service's own. Raises `NotUpdatable` when there is
    none, `NoSuchName` for a name that is not in the service's own list, `BadInput` when one must
    be named.
    """
    names = tuple(serving.models)
    if not names:
        raise _nothing_to_update(serving)
    if name is not None:
        return _called(name, names)
    models = [key for key, blob in serving.models.items() if blob.is_model]
    likely = models if len(models) == 1 else names
    if len(likely) > 1:
        msg = f"expected one updatable resource, got {len(likely)}; name one of {names!a}"
        raise BadInput(msg + _told(serving))
    return likely[0]


def _called(name: str, names: Collection[str]) -> str:
    """The one of *names* that is *name*, or that looks like it and is alone in that."""
    if name in names:
        return name
    alike = [each for each in names if plain(each) == plain(name)]
    if len(alike) != 1:
        raise NoSuchName(kind="resource", given=name, existing=names)
    return alike[0]


def plain(name: str) -> str:
    """*name* with plain blanks: real names have U+00A0 before or inside "[trained model]"."""
    return name.replace(_NO_BREAK_SPACE, " ")


def _nothing_to_update(serving: Serving) -> NotUpdatable:
    msg = (
        "the endpoint has no updatable resources, like every endpoint of a training web "
        "service; use an endpoint of the predictive web service"
    )
    return NotUpdatable(msg + _told(serving))


def _told(serving: Serving) -> str:
    return f" (what else there is: {'; '.join(serving.others)})" if serving.others else ""
