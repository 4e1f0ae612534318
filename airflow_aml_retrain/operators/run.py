"""What operators ask of the run they are in."""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_aml_retrain.errors import NotConfigured

if TYPE_CHECKING:
    from airflow.sdk import Context


def owner_of(context: "Context") -> str:
    """Who holds what this run has claimed: the run, its task group, its index where mapped."""
    task = context["ti"]
    group = task.task_id.rpartition(".")[0]
    mapped = "" if task.map_index in (None, -1) else f"[{task.map_index}]"
    return f"{task.dag_id}/{task.run_id}{'/' if group else ''}{group}{mapped}"


def doer_of(context: "Context") -> str:
    """Who is at work on a change: one task of `owner_of`, over its retries."""
    return f"{owner_of(context)}:{context['ti'].task_id.rpartition('.')[2]}"


def folder_of(context: "Context") -> str:
    """A path for what this task writes."""
    task = context["ti"]
    mapped = "" if task.map_index in (None, -1) else f"-{task.map_index}"
    return f"{run_folder(task.dag_id, task.run_id)}/{task.task_id}{mapped}"


def run_folder(dag_id: str, run_id: str) -> str:
    """A path for what a run writes; the hash keeps run ids apart that clean to one name."""
    run = re.sub(r"[^A-Za-z0-9_.-]", "-", run_id)
    digest = sha256(run_id.encode()).hexdigest()[:8]
    return f"{dag_id}/{run}-{digest}"


def given(rendered: str | None) -> str | None:
    """A templated text, None where a form field was left empty."""
    text = (rendered or "").strip()
    return None if text in {"", "None"} else text


def truth(name: str, rendered: bool | str) -> bool:  # noqa: FBT001 - a parameter as templated
    """A templated yes or no."""
    match str(rendered).strip().lower():
        case "true" | "1" | "yes":
            return True
        case "false" | "0" | "no" | "" | "none":
            return False
        case other:
            msg = f"{name}: expected true or false, got {other!r}"
            raise NotConfigured(msg)


def mapping(name: str, rendered: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    """A templated mapping, or the JSON of one."""
    from airflow_aml_retrain.wire.shapes import shape_of

    if isinstance(rendered, str):
        try:
            rendered = json.loads(rendered)
        except ValueError as exc:
            msg = f"{name}: expected a mapping or its JSON, got a text that is none"
            raise NotConfigured(msg) from exc
    if not isinstance(rendered, Mapping):
        msg = f"{name}: expected a mapping, got {shape_of(rendered)}"
        raise NotConfigured(msg)
    return rendered
