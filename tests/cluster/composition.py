"""
`docker-compose.yaml`, read as Docker Compose reads it: merged, interpolated, its blanks filled in.

Only what our file uses is known here; anything else that Compose would interpolate is an error.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
OURS: Final = "airflow-aml-retrain"
FILE: Final = ROOT / "docker-compose.yaml"

# https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
_VARIABLE: Final = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?::\?(?P<message>[^}]*)|:-(?P<default>[^}]*))?\}|(?P<bad>))"
)


class NotComposed(ValueError):
    """What Docker Compose would not take."""


@dataclass(frozen=True)
class Service:
    """One service: its *name*, and the rest as the file has it."""

    name: str
    said: Mapping[str, Any]

    @property
    def command(self) -> list[str]:
        return [str(word) for word in self.said.get("command", [])]

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.said.get("environment", {}))

    @property
    def replicas(self) -> int:
        return int(self.said.get("deploy", {}).get("replicas", 1))

    @property
    def waits_for(self) -> Mapping[str, str]:
        """The services that it starts after, and what each must have come to."""
        after = self.said.get("depends_on", {})
        return {name: str(each["condition"]) for name, each in after.items()}

    @property
    def check(self) -> list[str]:
        """The command that tells whether it is well; none for what is to end."""
        match self.said.get("healthcheck", {}).get("test", []):
            case ["CMD", *words]:
                return [str(word) for word in words]
            case ["CMD-SHELL", str(line)]:
                return ["/bin/sh", "-c", line]
            case []:
                return []
            case other:
                msg = f"{self.name}: a health check cannot be {other!r}"
                raise NotComposed(msg)

    @property
    def is_ours(self) -> bool:
        """Whether it runs in our own image."""
        return str(self.said["image"]) == OURS

    @property
    def is_airflow(self) -> bool:
        """Whether it is a process of Airflow's, with all of its settings."""
        return self.is_ours and "AIRFLOW__CORE__EXECUTOR" in self.environment


def document() -> dict[str, Any]:
    """The file, merged and otherwise as it is written."""
    return dict(yaml.safe_load(FILE.read_text()))


def services(variables: Mapping[str, str]) -> dict[str, Service]:
    """The services by name, *variables* being what stands in `.env`."""
    told = _filled(document()["services"], variables)
    return {name: Service(name, said) for name, said in told.items()}


@cache
def variables() -> frozenset[str]:
    """What the file asks `.env` for."""
    return frozenset(
        match["name"]
        for text in _texts(document())
        for match in _VARIABLE.finditer(text)
        if match["name"]
    )


def example() -> dict[str, str]:
    """What `.env.example` holds."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        if match["bad"] is not None:
            msg = f"a dollar sign that Compose would not take, in {text!r}"
            raise NotComposed(msg)
        said = variables.get(match["name"], "")
        if not said and match["message"]:
            msg = f"{match['name']}: {match['message']}"
            raise NotComposed(msg)
        return said or match["default"] or ""

    return _VARIABLE.sub(value, text)


def _filled(said: Any, variables: Mapping[str, str]) -> Any:
    match said:
        case str():
            return interpolated(said, variables)
        case list():
            return [_filled(each, variables) for each in said]
        case dict():
            return {name: _filled(each, variables) for name, each in said.items()}
        case _:
            return said


def _texts(said: Any) -> Iterator[str]:
    match said:
        case str():
            yield said
        case list():
            for each in said:
                yield from _texts(each)
        case dict():
            for each in said.values():
                yield from _texts(each)
        case _:
            pass
