"""
What the *Test connection* buttons ask, and how they say what they saw.

Law: a trial really asks, changes nothing, and ends within `PATIENCE` seconds.
"""

import time
from collections.abc import Callable
from typing import Final

from airflow_aml_retrain.client.backend import Backend
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
    names = [ascii(service.name) for service in services[:_NAMED]]
    more = ", ..." if len(services) > _NAMED else ""
    listed = f": {', '.join(names)}{more}" if names else ""
    return True, f"The workspace knows the token and has {len(services)} web services{listed}."


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
