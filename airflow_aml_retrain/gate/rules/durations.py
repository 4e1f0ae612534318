"""
Durations as a policy writes them: ISO 8601, such as P14D, P2W, PT6H or P1DT12H.

Law: only units of a fixed length. A month is 28 to 31 days, so it is refused rather than guessed.
"""

import re
from datetime import timedelta
from typing import Final

from airflow_aml_retrain.errors import GateError

_ISO: Final = re.compile(
    r"P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def duration(given: object, what: str) -> timedelta:
    """The duration that *given* says; *what* is its name in messages."""
    length = given if isinstance(given, timedelta) else _read(given)
    if length <= timedelta() or length.microseconds:
        msg = (
            f"{what} is {str(given)[:40]!r}, and must be a duration in ISO 8601, made of weeks, "
            "days, hours, minutes and seconds, such as P14D or PT6H"
        )
        raise GateError(msg)
    return length


def _read(given: object) -> timedelta:
    """The duration, or none at all where *given* says none."""
    found = _ISO.fullmatch(given) if isinstance(given, str) else None
    parts = found.groupdict("0") if found else {}
    try:
        return timedelta(**{unit: int(number) for unit, number in parts.items()})
    except OverflowError:
        return timedelta()


def iso(length: timedelta) -> str:
    """*length*, a whole number of seconds, as `duration` reads it."""
    days, *clock = (f"{count}{unit[0].upper()}" if count else "" for unit, count in _units(length))
    return f"P{days}T{''.join(clock)}".removesuffix("T")


def in_words(length: timedelta) -> str:
    """*length* as a sentence has it: 14 days, 1 day 12 hours."""
    return " ".join(
        f"{count:,} {unit if count > 1 else unit[:-1]}" for unit, count in _units(length) if count
    )


def _units(length: timedelta) -> tuple[tuple[str, int], ...]:
    hours, rest = divmod(length.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return ("days", length.days), ("hours", hours), ("minutes", minutes), ("seconds", seconds)
