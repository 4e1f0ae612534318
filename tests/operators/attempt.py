"""
One try of `RetrainManyOperator` as a process that can be killed: `python -m` this, with a file.

The file is the task state store, a line of JSON for each write, so that a kill leaves what was
written. The process ends when the operator defers, and says how.
"""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from airflow.sdk.exceptions import TaskDeferred

from airflow_aml_retrain.operators.many import RetrainManyOperator
from tests.world import TRAINING


@dataclass(frozen=True)
class StateFile:
    """A task state store that outlives its process."""

    file: Path

    def get(self, key: str, default: Any = None) -> Any:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return {key: default, **dict(map(json.loads, lines))}[key]

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps([key, value]) + "\n")


@dataclass(frozen=True)
class Task:
    """What the operator reads of its task instance."""

    # The deadline is counted from here, and is not what is tried.
    start_date: datetime = datetime(2100, 1, 1, tzinfo=UTC)
    try_number: int = 1
    max_tries: int = 0


def main() -> None:
    file, models = Path(sys.argv[1]), sys.argv[2]
    operator = RetrainManyOperator(task_id="many", models=models, service=TRAINING)
    context = {"task_state_store": StateFile(file), "ti": Task()}
    try:
        operator.execute(cast("Any", context))
    except TaskDeferred as deferred:
        sys.stdout.write(json.dumps(deferred.trigger.serialize()[1]["jobs"]))


if __name__ == "__main__":
    main()
