"""The README tells the truth: its DAG runs, its tables name what there is."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from airflow.sdk import DAG

import airflow_aml_retrain
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.get_provider_info import get_provider_info
from tests.operators.desk import Desk
from tests.world import World, answers, census_like

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text()
ROWS: Final = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def first_column(heading: str) -> set[str]:
    """The names in backquotes in the first column of the table below *heading*."""
    chapter = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split("|")[1] for line in chapter.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    names = {name: name for name in ("production", "staging", "anchor")}
    with Desk.laid(world, container, **names) as desk:
        yield desk


def test_the_ten_line_dag_retrains_and_promotes(desk: Desk) -> None:
    code = block("python")
    told: dict[str, object] = {}
    desk.world.store.write("census", "landing/2026-09.csv", census_like(900).encode())
    before = answers(desk.backend, ROWS)

    exec(code, told)  # noqa: S102 - the README's own code is what is tested
    dag = told["dag"]
    assert isinstance(dag, DAG)
    states = desk.run(dag)

    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    assert states["promote"] == "success"
    assert answers(desk.backend, ROWS) != before


def test_the_table_of_the_emulator_is_the_emulator_s_own_list() -> None:
    # In a process of its own: what saves models looks into every module that is loaded, and
    # Airflow's old names, which this process has loaded, answer such looks with warnings.
    script = "from airflow_aml_retrain.emulator.app import ROUTES; print(*ROUTES, sep='\\n')"
    printed = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )

    assert first_column("The emulator") == set(printed.stdout.splitlines())


def test_the_table_of_rooms_names_every_room() -> None:
    package = Path(airflow_aml_retrain.__file__).parent
    rooms = {
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert first_column("Working on it") == rooms - {"__init__", "get_provider_info"}


def test_the_table_of_operators_names_every_operator_and_its_module() -> None:
    import importlib

    from airflow.sdk import BaseOperator

    info = get_provider_info()
    modules = [
        name
        for kind in ("operators", "sensors")
        for room in info[kind]
        for name in room["python-modules"]
    ]
    classes = {
        kind.__name__
        for name in modules
        for kind in vars(importlib.import_module(name)).values()
        if isinstance(kind, type) and issubclass(kind, BaseOperator) and kind.__module__ == name
    }

    assert first_column("Operators and sensors") == classes


def test_the_policies_of_the_readme_are_policies() -> None:
    from airflow_aml_retrain.gate.policy import Policy

    policies = [Policy.load(text) for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]

    assert [len(policy.checks) for policy in policies] == [1, 3]


def test_every_file_that_is_linked_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
