"""
A subscription, and the new web services in it: their names and their lists.

Law: the resource manager compares ids without case, so we compare their `key` and send their
`path`. A next page is asked for only where the token may go.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from airflow_aml_retrain.errors import BadInput, NoSuchName, WireError
from airflow_aml_retrain.wire.conversation import Conversation, Credential, Request, ask
from airflow_aml_retrain.wire.members import member, text
from airflow_aml_retrain.wire.references import is_within, resource_path, segment
from airflow_aml_retrain.wire.shapes import shape_of

VERSION: Final = "?api-version=2017-01-01"

_PLACE: Final = "/providers/Microsoft.MachineLearning/webServices"
_WORTH_LISTING: Final = 50


@dataclass(frozen=True, slots=True)
class WebServiceId:
    """
    What names a new web service.

    The resource manager compares ids without case: compare `key`, send `path`.
    """

    subscription: str
    group: str
    name: str

    @classmethod
    def parse(cls, written: str) -> "WebServiceId":
        """Read a resource id, or the update URL of a Data Factory with or without its query."""
        return cls(*resource_path(written))

    @property
    def path(self) -> str:
        return (
            f"/subscriptions/{segment(self.subscription)}/resourceGroups/{segment(self.group)}"
            f"{_PLACE}/{segment(self.name)}"
        )

    @property
    def key(self) -> str:
        return self.path.lower()

    @property
    def title(self) -> str:
        """What people call it: "group/name"."""
        return f"{self.group}/{self.name}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A web service as lists show it: without its assets. *state* is its `provisioningState`."""

    id: WebServiceId
    location: str
    state: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """Spoken to the subscription at *url* (".../subscriptions/{id}"), with an Azure AD token."""

    url: str

    def services(self, group: str | None = None) -> Conversation[list[Listed]]:
        """List the web services of *group* (None: of every group), page by page."""
        place = f"/resourceGroups/{segment(group)}" if group else ""
        url, seen, found = f"{self.url}{place}{_PLACE}{VERSION}", set[str](), list[Listed]()
        while url:
            if url in seen or not is_within(url, self.url):
                msg = f"{self.url}: expected a next page of its own, got one that is not"
                raise WireError(msg)
            seen.add(url)
            page = (yield from ask(Request("GET", url, credential=Credential.AZURE_AD))).json()
            found += _page(page)
            url = text(page, "nextLink")
        return found

    def find(self, name: str) -> Conversation[WebServiceId]:
        """
        Return the web service called *name*: "group/name", its resource id, or its bare name.

        Only a bare name is looked up. `NoSuchName` and `BadInput` list what there is as
        "group/name".
        """
        own = self.url.rpartition("/")[2]
        match name.split("/"):
            case [bare]:
                return (yield from self._looked_up(bare))
            case [group, last] if group and last:
                return WebServiceId(own, group, last)
            case _:
                found = WebServiceId.parse(name)
        if found.subscription.lower() != own.lower():
            msg = f"{found.title} is in subscription {found.subscription}, the connection in {own}"
            raise BadInput(msg)
        return found

    def _looked_up(self, name: str) -> Conversation[WebServiceId]:
        services = yield from self.services()
        found = [each.id for each in services if each.id.name.lower() == name.lower()]
        titles = [each.title for each in found] or [each.id.title for each in services]
        if not found:
            raise NoSuchName(kind="web service", given=name, existing=_nearest(name, titles))
        if len(found) > 1:
            msg = f"{len(found)} web services are named {name!a}; name one of {', '.join(titles)}"
            raise BadInput(msg)
        return found[0]


def _page(said: object) -> list[Listed]:
    listed = member(said, "value")
    if not isinstance(listed, list):
        msg = f"expected a page of web services with value, got {shape_of(said)}"
        raise WireError(msg)
    return [_listed(each) for each in listed]


def _listed(said: object) -> Listed:
    try:
        id_ = WebServiceId.parse(text(said, "id"))
    except BadInput as exc:
        msg = f"expected a web service with its id, got {shape_of(said)}"
        raise WireError(msg) from exc
    return Listed(id_, text(said, "location"), text(said, "properties", "provisioningState"))


def _nearest(name: str, titles: Sequence[str]) -> list[str]:
    """All of *titles*, or those like *name* where there are a thousand, as there can be."""
    if len(titles) <= _WORTH_LISTING:
        return list(titles)
    near = get_close_matches(name, titles, n=10, cutoff=0.3)
    return [*near, f"... {len(titles) - len(near)} more"]
