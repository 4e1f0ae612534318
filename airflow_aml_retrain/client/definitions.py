"""
Definitions of new web services as files: kept before a change, compared after it, put in.

Law: a definition file holds no secret, and putting one in never changes the trained model: that
is what a promotion is for.
"""

from hashlib import sha256
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import slug
from airflow_aml_retrain.client.evidence import keep
from airflow_aml_retrain.client.resource_manager import ResourceManager
from airflow_aml_retrain.errors import BadInput, NotConfigured, UnexpectedAnswer, UpdateFailed
from airflow_aml_retrain.wire.arm import ArmVerbs, DefinitionVerbs
from airflow_aml_retrain.wire.conversation import SETTLING, Conversation
from airflow_aml_retrain.wire.definition import Definition
from airflow_aml_retrain.wire.members import member
from airflow_aml_retrain.wire.operations import Progress
from airflow_aml_retrain.wire.payloads import by_reference, is_too_large, payloads
from airflow_aml_retrain.wire.subscription import WebServiceId
from airflow_aml_retrain.wire.transfer import changes, creation, exported, kept

_PIPELINE: Final = frozenset({"assets", "input", "output", "package", "parameters"})
"""Members, casefolded, of a definition by which a service answers as it does."""


def definition_verbs(backend: Backend) -> DefinitionVerbs:
    """What is spoken to the definition of *backend*; `NotConfigured` if it has none."""
    if isinstance(backend.verbs, ArmVerbs):
        return backend.verbs.definition
    msg = (
        f"{backend.name} has no definition: it is not a web service of Azure Resource Manager; "
        "use a connection of the type azure, or PatchEndpointOperator for a classic endpoint"
    )
    raise NotConfigured(msg)


def definition_of(backend: Backend) -> Definition:
    """The definition as it is once nothing is under way."""
    return backend.run(definition_verbs(backend).settled())


def keep_definition(backend: Backend, store: BlobStore, place: str) -> str:
    """
    Write the definition as it is now, and return where, "container/path".

    *place* is "container/path.json", or "container/prefix", under which it is named by its content.
    """
    data = exported(definition_of(backend))
    if not place.endswith(".json"):
        return keep(store, f"{place.strip('/')}/{slug(backend.uri)}", data)
    store.write(*split_path(place), data)
    return place


def changed_since(backend: Backend, store: BlobStore, before: str, *, but: str) -> tuple[str, ...]:
    """
    What differs between the definition kept at *before* and the one now, as JSON paths.

    The uri of the model *but*, which we changed ourselves, is left out.
    """
    earlier = kept(store.read(*split_path(before)))
    # As a file as well: what a file withholds is then withheld on both sides.
    now = kept(exported(definition_of(backend)))
    model = now.serving().models.get(but)
    expected = earlier.having(but, model.location) if model else earlier
    return expected.differences(now)


def require_readable(backend: Backend, store: BlobStore) -> None:
    """
    Raise `NotConfigured` if the service cannot read models from *store*.

    A new web service reads them without a token, with the key of its own storage account.
    """
    if isinstance(backend.verbs, ArmVerbs):
        definition = backend.run(backend.verbs.definition.read())
        _require_same_account(definition, store, backend.name)


def _require_same_account(definition: Definition, store: BlobStore, name: str) -> None:
    account = definition.storage_account
    if account.lower() != store.account.lower():
        msg = (
            f"{name} reads its models from storage account {account!r}, and the storage "
            f"connection reaches {store.account!r}: archive models in the former"
        )
        raise NotConfigured(msg)


def put_in(backend: Backend, wanted: Definition, *, every: float, until: float) -> tuple[str, ...]:
    """
    Make the definition of *backend* what *wanted* says, and read that back.

    Returns the properties that were changed. *every* is in seconds, *until* in seconds since
    1970. Raises `BadInput` for what a file may not change, and `UpdateFailed` if the service
    says so or if its read-back says otherwise.
    """
    return backend.run(_put_in(definition_verbs(backend), wanted, every), until=until)


def _put_in(
    verbs: DefinitionVerbs, wanted: Definition, every: float
) -> Conversation[tuple[str, ...]]:
    properties = changes((yield from verbs.settled()), wanted)
    if not properties:
        return ()
    operation = yield from verbs.update(properties)
    yield from verbs.followed(
        operation, every=every, seen=lambda definition: not changes(definition, wanted)
    )
    if left := changes((yield from verbs.settled()), wanted):
        raise UpdateFailed(verbs.title, reason=f"its read-back has not taken over {sorted(left)}")
    return tuple(sorted(properties))


def ensure_twin(
    arm: ResourceManager,
    store: BlobStore,
    service: str,
    twin: str,
    *,
    commitment_plan: str,
    place: str,
    every: float,
    until: float,
) -> bool:
    """
    Make the web service *twin* like *service* where it is missing; whether it was.

    One whose creation failed is missing. Raises `NotConfigured` for one that answers by another
    pipeline than *service*: a model would be judged in it as it never serves.

    Both are named as `Subscription.find` takes them, the twin with its group. *commitment_plan*
    is a resource id or "group/name". The twin reads from the storage account of *store*, whose
    key it is given. A definition of more than 3 MB goes by way of a blob under *place*
    ("container/prefix").
    """
    names = [arm.run(arm.subscription.find(name), until=until) for name in (twin, service)]
    if names[0].key == names[1].key:
        msg = f"{twin!r} is {service!r} itself: a twin is a second web service, for nobody's use"
        raise BadInput(msg)
    verbs, source = map(arm.definition, names)
    there = arm.run(_there(verbs), until=until)
    found = arm.run(source.settled(every=every), until=until)
    if there and not _is_a_failed_creation(there):
        _require_alike(found, there, source.title, verbs.title)
        return False
    _require_same_account(found, store, source.title)
    body = creation(
        found,
        region=found.location,
        storage_account=store.account,
        storage_key=store.key,
        commitment_plan=_plan_id(arm, commitment_plan),
    )
    if is_too_large(body):
        body = _by_way_of_a_blob(body, store, place)
    before = there.modified if there else ""
    arm.run(_created(verbs, body, every, before), until=until)
    return True


def _there(verbs: DefinitionVerbs) -> Conversation[Definition | None]:
    try:
        return (yield from verbs.settled())
    except UnexpectedAnswer as exc:
        if exc.status != 404:
            raise
        return None


def _is_a_failed_creation(found: Definition) -> bool:
    return found.progress is Progress.FAILED and not found.assets and not _is_kept_apart(found)


def _is_kept_apart(definition: Definition) -> bool:
    """Whether the service keeps the assets in a blob, and does not show them."""
    apart = member(definition.properties, "payloadsInBlobStorage") is True
    return apart and not definition.assets


def _require_alike(service: Definition, twin: Definition, name: str, twin_name: str) -> None:
    # As files: what a file withholds is then withheld on both sides.
    mine, theirs = kept(exported(service)), kept(exported(twin))
    compared = _PIPELINE
    if _is_kept_apart(service) or _is_kept_apart(twin):
        compared = _PIPELINE - {"assets"}
    else:
        models = theirs.serving().models
        for key in mine.serving().models.keys() & models.keys():
            # Its own trained model is what a twin is for.
            mine = mine.having(key, models[key].location)
            theirs = theirs.having(key, models[key].location)
    others = [path for path in mine.differences(theirs) if _head(path) in compared]
    if others:
        msg = (
            f"{twin_name} is there and differs from {name} in {', '.join(others)}: a model would "
            "be judged in another pipeline than it serves in. Delete it, and it is made anew; or "
            f"let ImportDefinitionOperator put what {name} has there into it"
        )
        raise NotConfigured(msg)


def _head(path: str) -> str:
    """The member that *path* ("package.nodes") begins with, casefolded."""
    return path.partition(".")[0].partition("[")[0].casefold()


def _created(
    verbs: DefinitionVerbs, body: dict[str, object], every: float, before: str
) -> Conversation[None]:
    """Create it; *before* is when a creation ended that failed, as the service writes it."""
    operation = yield from verbs.create(body)
    yield from verbs.followed(
        operation,
        every=every,
        seen=lambda found: found.modified not in {"", before},
        settling=SETTLING,
    )


def _by_way_of_a_blob(body: dict[str, object], store: BlobStore, place: str) -> dict[str, object]:
    parts = payloads(body)
    container, path = split_path(f"{place.strip('/')}/{sha256(parts).hexdigest()[:24]}.json")
    store.write(container, path, parts)
    return by_reference(body, store.location(container, path))


def _plan_id(arm: ResourceManager, plan: str) -> str:
    """The resource id of the commitment plan *plan*, which may be written "group/name"."""
    group, _, name = plan.strip("/").partition("/")
    if "/" in name:
        return plan
    own = WebServiceId(arm.subscription.url.rpartition("/")[2], group, name)
    return own.path.replace("/webServices/", "/commitmentPlans/")
