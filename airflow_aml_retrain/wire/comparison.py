"""
What differs between two definitions of a web service.

Law: only what a person or a program changed is a difference. What the service changes by itself
between two readings was found in recorded sessions, and is listed here.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from airflow_aml_retrain.wire.members import member, text

OF_THE_SERVICE: Final = frozenset(
    {"createdon", "modifiedon", "provisioningstate", "swaggerlocation", "payloadsinblobstorage"}
)
"""Members, casefolded, of a definition that the service alone writes."""

_FORGOTTEN: Final[Mapping[str, object]] = {"parameters": {}, "credentials": ""}
"""What the service leaves out when it is empty: an empty `parameters` vanishes after a PATCH."""


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[str]:
    """Yield the paths at which the properties *one* and *other* differ."""
    yield from _objects(_without(one), _without(other), "")


def is_encrypted(said: object) -> bool:
    """Whether *said* is a parameter whose value only the service can read."""
    return bool(text(said, "certificateThumbprint")) and member(said, "value") is not None


def _without(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value for name, value in properties.items() if name.casefold() not in OF_THE_SERVICE
    }


def _objects(one: Mapping[str, object], other: Mapping[str, object], path: str) -> Iterator[str]:
    if is_encrypted(one) and is_encrypted(other):
        return  # the same text gets another ciphertext at each reading
    mine, theirs = _by_name(one), _by_name(other)
    if len(mine) != len(one) or len(theirs) != len(other):
        # Columns of a schema may differ by case alone; then their names are what they are.
        mine, theirs = {n: (n, v) for n, v in one.items()}, {n: (n, v) for n, v in other.items()}
    for key in sorted(mine.keys() | theirs.keys()):
        name, value = mine.get(key, (theirs.get(key, (key, None))[0], None))
        step = f"{path}.{name}" if path else name
        yield from _values(value, theirs.get(key, (key, None))[1], step)


def _by_name(said: Mapping[str, object]) -> dict[str, tuple[str, object]]:
    return {name.casefold(): (name, value) for name, value in said.items()}


def _values(one: object, other: object, path: str) -> Iterator[str]:
    match one, other:
        case dict(), dict():
            yield from _objects(one, other, path)
        case list(), list() if len(one) == len(other):
            for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
                yield from _values(mine, theirs, f"{path}[{number}]")
        case _:
            # Python's True equals 1, JSON's does not.
            same = one == other and isinstance(one, bool) == isinstance(other, bool)
            if not same and not (_is_nothing(one, path) and _is_nothing(other, path)):
                yield path


def _is_nothing(value: object, path: str) -> bool:
    empty = _FORGOTTEN.get(path.rpartition(".")[2].casefold())
    return value is None or (empty is not None and value == empty)
