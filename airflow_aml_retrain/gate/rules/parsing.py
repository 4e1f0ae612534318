"""
How what a user wrote becomes the values that the code works with.

Law: the type of a field says what may stand there, and there is one reader for each kind of
type. A policy from YAML, from a DAG param and from Python passes the same readers, so no string
is ever left where an enum belongs, and nothing unknown is ever skipped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import timedelta
from enum import StrEnum
from math import isfinite
from types import UnionType
from typing import ClassVar, Final, Literal, Self, Union, get_args, get_origin

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import nearest
from airflow_aml_retrain.gate.rules.durations import duration, iso

INTERNAL: Final = {"internal": True}
"""The metadata of a field that is ours to set and no key of a policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """
    A part of a policy, whose fields are read by their types however it was made.

    *place* is where it stands in a policy, for messages. A subclass checks in `require_sense`
    what types cannot say.
    """

    place: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, kind in _kinds(type(self)).items():
            object.__setattr__(self, name, read(kind, getattr(self, name), self.called(name)))
        self.require_sense()

    def require_sense(self) -> None:
        """Raise `GateError` for fields that contradict each other or mean nothing."""

    def called(self, name: str) -> str:
        """The field *name* as messages call it."""
        return f"{self.place}.{name}" if self.place else name

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """What a user may write here."""
        return tuple(each.name for each in fields(cls) if not each.metadata)

    @classmethod
    def parse(cls, given: object) -> Self:
        """The section that a mapping describes; `GateError` says what is wrong with it."""
        what = cls.place or "a policy"
        known = cls.keys()
        if not isinstance(given, Mapping):
            msg = f"{what} is a mapping of {', '.join(known)}, not {_short(given)}"
            raise GateError(msg)
        for key in given:
            if key not in known:
                msg = f"{what} has an unknown key {key!r}{_where_it_belongs(cls, str(key))}"
                raise GateError(msg)
        for each in fields(cls):
            if _is_required(each) and given.get(each.name) is None:
                msg = f"{what} must say its {each.name}, and is {_short(given)}"
                raise GateError(msg)
        kinds = _kinds(cls)
        # A key with nothing behind it, as YAML leaves it, says nothing, unless null is a choice.
        return cls(**{k: v for k, v in given.items() if v is not None or _is_optional(kinds[k])})

    def to_mapping(self) -> dict[str, object]:
        """What `parse` reads, with every default written out."""
        return {key: plain(getattr(self, key)) for key in self.keys()}


def read(kind: object, given: object, what: str) -> object:
    """*given* as a value of the type *kind*; *what* is its name in messages."""
    if isinstance(kind, type) and isinstance(given, kind) and issubclass(kind, _AS_IT_IS):
        return given
    match get_origin(kind):
        case None:
            return _read_plain(kind, given, what)
        case origin if origin is Literal:
            return _one_of(get_args(kind), given, what)
        case origin if origin is tuple:
            return _read_several(get_args(kind), given, what)
        case origin if origin in {Union, UnionType}:
            return _read_choice(get_args(kind), given, what)
        case _:
            return _read_mapping(get_args(kind), given, what)


def plain(value: object) -> object:
    """*value* as JSON has it."""
    match value:
        case Section():
            return value.to_mapping()
        case StrEnum():
            return value.value
        case timedelta():
            return iso(value)
        case tuple():
            return [plain(each) for each in value]
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case _:
            return value


_AS_IT_IS: Final = (Section, StrEnum)


def _read_plain(kind: object, given: object, what: str) -> object:
    if not isinstance(kind, type):
        msg = f"{what} has the type {kind!r}, which nothing here reads"
        raise TypeError(msg)
    if issubclass(kind, Section):
        return kind.parse(given)
    if issubclass(kind, StrEnum):
        return kind(_one_of([each.value for each in kind if each.value], given, what))
    return _READERS[kind](given, what)


def _read_choice(kinds: tuple[object, ...], given: object, what: str) -> object:
    if given is None and type(None) in kinds:
        return None
    several = [kind for kind in kinds if kind is not type(None)]
    mappings = [kind for kind in several if get_origin(kind) is Mapping]
    if mappings and isinstance(given, Mapping):
        return read(mappings[0], given, what)
    return read(several[0], given, what)


def _read_several(kinds: tuple[object, ...], given: object, what: str) -> tuple[object, ...]:
    if not isinstance(given, list | tuple):
        msg = f"{what} is {_short(given)}, and must be a list"
        raise GateError(msg)
    if kinds[-1] is Ellipsis:
        return tuple(read(kinds[0], each, f"an entry of {what}") for each in given)
    if len(given) != len(kinds):
        msg = f"{what} is {_short(given)}, and must be a list of {len(kinds)}"
        raise GateError(msg)
    return tuple(read(kind, each, what) for kind, each in zip(kinds, given, strict=True))


def _read_mapping(kinds: tuple[object, ...], given: object, what: str) -> dict[object, object]:
    if not isinstance(given, Mapping):
        msg = f"{what} is {_short(given)}, and must be a mapping"
        raise GateError(msg)
    key_kind, kind = kinds
    return {
        read(key_kind, key, f"a key of {what}"): read(kind, each, f"{what} of {key}")
        for key, each in given.items()
    }


def _one_of(known: Iterable[str], given: object, what: str) -> str:
    if isinstance(given, str) and given in known:
        return given
    msg = f"{what} is {_short(given)}{nearest(str(given), known)}"
    raise GateError(msg)


def _text(given: object, what: str) -> str:
    # A label may be 0 or 1; what YAML took for true or false was a word, and which is lost.
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        msg = f"{what} is {_short(given)}, and must be a text; put it in quotes"
        raise GateError(msg)
    if not str(given).strip():
        msg = f"{what} is {given!r}, and must not be empty"
        raise GateError(msg)
    return str(given).strip()


def _number(given: object, what: str) -> float:
    try:
        if isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given):
            return float(given)
    except OverflowError:  # an integer beyond the floats
        pass
    msg = f"{what} is {_short(given)}, and must be a number"
    raise GateError(msg)


def _count(given: object, what: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        msg = f"{what} is {_short(given)}, and must be a whole number"
        raise GateError(msg)
    return given


def _yes_or_no(given: object, what: str) -> bool:
    if not isinstance(given, bool):
        msg = f"{what} is {_short(given)}, and must be true or false"
        raise GateError(msg)
    return given


_READERS: Final[Mapping[type, Callable[[object, str], object]]] = {
    bool: _yes_or_no,
    float: _number,
    int: _count,
    str: _text,
    timedelta: duration,
}


def _kinds(section: type[Section]) -> Mapping[str, object]:
    return {each.name: each.type for each in fields(section)}


def _is_required(field: Field[object]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _is_optional(kind: object) -> bool:
    return type(None) in get_args(kind)


def _where_it_belongs(section: type[Section], key: str) -> str:
    homes = list(_homes(section, key))
    if homes:
        return f": it belongs to {' or '.join(homes)}"
    return nearest(key, section.keys())


def _homes(section: type[Section], key: str) -> Iterator[str]:
    """The places in *section*, however deep, that have a *key*."""
    for kind in _kinds(section).values():
        for part in _sections_in(kind):
            known = part.keys()
            if key in known:
                yield part.place
            yield from _homes(part, key)


def _sections_in(kind: object) -> Iterator[type[Section]]:
    if isinstance(kind, type) and issubclass(kind, Section):
        yield kind
    for inner in get_args(kind):
        yield from _sections_in(inner)


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}..."
