"""
A piece of a decision record, read by whoever expects a certain type there.

Law: reading never fails. A record may be older, cut short, or about a decision that had hardly
any numbers; what is not there, or is something else, is None or empty, and is not drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_aml_retrain.gate.report.markup import shown
from airflow_aml_retrain.gate.rows import ANCHOR, CHALLENGER, CHAMPION

MODELS: Final = (CHAMPION, CHALLENGER, ANCHOR)
_UNTHINKABLE: Final = 1e100
"""No axis is drawn to a number like this, nor to an infinite one, nor to one that is none."""


@dataclass(frozen=True, slots=True)
class Part:
    """One JSON object; false when it is empty or was none."""

    content: Mapping[str, object]

    def __bool__(self) -> bool:
        return bool(self.content)

    @property
    def keys(self) -> tuple[str, ...]:
        """Sorted, since a record that was read from JSON has forgotten how it was written."""
        return tuple(sorted(map(str, self.content)))

    @property
    def models(self) -> tuple[str, ...]:
        """Those of the three models that have an entry here, the champion first."""
        return tuple(model for model in MODELS if self.content.get(model) is not None)

    def text(self, key: str, length: int = 400) -> str:
        value = self.content.get(key)
        return "" if value is None else shown(str(value), length)

    def flag(self, key: str) -> bool:
        return self.content.get(key) is True

    def number(self, key: str) -> float | None:
        return _number(self.content.get(key))

    def count(self, key: str) -> int:
        return max(0, int(self.number(key) or 0))

    def part(self, key: str) -> "Part":
        return _part(self.content.get(key))

    def parts(self, key: str) -> tuple["Part", ...]:
        return tuple(part for part in map(_part, _items(self.content.get(key))) if part)

    def texts(self, key: str, length: int = 400) -> tuple[str, ...]:
        return tuple(shown(str(each), length) for each in _items(self.content.get(key)))

    def numbers(self, key: str) -> tuple[float, ...]:
        return _numbers(self.content.get(key))

    def lists(self, key: str) -> tuple[tuple[float, ...], ...]:
        """A list of lists of numbers: points of a curve, rows of a matrix."""
        return tuple(_numbers(each) for each in _items(self.content.get(key)))


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _part(value: object) -> Part:
    return Part(value if isinstance(value, Mapping) else {})


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _UNTHINKABLE else None


def _numbers(value: object) -> tuple[float, ...]:
    return tuple(number for each in _items(value) if (number := _number(each)) is not None)
