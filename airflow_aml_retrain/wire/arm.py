"""
New web services: their place in the Azure resource manager, api-version 2017-01-01.

Law: the token goes to the host of the definition and to its sub-domains (other regions of the
resource manager), and nowhere else. The service names other hosts for operations and for next
pages; those are not asked. There is no etag: what an update is made of is read right before it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.errors import (
    BadInput,
    NotUpdatable,
    ServiceUnavailable,
    UnexpectedAnswer,
    WireError,
)
from airflow_aml_retrain.wire.blobs import ModelBlob, Serving, choose_resource, require_unchanged
from airflow_aml_retrain.wire.conversation import (
    DOUBT,
    Conversation,
    Credential,
    Request,
    ask,
    pause,
)
from airflow_aml_retrain.wire.definition import Definition, definition_of
from airflow_aml_retrain.wire.members import text
from airflow_aml_retrain.wire.operations import Progress, told
from airflow_aml_retrain.wire.payloads import require_small
from airflow_aml_retrain.wire.references import is_within
from airflow_aml_retrain.wire.rrs import Format
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.service import ServiceVerbs
from airflow_aml_retrain.wire.shapes import shape_of
from airflow_aml_retrain.wire.subscription import VERSION, WebServiceId

EVERY: Final = 5.0
"""Seconds between two looks where nobody says how often; Microsoft's own client polled so."""

READING: Final = 120.0
"""Seconds for which a change whose operation may not be asked is looked for by reading."""

BUSY: Final = 600.0
"""Seconds to wait for an operation of somebody else's; no recorded one took more than 20."""

LAG: Final = 60.0
"""Seconds after which an accepted change has ended; no recorded one took more than 20."""

_GONE: Final = frozenset({404})
_CONFLICT: Final = 409
# Which of its codes a busy service says is not recorded; these are the resource manager's.
_BUSY_CODE: Final = re.compile(r"^conflict|in_?progress", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a web service; each opens its scoring and its jobs."""

    primary: Secret
    secondary: Secret


@dataclass(frozen=True, slots=True)
class DefinitionVerbs:
    """
    Spoken to the definition of one web service, with an Azure AD token.

    *url* is that of the resource, without a query. The verbs that change it return the URL of
    the operation that goes on behind their acceptance.
    """

    url: str

    @property
    def title(self) -> str:
        return f"web service {WebServiceId.parse(self.url).title}"

    def read(
        self, *, settling: float = 0.0, patience: float | None = None
    ) -> Conversation[Definition]:
        answer = yield from ask(self._request("GET"), settling=settling, patience=patience)
        return definition_of(answer.json())

    def settled(self, *, every: float = EVERY, within: float = BUSY) -> Conversation[Definition]:
        """Read it once nothing is under way; `ServiceUnavailable` after *within* seconds."""
        waited = 0.0
        while True:
            definition = yield from self.read()
            if definition.progress is not Progress.UNDER_WAY:
                return definition
            if waited >= within:
                msg = f"{self.title} has been {definition.state} for {waited:.0f} s"
                raise ServiceUnavailable(msg)
            yield from pause(every)
            waited += every

    def keys(self, *, patience: float | None = None) -> Conversation[Keys]:
        """Ask for its keys, with GET as it was recorded; no message quotes the answer."""
        answer = yield from ask(self._request("GET", "/listKeys"), patience=patience)
        said = answer.json(quotable=False)
        primary, secondary = text(said, "primary"), text(said, "secondary")
        if not primary:
            msg = f"expected keys with primary, got {shape_of(said)}"
            raise WireError(msg)
        return Keys(Secret(primary), Secret(secondary))

    def update(
        self, properties: Mapping[str, object], *, patience: float | None = None
    ) -> Conversation[str]:
        """Merge *properties* into it; `BadInput` for more than a request may hold."""
        body = {"properties": {"packageType": "Graph", **properties}}
        require_small(body, self.title)
        return (yield from self._changed(self._request("PATCH", body=body), patience=patience))

    def create(self, body: Mapping[str, object]) -> Conversation[str]:
        """Create it, or overwrite it whole, keys included."""
        require_small(body, self.title)
        return (yield from self._changed(self._request("PUT", body=dict(body))))

    def delete(self) -> Conversation[str]:
        """Delete it; that it is gone already is as good, and leaves nothing to follow."""
        return (yield from self._changed(self._request("DELETE"), accept=_GONE))

    def followed(
        self,
        operation: str,
        *,
        every: float,
        seen: Callable[[Definition], bool],
        settling: float = 0.0,
    ) -> Conversation[None]:
        """
        Wait until *operation* has ended, looking every *every* seconds.

        Where it may not be asked, the definition is read, until it has *seen* what it waits for,
        or for `READING` seconds. *settling* is for how long a fresh one may not be found there.
        Raises `UpdateFailed` if the operation says so, `WireError` for what neither defines.
        """
        is_ours = operation and is_within(operation, self.url)
        if is_ours and (yield from told(operation, self.title, every=every)):
            return
        yield from self._watched(every, seen, settling)

    def _watched(
        self, every: float, seen: Callable[[Definition], bool], settling: float
    ) -> Conversation[None]:
        """
        Read until *seen*, or until no operation would still be under way.

        A state of Failed is not believed: it may be that of an earlier operation. One that
        nobody documented is an error.
        """
        waited = 0.0
        while True:
            read = yield from self.read(settling=settling)
            self._require_known(read)
            if seen(read) or waited >= READING:
                return
            yield from pause(every)
            waited += max(every, 1.0)

    def _require_known(self, read: Definition) -> None:
        """Raise `WireError` for a state that says neither that it goes on nor how it ended."""
        try:
            _ = read.progress
        except WireError as exc:
            msg = f"GET {self.url}: {exc}"
            raise WireError(msg) from exc

    def _changed(
        self,
        request: Request,
        *,
        accept: frozenset[int] = frozenset(),
        patience: float | None = None,
    ) -> Conversation[str]:
        answer = yield from ask(request, accept=accept, patience=patience)
        return answer.headers.get("azure-asyncoperation", "")

    def _request(self, method: str, deed: str = "", body: object = None) -> Request:
        return Request(method, f"{self.url}{deed}{VERSION}", body, Credential.AZURE_AD)


@dataclass(frozen=True, slots=True)
class ArmVerbs(ServiceVerbs):
    """
    Spoken to one new web service: at *api_url* for jobs and answers, to *definition* for its model.

    *input_name*, *output_name* and *format* are those of `RequestResponse`; *settling* is for how
    many more seconds a 401 or 404 of the fresh service is no error yet, *lag* for how many an
    accepted change may not show in a reading: until its operation ends.
    """

    api_url: str
    definition: DefinitionVerbs
    input_name: str = "input1"
    output_name: str | None = None
    format: Format = Format.TABLE
    settling: float = 0.0
    lag: float = LAG

    def serving(self) -> Conversation[Serving]:
        """Ask which models its definition names, once nothing is under way."""
        return (yield from self.definition.settled()).serving()

    def resources(self) -> Conversation[Serving]:
        """Ask which models its definition names, whatever is under way."""
        return (yield from self.definition.read()).serving()

    def published(self) -> Conversation[Serving]:
        """Nothing: a new web service remembers no model but the one it has."""
        yield from ()
        return Serving({})

    def publish(
        self,
        model: ModelBlob,
        resource: str | None = None,
        *,
        instead_of: Collection[str] | None = None,
    ) -> Conversation[str]:
        """
        Put *model*, which the service reads with its own storage key, into *resource*.

        *instead_of* is where the model lies that it may replace. Returns the URL of the
        operation. Raises `NotUpdatable` for a read-only definition and for one without a trained
        model, `NoSuchName` or `BadInput` as `choose_resource` does, `PromotionRefused` for
        a model that is not one of *instead_of*.
        """
        if not model.is_model:
            msg = f"expected a trained model (.ilearner), got {model.location}"
            raise BadInput(msg)
        found = yield from self.definition.settled()
        if found.is_read_only:
            msg = (
                f"{self.definition.title} is read-only, which the service never undoes; publish "
                "the experiment as another web service and use that"
            )
            raise NotUpdatable(msg)
        target = choose_resource(found.serving(), resource)
        require_unchanged(found.serving(), target, instead_of, self.definition.title)
        return (yield from self._put(found, target, model.location))

    def followed(
        self, operation: str, *, resource: str, location: str, every: float
    ) -> Conversation[None]:
        """Wait until *operation*, which `publish` returned, has ended; see `DefinitionVerbs`."""
        yield from self.definition.followed(
            operation, every=every, seen=lambda read: read.serves(resource, location)
        )

    def restore(self) -> Conversation[None]:
        """Refuse: there is no published model to go back to."""
        yield from ()
        msg = f"{self.definition.title} has no published model; publish the archived one instead"
        raise NotUpdatable(msg)

    def _put(self, found: Definition, resource: str, location: str) -> Conversation[str]:
        """
        Send the assets of *found* with the new *location*, until there is a clear answer.

        A 409 may say that an operation is under way, and an outage that nobody knows what came of
        the last try: both are waited out, and what has become of the definition is read. If it
        names our own model, an answer was lost and we are done; if nothing else changed, the same
        is sent again; if something did, nothing of it is overwritten.
        """
        assets, waited = found.with_model(resource, location), 0.0
        while True:
            try:
                return (yield from self.definition.update({"assets": assets}, patience=DOUBT))
            except (UnexpectedAnswer, ServiceUnavailable) as exc:
                trouble = exc
            seconds = yield from self._delay(trouble, resource, location)
            if waited + seconds > BUSY:
                raise trouble
            yield from pause(seconds)
            waited += seconds
            now = yield from self.definition.settled()
            if now.serves(resource, location):
                return ""
            if found.differences(now):
                raise trouble

    def _delay(
        self, trouble: UnexpectedAnswer | ServiceUnavailable, resource: str, location: str
    ) -> Conversation[float]:
        """
        Seconds after which to look and to send the same again; raises *trouble* that stays.

        Other conflicts than with an operation stay, like that with a lock on the resource.
        """
        if isinstance(trouble, ServiceUnavailable):
            return max(EVERY, trouble.wished)
        if trouble.status != _CONFLICT:
            raise trouble
        if not _is_busy(trouble):
            now = yield from self.definition.read()
            if now.progress is not Progress.UNDER_WAY and not now.serves(resource, location):
                raise trouble
        return EVERY


def _is_busy(conflict: UnexpectedAnswer) -> bool:
    """Whether *conflict* is with an operation by its own words; a detail says more than a code."""
    codes = [code for code, _ in conflict.details] or [conflict.code]
    return all(_BUSY_CODE.search(code) for code in codes)
