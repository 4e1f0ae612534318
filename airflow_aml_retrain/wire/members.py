"""
Members of the resource manager's JSON objects.

Law: names of members are read case-insensitively, since the service both takes and returns
`locationInfo` and `LocationInfo`, and are kept as they came where they go back to it.
"""

from collections.abc import Mapping


def name_of(said: object, name: str) -> str | None:
    """Return how *said* spells its member *name* (None: it has none, or is no object)."""
    if not isinstance(said, Mapping):
        return None
    if name in said:
        return name
    folded = name.casefold()
    return next((str(each) for each in said if str(each).casefold() == folded), None)


def member(said: object, *path: str) -> object:
    """Return what lies at *path* inside *said*; None where there is nothing."""
    for name in path:
        spelled = name_of(said, name)
        if spelled is None or not isinstance(said, Mapping):
            return None
        said = said[spelled]
    return said


def members(said: object, *path: str) -> Mapping[str, object]:
    """Return the object at *path* inside *said*; empty where there is none."""
    found = member(said, *path)
    return found if isinstance(found, Mapping) else {}


def text(said: object, *path: str) -> str:
    """Return the text at *path* inside *said*; empty where there is none."""
    found = member(said, *path)
    return found if isinstance(found, str) else ""
