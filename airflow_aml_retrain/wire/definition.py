"""
The definition of a new web service, and which of its assets is the trained model.

Law: what came is what goes back. An update sends the whole map of assets, spelled as it came,
with one uri changed: whether the service would merge inside the map nobody has recorded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from airflow_aml_retrain.errors import NoSuchName, NotConfigured, NotUpdatable, WireError
from airflow_aml_retrain.wire.blobs import (
    Serving,
    blob_at,
    is_model_name,
    is_url_of_blob,
    plain,
    url_of,
)
from airflow_aml_retrain.wire.comparison import differing
from airflow_aml_retrain.wire.members import member, members, name_of, text
from airflow_aml_retrain.wire.operations import Progress, progress_of
from airflow_aml_retrain.wire.references import api_url_of
from airflow_aml_retrain.wire.shapes import shape_of

_MODEL: Final = "[trained model]"


@dataclass(frozen=True, slots=True)
class Definition:
    """
    A web service as the resource manager describes it.

    *location* is its region ("South Central US"); *properties* are as they came, with tokens
    in them, and in no repr. A definition that was read back shows the last operation that
    *succeeded*.
    """

    id: str
    name: str
    location: str
    properties: Mapping[str, object] = field(repr=False)

    @property
    def state(self) -> str:
        """Its `provisioningState`, as the service spells it."""
        return text(self.properties, "provisioningState")

    @property
    def progress(self) -> Progress:
        return progress_of(self.state)

    @property
    def is_read_only(self) -> bool:
        """Whether it can only be deleted any more; that is never undone."""
        return member(self.properties, "readOnly") is True

    @property
    def storage_account(self) -> str:
        """The name of the account that the service reads its models from."""
        return text(self.properties, "storageAccount", "name")

    @property
    def modified(self) -> str:
        """When its last operation ended, as the service writes it."""
        return text(self.properties, "modifiedOn")

    @property
    def api_url(self) -> str:
        """The URL of the service itself, where it scores and runs jobs."""
        swagger = text(self.properties, "swaggerLocation")
        try:
            return api_url_of(swagger)
        except NotConfigured as exc:
            msg = f"web service {self.name!a} has no swaggerLocation to find it by: {exc}"
            raise WireError(msg) from exc

    @property
    def assets(self) -> Mapping[str, object]:
        """What its graph is made of, by asset id, as it came."""
        return members(self.properties, "assets")

    def serving(self) -> Serving:
        """
        Name its trained models, each by its asset's name, or by its id where two share a name.

        One is known by an `.ilearner` uri or a name that ends in "[trained model]". A model whose
        uri is no blob's cannot be replaced, and is among the others.

        Raises `NotUpdatable` if the service keeps the assets in a blob.
        """
        self._require_assets()
        models = {key: blob_at(_uri(asset)) for key, _, asset in self._named() if _is_model(asset)}
        others = (_told(key, asset) for key, _, asset in self._named() if not _is_model(asset))
        return Serving(models, tuple(others))

    def serves(self, resource: str, location: str) -> bool:
        """Whether it names *location* for the trained model *resource*."""
        model = self.serving().models.get(resource)
        return model is not None and model.location == location

    def with_model(self, resource: str, location: str) -> dict[str, object]:
        """
        Return the whole map of assets with the model of *resource* at *location*.

        Credentials that the asset names belonged to the old place and are emptied. Raises
        `NoSuchName` unless *resource* is a trained model of `serving`.
        """
        chosen = next((id_ for key, id_, _ in self._named() if key == resource), None)
        models = self.serving().models
        if chosen is None or resource not in models:
            raise NoSuchName(kind="trained model", given=resource, existing=models)
        return {
            id_: _moved(a, url_of(location)) if id_ == chosen else a
            for id_, a in self.assets.items()
        }

    def having(self, resource: str, location: str) -> "Definition":
        """What it should be once the model of *resource* is the one at *location*."""
        spelled = name_of(self.properties, "assets") or "assets"
        changed = {**self.properties, spelled: self.with_model(resource, location)}
        return replace(self, properties=changed)

    def differences(self, other: "Definition") -> tuple[str, ...]:
        """
        Name what differs from *other*, as paths ("assets.asset3.locationInfo.uri").

        Left out is what the service changes by itself: times and states, the ciphertext of
        encrypted parameters, empty members that it forgets, and how names of members are spelled.
        """
        return tuple(differing(self.properties, other.properties))

    def _named(self) -> Iterator[tuple[str, str, object]]:
        """Key, id and body of each asset."""
        names = [text(asset, "name") for asset in self.assets.values()]
        for id_, asset in self.assets.items():
            name = text(asset, "name")
            yield (name if name and names.count(name) == 1 else id_), id_, asset

    def _require_assets(self) -> None:
        if self.assets or member(self.properties, "payloadsInBlobStorage") is not True:
            return
        lies = text(self.properties, "payloadsLocation", "uri").partition("?")[0]
        msg = (
            f"web service {self.name!a} is larger than 3 MB: expected its assets, got "
            f"payloadsInBlobStorage and none of them. Its definition lies in "
            f"{lies or 'a blob that it does not name'}; set the model there and create the "
            "service anew from it, since one asset of it cannot be changed from here"
        )
        raise NotUpdatable(msg)


def definition_of(said: object) -> Definition:
    """Read a web service; `WireError` for anything else, and for one without properties."""
    properties = members(said, "properties")
    id_, name = text(said, "id"), text(said, "name")
    if not properties or not id_:
        msg = f"expected a web service with id and properties, got {shape_of(said)}"
        raise WireError(msg)
    return Definition(id_, name or id_.rpartition("/")[2], text(said, "location"), properties)


def is_resource(asset: object) -> bool:
    """Whether *asset* is data or a model, and no module."""
    return text(asset, "type").casefold() == "resource"


def _is_model(asset: object) -> bool:
    if not is_resource(asset) or not is_url_of_blob(_uri(asset)):
        return False
    name = plain(text(asset, "name")).rstrip().casefold()
    return is_model_name(urlsplit(_uri(asset)).path) or name.endswith(_MODEL)


def _uri(asset: object) -> str:
    return text(asset, "locationInfo", "uri")


def _told(key: str, asset: object) -> str:
    return f"{key!a} ({text(asset, 'type') or 'of no type'}, {_uri(asset).partition('?')[0]})"


def _moved(asset: object, uri: str) -> dict[str, object]:
    """*asset*, spelled as it came, with its bytes at *uri*."""
    location = dict(members(asset, "locationInfo"))
    location[name_of(location, "uri") or "uri"] = uri
    if credentials := name_of(location, "credentials"):
        location[credentials] = ""
    moved = {str(key): value for key, value in members({"": asset}, "").items()}
    return {**moved, name_of(asset, "locationInfo") or "locationInfo": location}
