"""The plugin is found by Airflow, is light, and is shut to strangers and to other blobs."""

import ast
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import pytest

from airflow_aml_retrain.operators.run import run_folder
from airflow_aml_retrain.plugin import mount
from airflow_aml_retrain.plugin.mount import AmlRetrainPlugin
from airflow_aml_retrain.plugin.report import create_app, is_report_of

DAG, RUN = "retrain", "manual__2026-10-01T00:00:00+00:00"
FOLDER: Final = f"c/records/decisions/{run_folder(DAG, RUN)}"


def test_airflow_finds_it_by_its_entry_point() -> None:
    [found] = {each.value: each for each in entry_points(group="airflow.plugins")}.values()

    assert found.load() is AmlRetrainPlugin


def test_processes_that_serve_no_pages_load_nothing_for_them() -> None:
    # Looked up in the text: whatever else was imported in this process would be there already.
    tree = ast.parse(Path(mount.__file__).read_text())
    imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}

    assert imported == {
        "collections.abc",
        "functools",
        "typing",
        "airflow.sdk.plugins_manager",
        "airflow_aml_retrain.links.pages",
    }


def test_every_page_asks_who_it_is_and_what_they_may_read() -> None:
    routes: list[Any] = list(create_app().routes)

    assert {route.path for route in routes} == {
        "/report/{dag_id}/{run_id}/{task_id}",
        "/report/{dag_id}/{run_id}/{task_id}/{map_index}",
    }
    for route in routes:
        asked = [each.call.__qualname__ for each in route.dependant.dependencies]
        assert asked.count("requires_access_dag.<locals>.inner") == 2


@pytest.mark.parametrize("task", ["evaluate", "group.evaluate", "approve-3"])
def test_the_reports_of_a_run_are_shown(task: str) -> None:
    assert is_report_of(f"{FOLDER}/{task}-0123456789ab.html", DAG, RUN)


@pytest.mark.parametrize(
    "place",
    [
        f"{FOLDER}/evaluate.json",
        f"{FOLDER}/../../champions/a.html",
        f"{FOLDER}/./evaluate.html",
        f"{FOLDER}//evaluate.html",
        f"../{FOLDER}/evaluate.html",
        f"{FOLDER}/evaluate.html?sig=x",
        f"c/records/decisions/{run_folder('another', RUN)}/evaluate.html",
        f"c/records/decisions/{run_folder(DAG, 'another')}/evaluate.html",
        f"/decisions/{run_folder(DAG, RUN)}/evaluate.html",
        f"c/records/{run_folder(DAG, RUN)}/evaluate.html",
        rf"{FOLDER}/..\..\x.html",
        f"{FOLDER}/..%2fx.html",
        f"{FOLDER}/evaluate\n.html",
        f"{FOLDER}/evaluate.html#.html",
        "c/landing/a.html",
        "",
    ],
)
def test_no_other_blob_is_shown(place: str) -> None:
    assert not is_report_of(place, DAG, RUN)
