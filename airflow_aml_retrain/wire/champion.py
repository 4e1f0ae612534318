"""
The champion record of an endpoint: what serves, what served before, and a change under way.

Law: a change of what serves is written down as *pending*, with what served before it, before
anything is touched; whoever reads a record with a pending change settles that first, by looking
at what serves. An older candidate never replaces a newer champion; *older* means an earlier
data cut-off, then an earlier run. The anchor, against which slow decay is noticed, is the last
model that a person approved, else the first champion.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from airflow_aml_retrain.errors import BadInput, PromotionFrozen, PromotionRefused

SCHEMA: Final = "aml-retrain.champion/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """
    A model that serves, served, or is to serve.

    *location* is what the endpoint's read-back says when this model serves (a URL without a
    token); *archive* ("container/path") is the copy in storage of the user's own and *sha256*
    its hash; *probes* ("container/path") are rows with the answers this model gives to them.
    *definition* is where the definition is kept that it served in, if an update replaced it.
    *job* is the reference of the job that trained it, *approved_by* the person who let it into
    service. Times are ISO 8601. An empty string stands for what is not known, as for a model that
    served before we came.
    """

    location: str
    job: str = ""
    archive: str = ""
    sha256: str = ""
    probes: str = ""
    decision: str = ""
    data_cutoff: str = ""
    run_after: str = ""
    promoted_at: str = ""
    definition: str = ""
    approved_by: str = ""

    @property
    def age(self) -> tuple[datetime, datetime]:
        """What decides which of two models is the older one."""
        return _moment(self.data_cutoff), _moment(self.run_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """
    A change that was begun: *candidate* was to replace *before*.

    *owner* names the run, *operation* (a URL) what the service does behind its acceptance. Until
    *until* the owner is at work on it, perhaps without a worker, and nobody else touches it.
    """

    candidate: Model
    before: Model
    owner: str
    since: str
    operation: str = ""
    until: str = ""

    def is_kept_from(self, owner: str, now: datetime) -> bool:
        """Whether it is another's than *owner*'s, who is still at work on it."""
        return bool(self.until) and self.owner != owner and now < _moment(self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """
    Promotions stand still until a person releases them.

    *owner* names the run that rolled back, and *target* the model that it goes back to, so that
    a retry does not go one further.
    """

    by: str
    at: str
    why: str
    owner: str = ""
    target: Model | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """
    A person took what serves for the champion, though a change was pending.

    *serves* is what the read-back named then, *ended* the change as it stood.
    """

    by: str
    at: str
    why: str
    serves: str = ""
    ended: Pending | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionRecord:
    """All that is remembered of one endpoint (*endpoint* is its asset URI). Holds no secret."""

    endpoint: str
    champion: Model | None = None
    previous: Model | None = None
    anchor: Model | None = None
    pending: Pending | None = None
    freeze: Freeze | None = None
    acceptance: Acceptance | None = None

    def refuse_unless_open_to(self, candidate: Model) -> None:
        """Raise `PromotionRefused` if promotions are frozen or *candidate* is the older one."""
        if self.freeze:
            msg = (
                f"promotions of {self.endpoint} are frozen since {self.freeze.at} by "
                f"{self.freeze.by} ({self.freeze.why}); release them to promote again"
            )
            raise PromotionFrozen(msg)
        if self.champion and candidate.age < self.champion.age:
            msg = (
                f"the candidate is older (data up to {candidate.data_cutoff}, run "
                f"{candidate.run_after}) than the champion (data up to "
                f"{self.champion.data_cutoff}, run {self.champion.run_after})"
            )
            raise PromotionRefused(msg)

    def begun(self, candidate: Model, before: Model, *, owner: str, at: str) -> "ChampionRecord":
        pending = Pending(candidate=candidate, before=before, owner=owner, since=at)
        return replace(self, pending=pending)

    def under_way(self, operation: str, *, until: str) -> "ChampionRecord":
        """The pending change was accepted, and goes on as *operation*."""
        if not self.pending:
            msg = "there is no pending change that could be under way"
            raise ValueError(msg)
        return replace(self, pending=replace(self.pending, operation=operation, until=until))

    def untouched(self) -> "ChampionRecord":
        """The pending change was refused before anything was sent."""
        return replace(self, pending=None)

    def completed(self, *, at: str) -> "ChampionRecord":
        """The pending change was seen serving."""
        if not self.pending:
            msg = "there is no pending change to complete"
            raise ValueError(msg)
        before = self.pending.before
        champion = replace(self.pending.candidate, promoted_at=at)
        return replace(
            self,
            champion=champion,
            previous=before,
            anchor=self._anchor_after(champion, before),
            pending=None,
        )

    def undone(self) -> "ChampionRecord":
        """What served before the pending change serves again."""
        if not self.pending:
            msg = "there is no pending change to undo"
            raise ValueError(msg)
        return replace(self, champion=self.pending.before, pending=None)

    def foreign(self, location: str) -> "ChampionRecord":
        """Somebody else's model, at *location*, serves; what we knew of the champion is void."""
        return replace(self, champion=Model(location=location), pending=None)

    def accepted(self, serves: str, acceptance: Acceptance, *, is_before: bool) -> "ChampionRecord":
        """
        The pending change is over by a person's word: the model at *serves* is the champion.

        *is_before* says that it is the one before the change. Its answers count as not known:
        they are what was disagreed about.
        """
        if not self.pending:
            msg = "there is no pending change to accept"
            raise ValueError(msg)
        told = replace(acceptance, serves=serves, ended=self.pending)
        if serves == self.pending.candidate.location:
            ended = self.completed(at=acceptance.at)
        else:
            ended = self.undone() if is_before else self.foreign(serves)
        champion = ended.champion and replace(ended.champion, location=serves, probes="")
        return replace(ended, champion=champion, acceptance=told)

    def _anchor_after(self, champion: Model, before: Model) -> Model:
        """The anchor once *champion* has replaced *before*."""
        if champion.approved_by:
            return champion
        anchor, target = self.anchor or before, self.freeze and self.freeze.target
        # Whoever puts an earlier model back takes back the approval of the one that served.
        if target and (target.location, before.location) == (champion.location, anchor.location):
            return champion
        return anchor

    def to_json(self) -> bytes:
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, sort_keys=True).encode()


def from_json(data: bytes) -> ChampionRecord:
    """
    The record that `ChampionRecord.to_json` wrote.

    Raises `BadInput` for anything else: a record of another version is not guessed at.
    """
    try:
        match json.loads(data):
            case {"schema": schema, **rest} if schema == SCHEMA:
                return _record(rest)
            case {"schema": schema}:
                what = f"a champion record with schema {schema!r}"
            case _:
                what = "something that is no champion record"
    except (ValueError, TypeError, KeyError) as exc:
        msg = f"the champion record cannot be read: {exc}"
        raise BadInput(msg) from exc
    msg = f"expected a champion record with schema {SCHEMA!r}, got {what}"
    raise BadInput(msg)


def _record(said: Mapping[Any, object]) -> ChampionRecord:
    pending, freeze = said["pending"], said["freeze"]
    acceptance = said.get("acceptance")
    return ChampionRecord(
        endpoint=str(said["endpoint"]),
        champion=_model(said["champion"]),
        previous=_model(said["previous"]),
        anchor=_model(said["anchor"]),
        pending=_pending(pending) if isinstance(pending, dict) else None,
        freeze=_freeze(freeze) if isinstance(freeze, dict) else None,
        acceptance=_acceptance(acceptance) if isinstance(acceptance, dict) else None,
    )


def _pending(said: Mapping[str, object]) -> Pending:
    candidate, before = _model(said["candidate"]), _model(said["before"])
    if candidate is None or before is None:
        msg = "a pending change names no models"
        raise ValueError(msg)
    return Pending(
        candidate=candidate,
        before=before,
        owner=str(said["owner"]),
        since=str(said["since"]),
        operation=str(said.get("operation", "")),
        until=str(said.get("until", "")),
    )


def _freeze(said: Mapping[str, Any]) -> Freeze:
    return Freeze(**{**said, "target": _model(said["target"])})


def _acceptance(said: Mapping[str, Any]) -> Acceptance:
    ended = said["ended"]
    return Acceptance(**{**said, "ended": _pending(ended) if isinstance(ended, dict) else None})


def _model(said: object) -> Model | None:
    return Model(**said) if isinstance(said, dict) else None


def _moment(written: str) -> datetime:
    """*written* as a time, nothing being the oldest; without a zone it is taken for UTC."""
    if not written:
        return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as exc:
        msg = f"expected a time in ISO 8601, got {written!r}"
        raise BadInput(msg) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
