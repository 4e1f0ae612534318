"""
What became of each model of a run: promoted, kept or failed, and why.

Law: read from what Airflow knows, the states and results of the mapped tasks; a failure is told
in the words of the task that failed, which leaves them behind when it does (`note_failure`); of a
row of the table that was left out, in those of the task that read it (`read_models`).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict

from airflow_aml_retrain.errors import ModelsFailed, NotConfigured, RetrainError
from airflow_aml_retrain.journeys.table import REFUSED, ModelRow

if TYPE_CHECKING:
    from airflow.sdk import Context

log: Final = logging.getLogger(__name__)

WHY: Final = "aml_retrain_failure"
"""The XCom in which a task that failed says why."""

_LONGEST: Final = 1000
_TROUBLE: Final = frozenset({"failed", "upstream_failed"})


class Became(TypedDict):
    """One *model*: its *outcome* is "promoted", "kept" or "failed"."""

    model: str
    outcome: str
    why: str


def note_failure(context: "Context") -> None:
    """Leave behind why the task failed, for the summary; a callback."""
    from airflow.sdk.exceptions import AirflowFailException

    exc = context.get("exception")
    # Words of ours hold no secret; of others' only the kind is told.
    ours = isinstance(exc, RetrainError | AirflowFailException)
    kind = "stopped from outside" if exc is None else type(exc).__name__
    said = str(exc)[:_LONGEST] if ours else f"{kind}; see the task's log"
    context["ti"].xcom_push(key=WHY, value=said)


def summarise(
    models: Sequence[ModelRow] | None, *, tasks: Mapping[str, str], fail_when: str = "all"
) -> list[Became]:
    """
    What became of each model, in the order of the table; rows that were refused come last.

    *tasks* are the ids of the tasks of a journey, and of *table*, by what they do.
    """
    from airflow.sdk import get_current_context

    if models is None:
        msg = "there is nothing to tell: the table of models could not be read"
        raise NotConfigured(msg)
    context = get_current_context()
    run = _Run(context, tasks)
    outcomes = [run.became(index, model["endpoint"]) for index, model in enumerate(models)]
    outcomes += run.refused()
    for line in markdown(outcomes):
        log.info("%s", line)
    failures = {each["model"]: each["why"] for each in outcomes if each["outcome"] == "failed"}
    limit = {"all": len(outcomes), "any": 1, "never": len(outcomes) + 1}[fail_when]
    if failures and len(failures) >= limit:
        context["ti"].xcom_push(key="return_value", value=outcomes)
        raise ModelsFailed(failures, len(outcomes))
    return outcomes


def markdown(outcomes: Iterable[Became]) -> Iterable[str]:
    """The table for people, line by line."""
    yield "| model | outcome | why |"
    yield "|---|---|---|"
    for each in outcomes:
        why = " ".join(each["why"].replace("|", r"\|").split())
        yield f"| {each['model']} | {each['outcome']} | {why} |"


class _Run:
    """The mapped tasks of one run."""

    def __init__(self, context: "Context", tasks: Mapping[str, str]) -> None:
        task: Any = context["ti"]
        self._task = task
        self._ids = tasks
        names = {name: each for each, name in tasks.items()}
        self._states: dict[int, dict[str, str | None]] = {}
        for said in task.get_task_breadcrumbs(task.dag_id, task.run_id):
            name = names.get(said["task_id"], said["task_id"])
            self._states.setdefault(said["map_index"], {})[name] = said["state"]

    def became(self, index: int, model: str) -> Became:
        states = self._states.get(index, {})
        decided = self._left("evaluate", index)
        headline = str(decided.get("headline", "")) if isinstance(decided, Mapping) else ""
        if states.get("promote") == "success":
            return Became(model=model, outcome="promoted", why=headline)
        if states.get("evaluate") == "success" and states.get("promote") == "skipped":
            return Became(model=model, outcome="kept", why=headline)
        if states.get("prepare") == "skipped":
            return Became(model=model, outcome="kept", why="nothing new to learn from")
        return Became(model=model, outcome="failed", why=self._why(index, states))

    def refused(self) -> list[Became]:
        """The rows of the table that were left out."""
        refused = self._left("table", None, REFUSED) or []
        return [Became(model=row["model"], outcome="failed", why=row["why"]) for row in refused]

    def _why(self, index: int, states: Mapping[str, str | None]) -> str:
        """The words of the task that failed; those that it took with it have none."""
        failed = [task for task, state in states.items() if state == "failed"]
        for task in failed:
            if said := self._left(task, index, WHY):
                return f"{task}: {said}"
        if failed:
            return f"{failed[0]} failed; see its log"
        stopped = ", ".join(
            f"{task} is {state}" for task, state in states.items() if state in _TROUBLE
        )
        return stopped or "it was never begun"

    def _left(self, task: str, index: int | None, key: str = "return_value") -> Any:
        named = self._ids.get(task, task)
        return self._task.xcom_pull(task_ids=named, key=key, map_indexes=index)
