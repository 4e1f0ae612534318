"""
The plugin as Airflow finds it, by the entry point `airflow.plugins`.

Law: every process of Airflow loads plugins, the process of every task too, and only the web
server serves pages. So nothing is imported here for the page until somebody asks for it.

The package does not name the plugin as its provider's as well: where `lazy_load_providers` is off
Airflow 3.3.2 takes the second mention for an error, and tasks then load no later plugin.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.sdk.plugins_manager import AirflowPlugin

from airflow_aml_retrain.links.pages import REPORTS

if TYPE_CHECKING:
    from fastapi import FastAPI

_Message = MutableMapping[str, Any]


async def pages(
    scope: _Message,
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """The ASGI application, made when it is first asked."""
    await _made()(scope, receive, send)


@cache
def _made() -> "FastAPI":
    from airflow_aml_retrain.plugin.report import create_app

    return create_app()


def _listeners() -> list[object]:
    """
    What notes the verdicts of runs, in the scheduler, which is where runs end.

    Elsewhere there is none: where a process that reads DAG files has a listener, whatever it
    listens to, Airflow 3.3.2 refuses all DAGs with a task that may end from its trigger.
    """
    if sys.argv[1:2] != ["scheduler"]:
        return []
    from airflow_aml_retrain.plugin import note

    return [note]


class AmlRetrainPlugin(AirflowPlugin):
    """Mounts the report's page beside Airflow's own API."""

    name = "aml_retrain"
    fastapi_apps = [{"name": "aml_retrain", "app": pages, "url_prefix": REPORTS}]  # noqa: RUF012 - Airflow's
    listeners = _listeners()
