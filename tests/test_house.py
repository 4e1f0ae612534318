"""The rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from airflow_aml_retrain import errors
from tests.scheduling import needs_airflow

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "airflow_aml_retrain"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))
DOORS: Final = [module for module in MODULES if module.name == "__init__.py"]
FORBIDDEN: Final = frozenset({"utils", "helpers", "common", "base", "manager", "misc", "core"})
OUTSIDE: Final = {
    "azure-identity": "azure.identity",
    "apache-airflow": "airflow.sdk",
    "apache-airflow-providers-microsoft-azure": "airflow.providers.microsoft.azure",
    "apache-airflow-providers-standard": "airflow.providers.standard",
    "azure-storage-blob": "azure.storage.blob",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}


def setup_cfg() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def called(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


@cache
def every_import() -> frozenset[str]:
    return frozenset(each for module in MODULES for each in imports(module))


def imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(name), names=names):
                yield from (f"{name}.{each.name}" for each in names)
            case _:
                pass


@pytest.mark.parametrize("door", DOORS, ids=called)
def test_every_room_has_a_door_with_one_sentence_on_it(door: Path) -> None:
    tree = ast.parse(door.read_text())
    said = ast.get_docstring(tree) or ""

    # The package's own door also says the version, which setup.cfg reads.
    beside = 1 if door.parent == PACKAGE else 0
    assert re.fullmatch(r"[^\n]+\.", said)
    assert len(tree.body) == 1 + beside


def test_every_folder_with_modules_is_a_room() -> None:
    folders = {module.parent for module in MODULES}

    assert {door.parent for door in DOORS} == folders


@pytest.mark.parametrize("module", MODULES, ids=called)
def test_every_module_says_what_it_is_for_and_is_one_idea(module: Path) -> None:
    text = module.read_text()

    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 400
    assert module.stem not in FORBIDDEN


@pytest.mark.parametrize("module", MODULES, ids=called)
def test_a_secret_is_revealed_in_client_only(module: Path) -> None:
    in_client = module.is_relative_to(PACKAGE / "client")

    assert in_client or ".reveal(" not in module.read_text()


def test_the_drawn_error_tree_is_the_tree_of_classes() -> None:
    def drawn(parent: type[Exception], depth: int = 0) -> Iterator[str]:
        yield f"{'  ' * depth}{'*x+'[depth]} {parent.__name__}"
        for child in parent.__subclasses__():
            yield from drawn(child, depth + 1)

    for module in MODULES:
        if "RetrainError" in module.read_text():
            import_module(".".join(module.relative_to(ROOT).with_suffix("").parts))
    drawing = re.findall(r"(?m)^ *[*x+] [A-Z]\w+$", errors.__doc__ or "")

    assert drawing == list(drawn(errors.RetrainError))


@pytest.mark.parametrize(
    "requirement", setup_cfg()["options"]["install_requires"].split("\n")[1:], ids=str
)
def test_whatever_is_required_is_imported(requirement: str) -> None:
    name = re.split(r"[<>=]", requirement)[0]
    wanted = OUTSIDE.get(name, name.replace("-", "_"))

    assert any(each == wanted or each.startswith(f"{wanted}.") for each in every_import())


def test_whatever_is_not_python_is_shipped() -> None:
    patterns = setup_cfg()["options.package_data"]["airflow_aml_retrain"].split(", ")
    others = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }

    # As setuptools does it, a star does not cross a folder.
    left = {
        name
        for name in others
        if not any(
            fnmatch(name, pattern) and name.count("/") == pattern.count("/") for pattern in patterns
        )
    }
    assert not left


def test_no_file_names_a_place_on_one_machine() -> None:
    # In two parts, or this line would be found.
    place = re.compile(r"(?<![\w.:}])/(?:work|tmp|root|home)" + r"/\w")
    folders = [PACKAGE, ROOT / "tests", ROOT / "dags", ROOT / ".ci"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file()]

    guilty = [
        called(path)
        for path in files
        if not {"__pycache__", ".ruff_cache"} & set(path.parts)
        and path.suffix != ".gz"
        and place.search(path.read_text("utf-8", "replace"))
    ]
    assert guilty == []


def test_whoever_needs_the_running_airflow_is_tested_together() -> None:
    named = re.compile(r"\b(?:real_airflow|under_way): ")
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if named.search(path.read_text())]

    assert files
    assert [called(path) for path in files if not needs_airflow(called(path))] == []
