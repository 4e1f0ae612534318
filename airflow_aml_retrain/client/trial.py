"""
What the *Test connection* buttons ask, and how they say what they saw.

Law: a trial really asks, changes nothing, and ends within `PATIENCE` seconds.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.resource_manager import ResourceManager
from airflow_aml_retrain.client.studio import Studio
from airflow_aml_retrain.errors import NotUpdatable, RetrainError, UnexpectedAnswer
from airflow_aml_retrain.wire.jobs import JobId

PATIENCE: Final = 15.0
_NAMED: Final = 5
_NO_SUCH_JOB: Final = JobId("0" * 32)
_REFUSED: Final = frozenset({401, 403})
_KNOWN_KEY: Final = frozenset({400, 404})

Saw = tuple[bool, str]
"""Whether all is well, and one sentence on what was seen."""


def try_workspace(studio: Studio, *, clock: Callable[[], float] = time.time) -> Saw:
    """List the web services with the workspace's token."""
    try:
        services = studio.run(studio.workspace.services(), until=clock() + PATIENCE)
    except UnexpectedAnswer as exc:
        if exc.status in _REFUSED:
            return False, f"The workspace refused the token (HTTP {exc.status})."
        return False, f"The workspace did not list its web services: {exc}"
    except RetrainError as exc:
        return False, str(exc)
    listed = _listed([service.name for service in services])
    return True, f"The workspace knows the token and has {listed}."


def try_subscription(
    arm: ResourceManager, group: str = "", *, clock: Callable[[], float] = time.time
) -> Saw:
    """List the new web services (of *group*, if one is named) as the principal sees them."""
    try:
        services = arm.run(arm.subscription.services(group or None), until=clock() + PATIENCE)
    except UnexpectedAnswer as exc:
        if exc.status in _REFUSED:
            return False, f"The Resource Manager refused the principal: {exc}"
        return False, f"The Resource Manager did not list the web services: {exc}"
    except RetrainError as exc:
        return False, str(exc)
    listed = _listed([service.id.title for service in services])
    return True, f"The Resource Manager knows the principal and shows {listed}."


def try_service(backend: Backend, *, clock: Callable[[], float] = time.time) -> Saw:
    """Ask the state of a job that cannot exist; whoever is told so has the right key."""
    until = clock() + PATIENCE
    try:
        backend.run(backend.verbs.poll(_NO_SUCH_JOB), until=until)
    except UnexpectedAnswer as exc:
        if exc.status in _REFUSED:
            return False, f"The service refused the API key (HTTP {exc.status})."
        if exc.status not in _KNOWN_KEY:
            return False, f"The service answered something else than expected: {exc}"
    except RetrainError as exc:
        return False, str(exc)
    return True, f"The batch service knows the API key; {_told_of_model(backend, until)}."


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(ascii(name) for name in names[:_NAMED])
    more = ", ..." if len(names) > _NAMED else ""
    return f"{len(names)} web services{f': {shown}{more}' if names else ''}"


def _told_of_model(backend: Backend, until: float) -> str:
    """What the endpoint tells this key of its model, as half a sentence."""
    try:
        serving = backend.run(backend.verbs.serving(), until=until)
    except NotUpdatable:
        return "without a PATCH URL it can retrain and score, not promote"
    except UnexpectedAnswer as exc:
        if exc.status in _REFUSED:
            return "the key may not read the endpoint, so a promotion is verified by its answers"
        return f"the PATCH URL answered HTTP {exc.status}"
    except RetrainError as exc:
        return f"the PATCH URL did not do: {exc}"
    if not serving.models:
        return "the endpoint has no updatable resources: it can retrain and score, not promote"
    return f"the endpoint can be updated: {', '.join(map(ascii, serving.models))}"
