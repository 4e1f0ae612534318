"""
The example DAGs as the demo runs them: their schedule begins where the story does.

An example's start date is fixed, as every DAG's should be (Airflow warns of one that changes from
parse to parse), and a story of "the two months past" is told on any day. So the demo runs copies
in which the one date is another.
"""

import re
from datetime import date
from pathlib import Path
from typing import Final

from airflow_aml_retrain.demo.processes import DemoFailed

_START: Final = re.compile(r"start_date=datetime\((\d+), (\d+), (\d+), tzinfo=UTC\)")


def begins(file: Path) -> date:
    """The day on which the schedule of the DAG in *file* begins."""
    found = _START.search(file.read_text())
    if found is None:
        msg = f"{file} has no DAG that begins like {_START.pattern!r}"
        raise DemoFailed(msg)
    year, month, day = map(int, found.groups())
    return date(year, month, day)


def dated(dags: Path, folder: Path, start: date) -> Path:
    """Copy the DAG files in *dags* into *folder*, their schedules beginning on *start*."""
    folder.mkdir(parents=True, exist_ok=True)
    begins = f"start_date=datetime({start.year}, {start.month}, {start.day}, tzinfo=UTC)"
    copies = {file.name: _START.sub(begins, file.read_text()) for file in dags.glob("*.py")}
    if not any(begins in copy for copy in copies.values()):
        msg = f"no DAG in {dags} begins like {_START.pattern!r}"
        raise DemoFailed(msg)
    for name, copy in copies.items():
        (folder / name).write_text(copy)
    return folder
