"""What is promised of the package as a provider: Airflow finds it, and its forms are valid."""

import importlib
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink
from airflow.triggers.base import BaseTrigger

from airflow_aml_retrain.get_provider_info import get_provider_info

INFO = get_provider_info()

_LISTINGS = """
import sys
from airflow.__main__ import main
for listing in sys.argv[1:]:
    sys.argv = ["airflow", "providers", listing, "--output", "json"]
    main()
"""


def class_of(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_what_we_say_of_ourselves_is_what_airflow_reads() -> None:
    schema = files("airflow").joinpath("provider_info.schema.json")

    jsonschema.validate(INFO, json.loads(schema.read_text()))


@pytest.mark.parametrize("said", INFO["connection-types"], ids=lambda said: said["connection-type"])
def test_a_form_and_its_hook_agree(said: dict[str, Any]) -> None:
    hook = class_of(said["hook-class-name"])

    assert issubclass(hook, BaseHook)
    assert hook.conn_type == said["connection-type"]
    assert hook.hook_name == said["hook-name"]
    assert hook(**{hook.conn_name_attr: "any"}).conn_id == "any"


@pytest.mark.parametrize("said", INFO["connection-types"], ids=lambda said: said["connection-type"])
def test_only_the_password_field_holds_a_secret(said: dict[str, Any]) -> None:
    fields = said["conn-fields"]

    assert "password" not in said["ui-field-behaviour"]["hidden-fields"]
    assert not [name for name in fields if "key" in name or "token" in name or "secret" in name]


@pytest.mark.parametrize("path", INFO["extra-links"])
def test_every_link_we_name_is_one(path: str) -> None:
    assert issubclass(class_of(path), BaseOperatorLink)


@pytest.mark.parametrize("room", ["hooks", "operators", "sensors", "triggers"])
def test_every_module_we_name_is_there(room: str) -> None:
    named = {module for said in INFO[room] for module in said["python-modules"]}

    for module in named:
        importlib.import_module(module)
    integrations = {said["integration-name"] for said in INFO["integrations"]}
    assert {said["integration-name"] for said in INFO[room]} <= integrations


@pytest.mark.parametrize("room", ["operators", "sensors", "triggers"])
def test_no_module_for_users_is_left_out(room: str) -> None:
    package = importlib.import_module(f"airflow_aml_retrain.{room}")
    names = [f"{package.__name__}.{found.name}" for found in iter_modules(package.__path__)]

    for_users = [name for name in names if _is_for_users(importlib.import_module(name))]

    assert sorted(INFO[room][0]["python-modules"]) == sorted(for_users)


def _is_for_users(module: ModuleType) -> bool:
    """Tell whether an operator, sensor or trigger is written in *module*."""
    return any(
        isinstance(said, type)
        and issubclass(said, BaseOperator | BaseTrigger)
        and said.__module__ == module.__name__
        for said in vars(module).values()
    )


def test_airflow_itself_lists_what_we_bring(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LISTINGS, "list", "hooks", "links"]
    environment = {"AIRFLOW_HOME": str(tmp_path), "PATH": str(Path(sys.executable).parent)}

    said = subprocess.run(  # noqa: S603 - our own script
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout

    ours = ["airflow-aml-retrain", "aml_studio", "aml_service", *INFO["extra-links"]]
    assert [name for name in ours if name not in said] == []
