"""
Which tests run side by side, where `pytest -n` runs several at once.

Law: a file's tests stay together, for they share what its fixtures have made. All that need a
running Airflow are as one file, and come first: there is one Airflow for them, which takes longer
to start than most of them take, and while they wait for it others use the processors.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from xdist.scheduler import LoadScopeScheduling

Item = TypeVar("Item")

ONE_AIRFLOW: Final = ("tests/airflow_server/", "tests/demo/test_furnish", "tests/demo/test_story")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist brings no types
    """Gives each process a file after the other, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return "airflow" if needs_airflow(nodeid) else nodeid.partition("::")[0]


def needs_airflow(nodeid: str) -> bool:
    return nodeid.startswith(ONE_AIRFLOW)


def in_order(items: Iterable[tuple[str, Item]]) -> list[Item]:
    """*items*, each with its id, those with Airflow before all others."""
    return [item for _, item in sorted(items, key=lambda each: not needs_airflow(each[0]))]
