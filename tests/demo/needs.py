"""
What example DAGs name by default, read from the DAGs themselves: nothing is listed by hand.

Law: a field is known by how its name ends, as the fields of all operators and triggers of the
package are named; so an example that is not written yet is read as well.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from airflow.sdk import DAG, Asset
from jinja2 import Environment, StrictUndefined, UndefinedError

DAGS: Final = Path(__file__).parents[2] / "dags"

_MADE_BY: Final = {"CreateEndpointOperator": "endpoint", "CreateTwinOperator": "twin"}


class Spoken(NamedTuple):
    """An endpoint that is spoken to; None: the default one, or the only one."""

    conn_id: str
    service: str
    endpoint: str | None


@dataclass
class Needs:
    """Connections, places with data ("container/prefix"), tables of models, and endpoints."""

    connections: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    endpoints: set[Spoken] = field(default_factory=set)


def examples(file: Path) -> list[DAG]:
    """The example DAGs in *file*."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(file), bundle_name="dags-folder")
    assert bag.import_errors == {}
    return list(bag.dags.values())


def needs_of(dag: DAG) -> Needs:
    """What must be there before *dag* is run, besides what it makes itself."""
    params = dict(dag.params)
    said = [(_kind(task), _rendered(_told(task), params)) for task in dag.tasks]
    needs, made = Needs(), set[Spoken]()
    for kind, fields in [*said, *(("", fields) for fields in _watching(dag))]:
        needs.connections |= _ending(fields, "conn_id")
        needs.sources |= _ending(fields, "source")
        needs.tables |= _ending(fields, "table")
        if kind in _MADE_BY:
            made |= set(_made(fields, _MADE_BY[kind]))
            needs.endpoints.add(Spoken(fields["conn_id"], fields["service"], None))
        else:
            needs.endpoints |= set(_spoken(fields))
    needs.endpoints -= made
    return needs


def _kind(task: Any) -> str:
    return str(task.task_type)


def _told(task: Any) -> dict[str, Any]:
    """The arguments of *task* by name, whether it is mapped, a function, or neither."""
    if hasattr(task, "partial_kwargs"):
        mapped = task.expand_input.value
        told = {**task.partial_kwargs, **(mapped if isinstance(mapped, Mapping) else {})}
        return {**_defaults(task.operator_class), **told}
    if hasattr(task, "python_callable"):
        signature = inspect.signature(task.python_callable)
        bound = signature.bind_partial(*task.op_args, **task.op_kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)
    return {name: getattr(task, name) for name in task.template_fields}


def _defaults(kind: type) -> dict[str, Any]:
    """What the arguments of an operator are that nobody names."""
    arguments = inspect.signature(kind).parameters.values()
    return {each.name: each.default for each in arguments if each.default is not each.empty}


def _watching(dag: DAG) -> Iterator[dict[str, Any]]:
    """The arguments of the triggers that wake *dag*."""
    for asset in _assets(getattr(dag.timetable, "asset_condition", None)):
        for watcher in asset.watchers:
            trigger: Any = watcher.trigger
            yield trigger["kwargs"] if isinstance(trigger, dict) else trigger.serialize()[1]


def _assets(condition: Any) -> Iterator[Asset]:
    """The assets of a condition, however deep it is nested."""
    if isinstance(condition, Asset):
        yield condition
    for part in getattr(condition, "objects", ()):
        yield from _assets(part)


def _rendered(fields: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """*fields* with the defaults of the form in them; what only a run knows is left out."""
    rendered = {}
    for name, value in fields.items():
        try:
            rendered[name] = [_text(each, params) for each in _each(value)]
        except UndefinedError:
            continue
    return {
        name: texts if isinstance(fields[name], list) else texts[0]
        for name, texts in rendered.items()
        if texts and all(texts)
    }


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else [value]


def _text(value: object, params: Mapping[str, Any]) -> str | None:
    """*value* as a run has it; None for nothing, and for what another task will say."""
    if not isinstance(value, str):
        return None
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - no HTML
    text = environment.from_string(value).render(params=params)
    return None if text in {"", "None"} else text


def _ending(fields: Mapping[str, Any], end: str) -> set[str]:
    return {text for name, text in fields.items() if name.endswith(end) and isinstance(text, str)}


def _spoken(fields: Mapping[str, Any]) -> Iterator[Spoken]:
    for name, service in fields.items():
        if name.endswith("service"):
            role = name.removesuffix("service")
            conn_id = fields.get(f"{role}conn_id") or fields["conn_id"]
            yield Spoken(conn_id, service, fields.get(f"{role}endpoint"))


def _made(fields: Mapping[str, Any], what: str) -> Iterator[Spoken]:
    """What a task makes: endpoints of a service, or twins, which are services."""
    for name in _each(fields.get(what)):
        if isinstance(name, str) and what == "endpoint":
            yield Spoken(fields["conn_id"], fields["service"], name)
        elif isinstance(name, str):
            yield Spoken(fields["conn_id"], name, None)
